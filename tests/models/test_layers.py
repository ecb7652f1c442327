"""The layers that architectures share."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.duin.subject_tokenizers import SubjectTokenizers
from neurolect.models.layers.attention import SelfAttention
from neurolect.models.layers.batch_norm import SynchronisedBatchNorm
from neurolect.models.layers.quantisers.cosine import CosineQuantiser
from neurolect.models.layers.time_embedding import sinusoidal_table
from neurolect.models.layers.transformer import Transformer


def test_attention_is_a_softmax_of_products_of_normalised_queries_and_keys():
    torch.manual_seed(0)
    attention = SelfAttention(6, 2, 4).eval()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_()
    tokens = torch.randn(3, 5, 6)

    def heads(layer: nn.Linear) -> torch.Tensor:
        return layer(tokens).view(3, 5, 2, 4).transpose(1, 2)

    query = attention.query_norm(heads(attention.query))
    key = attention.key_norm(heads(attention.key))
    weights = (query @ key.transpose(2, 3) / 2).softmax(-1)
    mixed = (weights @ heads(attention.value)).transpose(1, 2).reshape(3, 5, 8)
    assert torch.allclose(attention(tokens), attention.out(mixed), atol=1e-5)


def test_dropout_of_attention_keeps_the_mean_and_needs_training():
    torch.manual_seed(1)
    attention = SelfAttention(6, 2, 4, dropout=0.3)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_()
    tokens = torch.randn(1, 5, 6)
    expected = attention.eval()(tokens)
    drawn = attention.train()(tokens.expand(20000, -1, -1))
    assert drawn.std(0).min() > 0.05
    assert torch.allclose(drawn.mean(0), expected[0], atol=0.15)


def test_deeper_blocks_begin_smaller():
    torch.manual_seed(2)
    stack = Transformer(8, 160, 8, 64, 320)
    for depth, block in enumerate(stack.blocks):
        for layer in (block.attention.query, block.attention.out, block.expand, block.contract):
            assert layer.weight.std().item() == pytest.approx(0.02 / (2 * (depth + 1)) ** 0.5, rel=0.02)
            assert not layer.bias.any()


def test_positions_are_sines_and_cosines():
    table = sinusoidal_table(40, 160)
    rates = np.exp(-np.arange(0, 160, 2) * np.log(10000) / 160)
    angles = np.arange(40)[:, None] * rates
    assert np.allclose(table[:, 0::2], np.sin(angles), atol=1e-5)
    assert np.allclose(table[:, 1::2], np.cos(angles), atol=1e-5)


def test_batch_normalisation_is_that_of_torch_where_there_is_one_process():
    ours, theirs = SynchronisedBatchNorm(3), nn.BatchNorm1d(3)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    values = torch.randn(5, 3, 4)
    assert torch.equal(ours(values), theirs(values))
    assert torch.equal(ours.running_var, theirs.running_var)


SETTINGS = EncoderSettings(patch_size=10, filters=(4, 2), kernels=(5, 3), strides=(5, 1))
SHARED: dict[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: SynchronisedBatchNorm(3),
    "tokenizers": lambda: SubjectTokenizers(2, 3, SETTINGS),
    "quantiser": lambda: CosineQuantiser(3, 8, 2, revive_after=0),
}
N_ROWS = 7
"""Not a multiple of the processes."""


def outputs(module: nn.Module, rows: slice) -> torch.Tensor:
    """Run some rows of three training batches forward and backward; the last output."""
    for step in range(3):
        values = torch.randn(N_ROWS, 20, 3, generator=torch.Generator().manual_seed(step))
        subjects = torch.arange(N_ROWS) % 2
        torch.manual_seed(step)
        module.zero_grad()
        if isinstance(module, SynchronisedBatchNorm):
            result = module(values[rows].transpose(1, 2)).transpose(1, 2)
        elif isinstance(module, SubjectTokenizers):
            result = module(values[rows], subjects[rows])
        else:
            result = module(values[rows])[0]
        (result**3).sum().backward()
    return result.detach()


def process(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    for name, build in SHARED.items():
        torch.manual_seed(9)
        module = build().train()
        result = outputs(module, slice(rank, None, 2))
        gradients = {key: parameter.grad for key, parameter in module.named_parameters()}
        torch.save((result, module.state_dict(), gradients), Path(folder) / f"{name} {rank}")
    dist.destroy_process_group()


def test_two_processes_share_statistics_and_codebook_as_one_process_has_them(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    mp.spawn(process, args=(port, str(tmp_path)), nprocs=2)
    for name, build in SHARED.items():
        torch.manual_seed(9)
        alone = build().train()
        expected = outputs(alone, slice(None))
        shared = [torch.load(tmp_path / f"{name} {rank}") for rank in range(2)]
        for rank, (result, state, _) in enumerate(shared):
            assert torch.allclose(result, expected[rank::2], atol=1e-5), name
            for key, value in alone.state_dict().items():
                assert torch.allclose(state[key], value, atol=1e-5), (name, key)
        for key, parameter in alone.named_parameters():
            summed = shared[0][2][key] + shared[1][2][key]
            assert torch.allclose(summed, parameter.grad, atol=1e-3, rtol=1e-3), (name, key)
