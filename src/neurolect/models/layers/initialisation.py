"""Initial values of linear layers in transformers."""

from __future__ import annotations

from torch import nn

STD = 0.02


def initialise(*layers: nn.Linear) -> None:
    """Weights from a truncated normal distribution, biases zero."""
    for layer in layers:
        nn.init.trunc_normal_(layer.weight, std=STD)
        nn.init.zeros_(layer.bias)
