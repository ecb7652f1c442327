"""What a model class of segments has to take: all that the data decide, by these names."""

from __future__ import annotations

from typing import Protocol

from torch import nn


class AutoencoderFactory(Protocol):
    """A model class that reconstructs segments from codes."""

    def __call__(self, n_channels: int, n_subjects: int, n_samples: int) -> nn.Module:
        """Build the model for so many channels, subjects, and samples a segment."""
        ...


class CodeModelFactory(Protocol):
    """A model class that guesses the codes of hidden patches."""

    def __call__(self, n_channels: int, n_subjects: int, n_samples: int, n_codes: int) -> nn.Module:
        """Build the model for a teacher of so many codes."""
        ...


class ClassifierFactory(Protocol):
    """A model class that tells words apart."""

    def __call__(self, n_channels: int, n_subjects: int, n_samples: int, n_classes: int) -> nn.Module:
        """Build the model for so many words."""
        ...


class TaggerFactory(Protocol):
    """A model class that names each patch's initial and final."""

    def __call__(self, n_channels: int, n_subjects: int, n_samples: int, n_initials: int, n_finals: int) -> nn.Module:
        """Build the model for so many initials and finals."""
        ...


class AlignerFactory(Protocol):
    """A model class that puts trials among the vectors of words."""

    def __call__(self, n_channels: int, n_subjects: int, n_samples: int, embedding_dim: int) -> nn.Module:
        """Build the model for vectors of so many dimensions."""
        ...
