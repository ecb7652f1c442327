"""The seed of a training step's random draws."""

from __future__ import annotations


def step_seed(seed: int, step: int, rank: int) -> int:
    """What dropout, noise and masks of a step are drawn from: a resumed run repeats it, no two processes share it."""
    return ((seed * 1_000_003 + step) * 1_009 + rank) % 2**64
