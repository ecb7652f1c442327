"""Eight-bit weights for decoding one frame at a time, where reading the weights is what takes the time."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from neurolect.models.gru import GRUDecoder


def quantise_dynamically(model: GRUDecoder) -> GRUDecoder:
    """A copy for CPU inference whose GRU and head hold int8 weights; activations are quantised as they come.

    Args:
        model: trained, on the CPU; it is not changed. Day layers stay in float32.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch")
        warnings.filterwarnings("ignore", message=".*torch.ao.quantization is deprecated.*")
        quantised: GRUDecoder = torch.ao.quantization.quantize_dynamic(
            model.eval(), {nn.GRU, nn.Linear}, dtype=torch.qint8
        )
    return quantised
