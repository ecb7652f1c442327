"""Every registered model goes through the same checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from neurolect.errors import ConfigError
from neurolect.models.duin.mae import random_mask
from neurolect.models.registry import FRAME_DECODERS, MODELS, build_model, model_class

ENCODER = {
    "patch_size": 10, "subject_width": 4, "filters": [6, 4], "kernels": [5, 3], "strides": [5, 1], "n_blocks": 1,
    "n_heads": 2, "head_width": 4,
}  # fmt: skip
SEGMENTS = {"n_channels": 3, "n_subjects": 2, "n_samples": 40, "encoder": ENCODER}
DECODER = {"n_blocks": 1, "filters": [6, 4], "kernels": [3, 12], "strides": [1, 10]}
SUBJECT_DECODER = {"n_blocks": 1, "filters": [6, 4], "kernels": [3, 7], "strides": [1, 5]}
QUANTISER = {"n_codes": 5, "code_width": 4, "kmeans": False}


@dataclass(frozen=True)
class Case:
    """A small model of each kind and form: its arguments, its inputs, and what it gives for a batch of three."""

    name: str
    arguments: dict[str, Any]
    inputs: Callable[[int], tuple[torch.Tensor, ...]]
    shapes: list[tuple[int, ...]]


def features(seed: int) -> tuple[torch.Tensor, ...]:
    return torch.randn(3, 20, 8, generator=torch.Generator().manual_seed(seed)), torch.arange(3)


def segments(seed: int) -> tuple[torch.Tensor, ...]:
    return torch.randn(3, 40, 3, generator=torch.Generator().manual_seed(seed)), torch.tensor([0, 1, 1])


def masked_segments(seed: int) -> tuple[torch.Tensor, ...]:
    return *segments(seed), random_mask(3, 4, generator=torch.Generator().manual_seed(seed))


def subject_tokenizers(arguments: dict[str, Any]) -> dict[str, Any]:
    return arguments | {"encoder": ENCODER | {"subject_tokenizers": True}}


GRU = {"neural_dim": 8, "n_days": 3, "n_classes": 5, "n_units": 8, "n_layers": 2, "patch_size": 4}
VQVAE = SEGMENTS | {"quantiser": QUANTISER, "decoder": DECODER}
CASES = {
    "GRUDecoder": Case("GRUDecoder", GRU, features, [(3, 5, 5)]),
    "DuINVQVAE": Case("DuINVQVAE", VQVAE, segments, [(3, 40, 3), (3, 4), ()]),
    "DuINMAE": Case("DuINMAE", SEGMENTS | {"n_codes": 7}, masked_segments, [(3, 4, 7)]),
    "DuINClassifier": Case("DuINClassifier", SEGMENTS | {"n_classes": 5}, segments, [(3, 5)]),
    "DuINPhonemeTagger": Case("DuINPhonemeTagger", SEGMENTS, segments, [(3, 4, 22), (3, 4, 36)]),
    "DuINAligner": Case("DuINAligner", SEGMENTS | {"embedding_dim": 6}, segments, [(3, 6)]),
}
for _name in [name for name in CASES if name not in FRAME_DECODERS]:
    _case = CASES[_name]
    _arguments = subject_tokenizers(_case.arguments | ({"decoder": SUBJECT_DECODER} if _name == "DuINVQVAE" else {}))
    CASES[f"{_name}, a tokenizer per subject"] = Case(_name, _arguments, _case.inputs, _case.shapes)
for _kind in ("gumbel", "plain", "jukebox"):
    _arguments = VQVAE | {"quantiser": QUANTISER | {"kind": _kind}}
    CASES[f"DuINVQVAE, {_kind}"] = Case("DuINVQVAE", _arguments, segments, CASES["DuINVQVAE"].shapes)


def build(case: Case) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(case.name, case.arguments).eval()


def run(model: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    outputs = model(*inputs)
    return [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)


def floats(outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    return [output for output in outputs if output.is_floating_point()]


def test_every_registered_model_is_among_the_cases():
    assert {case.name for case in CASES.values()} == set(MODELS)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
class TestEveryModel:
    def test_gives_finite_outputs_of_its_shapes(self, case):
        outputs = run(build(case), case.inputs(1))
        assert [tuple(output.shape) for output in outputs] == case.shapes
        assert all(torch.isfinite(output).all() for output in outputs)

    def test_is_deterministic_in_evaluation_and_by_seed(self, case):
        for first, second in zip(run(build(case), case.inputs(2)), run(build(case), case.inputs(2)), strict=True):
            assert torch.equal(first, second)

    def test_is_rebuilt_from_its_arguments_and_weights(self, case, tmp_path):
        model = build(case)
        with torch.no_grad():
            for tensor in model.parameters():
                tensor += 0.01
        save_file(model.state_dict(), tmp_path / "weights")
        again = build_model(case.name, json.loads(json.dumps(model.arguments))).eval()
        again.load_state_dict(load_file(tmp_path / "weights"))
        for first, second in zip(run(model, case.inputs(3)), run(again, case.inputs(3)), strict=True):
            assert torch.equal(first, second)

    def test_gives_each_row_the_answer_it_gets_alone(self, case):
        model = build(case)
        inputs = case.inputs(4)
        for row in range(3):
            alone = run(model, tuple(each[row : row + 1] for each in inputs))
            for whole, single in zip(run(model, inputs), alone, strict=True):
                if whole.ndim:
                    assert torch.allclose(whole[row : row + 1], single, atol=1e-5)

    def test_passes_gradients_to_every_parameter_in_use(self, case):
        model = build(case).train()
        sum(output.square().sum() for output in floats(run(model, case.inputs(5)))).backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_is_compiled_once_for_training(self, case):
        torch._dynamo.reset()
        with torch._dynamo.config.patch(allow_rnn=True):
            model = build(case).train()
            compiled = torch.compile(model, backend="aot_eager", dynamic=False, fullgraph=True)
            # The first batch may be another program: a codebook begins from it.
            run(compiled, case.inputs(6))
            run(compiled, case.inputs(6))
            with torch.compiler.set_stance("fail_on_recompile"):
                outputs = run(compiled, tuple(each.flip(0) for each in case.inputs(7)))
            assert [tuple(output.shape) for output in outputs] == case.shapes
        torch._dynamo.reset()

    def test_is_found_by_the_name_of_its_class(self, case):
        assert model_class(case.name).__name__ == case.name


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_compiled_once_for_evaluation_and_gives_what_it_gives_without(name):
    case = CASES[name]
    torch._dynamo.reset()
    with torch._dynamo.config.patch(allow_rnn=True):
        model = build(case)
        expected = run(model, case.inputs(6))
        compiled = torch.compile(model, backend="aot_eager", dynamic=False, fullgraph=True)
        run(compiled, case.inputs(7))
        with torch.compiler.set_stance("fail_on_recompile"):
            outputs = run(compiled, case.inputs(6))
        for output, want in zip(outputs, expected, strict=True):
            assert torch.allclose(output, want, atol=1e-6)
    torch._dynamo.reset()


@pytest.mark.parametrize("name", FRAME_DECODERS)
class TestEveryFrameDecoder:
    def test_gives_one_row_of_logits_per_frame_for_odd_lengths_too(self, name):
        model = build(CASES[name])
        for n_bins in (1, 3, 4, 5, 17, 50):
            logits = model(torch.randn(3, n_bins, 8), torch.arange(3))
            assert logits.shape == (3, model.patching.n_frames(n_bins), 5)
            assert torch.isfinite(logits).all()

    def test_is_compiled_once_per_length(self, name):
        torch._dynamo.reset()
        with torch._dynamo.config.patch(allow_rnn=True):
            model = torch.compile(build(CASES[name]), backend="aot_eager", dynamic=False, fullgraph=True)
            batches = [(torch.randn(3, n_bins, 8), torch.arange(3)) for n_bins in (12, 16)]
            expected = [model(*batch) for batch in batches]
            with torch.compiler.set_stance("fail_on_recompile"):
                for batch, logits in zip(batches, expected, strict=True):
                    assert torch.equal(model(*batch), logits)
        torch._dynamo.reset()


def test_unknown_models_and_arguments_are_refused():
    with pytest.raises(ConfigError, match="no model 'GRU'; known: GRUDecoder"):
        build_model("GRU", {})
    with pytest.raises(ConfigError, match="n_unts"):
        build_model("GRUDecoder", {"n_unts": 3})
    with pytest.raises(ConfigError, match="n_blokcs"):
        build_model("DuINMAE", SEGMENTS | {"encoder": {"n_blokcs": 3}})


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("DuINMAE", {"n_samples": 45}, "n_samples is 45, it must be a multiple of patch_size 10"),
        ("DuINMAE", {"encoder": ENCODER | {"strides": [3, 1]}}, r"strides \[3, 1\] do not divide patches of 10"),
        ("DuINMAE", {"encoder": ENCODER | {"kernels": [4, 3]}}, r"kernels are \[4, 3\], they must be odd"),
        ("DuINMAE", {"encoder": ENCODER | {"filters": [4]}}, "must be of the same number"),
        ("DuINMAE", {"encoder": ENCODER | {"strides": [0, 1]}}, r"encoder\.strides is 0, it must be at least 1"),
        ("DuINMAE", {"encoder": ENCODER | {"patch_size": 0}}, r"encoder\.patch_size is 0, it must be at least 1"),
        ("DuINMAE", {"encoder": ENCODER | {"dropout": 1.0}}, r"dropout is 1\.0, it must be from 0 to below 1"),
        ("DuINMAE", {"n_codes": -1}, "negative dimension"),
        ("DuINMAE", {"n_channels": 10**14}, "can't allocate memory"),
        ("DuINVQVAE", {"quantiser": {"n_codes": 0}}, r"quantiser\.n_codes is 0, it must be at least 1"),
        ("DuINVQVAE", {"decoder": DECODER | {"strides": [1, 5]}}, "their product must be 10"),
        ("DuINVQVAE", {"decoder": DECODER | {"kernels": [3, 7]}}, "kernel 7 is shorter than its stride 10"),
        ("DuINVQVAE", {"quantiser": {"kind": "nearest"}}, "no kind 'nearest'"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(name, changes, message):
    with pytest.raises(ConfigError, match=message):
        build_model(name, CASES[name].arguments | changes)
