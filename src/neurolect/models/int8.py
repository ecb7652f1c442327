"""Eight-bit weights for decoding one frame at a time, where reading the weights is what takes the time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from neurolect.models.gru import GRUDecoder


def quantise_dynamically(model: GRUDecoder) -> GRUDecoder:
    """A copy for CPU inference whose GRU and head hold int8 weights; activations are quantised as they come.

    Args:
        model: trained, on the CPU; it is not changed. Day layers stay in float32.
    """
    with warnings.catch_warnings(), _engine("fbgemm"):
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=".*quantiz.*deprecated.*")
        quantize: Callable[..., GRUDecoder] = torch.ao.quantization.quantize_dynamic
        return quantize(model.eval(), {nn.GRU, nn.Linear}, dtype=torch.qint8)


@contextmanager
def _engine(name: str) -> Iterator[None]:
    """Pack weights for a kernel library; for single rows `fbgemm` takes half the time of x86's default."""
    before = torch.backends.quantized.engine
    if name in torch.backends.quantized.supported_engines:
        torch.backends.quantized.engine = name
    try:
        yield
    finally:
        torch.backends.quantized.engine = before
