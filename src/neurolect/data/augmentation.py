"""Random changes to training features that a decoder should not mind.

Every transform takes features (batch, bins, features), valid (batch, bins) bool and a generator, and returns the same
shape. Noise stays out of the padding. The values of Card et al. 2024 are the defaults of `Augmentation`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Generator, Tensor

from neurolect.data.batches import Batch

Protocol = Literal["clean", "reference"]


def static_gain(features: Tensor, valid: Tensor, rng: Generator, std: float) -> Tensor:
    """Mix each trial's features with one random matrix I + std·N: electrodes that shifted."""
    batch, _, n_features = features.shape
    mixing = std * _normal((batch, n_features, n_features), features, rng)
    return features + (features @ mixing) * valid.unsqueeze(-1)


def white_noise(features: Tensor, valid: Tensor, rng: Generator, std: float) -> Tensor:
    """Add independent noise to every bin and feature."""
    return features + std * _normal(tuple(features.shape), features, rng) * valid.unsqueeze(-1)


def constant_offset(features: Tensor, valid: Tensor, rng: Generator, std: float) -> Tensor:
    """Add one random offset per trial and feature, held over time: baseline drift between blocks."""
    batch, _, n_features = features.shape
    return features + std * _normal((batch, 1, n_features), features, rng) * valid.unsqueeze(-1)


def random_walk(features: Tensor, valid: Tensor, rng: Generator, std: float) -> Tensor:
    """Add a random walk over time to every feature: baseline drift within a trial."""
    steps = std * _normal(tuple(features.shape), features, rng)
    return features + steps.cumsum(dim=1) * valid.unsqueeze(-1)


def random_walk_over_features(features: Tensor, rng: Generator, std: float) -> Tensor:
    """Add the reference's random walk, which runs along the feature axis instead of time."""
    return features + (std * _normal(tuple(features.shape), features, rng)).cumsum(dim=-1)


def time_masking(features: Tensor, valid: Tensor, rng: Generator, n_masks: int, max_fraction: float) -> Tensor:
    """Set `n_masks` stretches of each trial to zero, each up to `max_fraction` of the trial (Feghhi et al. 2025)."""
    batch, n_bins, _ = features.shape
    lengths = valid.sum(dim=1).view(batch, 1, 1)
    start, extent = torch.rand((2, batch, n_masks, 1), generator=rng, device=features.device)
    width = (extent * max_fraction * lengths).floor()
    first = (start * (lengths - width)).floor()
    position = torch.arange(n_bins, device=features.device)
    masked = ((position >= first) & (position < first + width)).any(dim=1)
    return features.masked_fill(masked.unsqueeze(-1), 0.0)


@dataclass(frozen=True)
class Augmentation:
    """The training transforms in the reference's order: gain, noise, offset, walk, cut, then time masks.

    Args:
        static_gain_std: of the random mixing matrix; 0 turns it off.
        white_noise_std: in units of the z-scored feature.
        constant_offset_std: in units of the z-scored feature.
        random_walk_std: of one step, in units of the z-scored feature.
        random_cut: up to this many bins, exclusive, are dropped from the start of every trial of a batch.
        time_masks: stretches of each trial that are set to zero.
        time_mask_fraction: longest stretch as a fraction of the trial.
        protocol: `reference` adds noise to the padding too, and lets the random walk run over features, as published.
    """

    static_gain_std: float = 0.0
    white_noise_std: float = 1.0
    constant_offset_std: float = 0.2
    random_walk_std: float = 0.0
    random_cut: int = 3
    time_masks: int = 0
    time_mask_fraction: float = 0.1
    protocol: Protocol = "clean"

    def __call__(self, batch: Batch, rng: Generator) -> Batch:
        """Return the batch with transformed features and, after the cut, shorter trials."""
        features = batch.features
        valid = torch.ones_like(batch.valid) if self.protocol == "reference" else batch.valid
        if self.static_gain_std > 0:
            features = static_gain(features, valid, rng, self.static_gain_std)
        if self.white_noise_std > 0:
            features = white_noise(features, valid, rng, self.white_noise_std)
        if self.constant_offset_std > 0:
            features = constant_offset(features, valid, rng, self.constant_offset_std)
        if self.random_walk_std > 0 and self.protocol == "reference":
            features = random_walk_over_features(features, rng, self.random_walk_std)
        elif self.random_walk_std > 0:
            features = random_walk(features, valid, rng, self.random_walk_std)
        batch = self._cut(replace(batch, features=features), rng)
        if self.time_masks > 0:
            masked = time_masking(batch.features, batch.valid, rng, self.time_masks, self.time_mask_fraction)
            batch = replace(batch, features=masked)
        return batch

    def _cut(self, batch: Batch, rng: Generator) -> Batch:
        if self.random_cut <= 0:
            return batch
        cut = torch.randint(self.random_cut, (1,), generator=rng, device=batch.features.device)
        position = torch.arange(batch.features.shape[1], device=cut.device) + cut
        # Gathered rather than sliced, so that the padded length does not change from batch to batch.
        inside = position < batch.features.shape[1]
        features = batch.features[:, position.clamp(max=batch.features.shape[1] - 1)] * inside.view(1, -1, 1)
        return replace(batch, features=features, n_bins=(batch.n_bins - cut).clamp(min=0))


def _normal(shape: tuple[int, ...], like: Tensor, rng: Generator) -> Tensor:
    return torch.randn(shape, generator=rng, device=like.device, dtype=like.dtype)
