"""Sizes of the Du-IN models; the defaults are those of the paper's sEEG models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from neurolect.errors import ConfigError, require_at_least


@dataclass(frozen=True)
class EncoderSettings:
    """From signals to contextual embeddings of patches.

    Args:
        patch_size: samples per token.
        subject_width: signals that a subject's channels are mixed into.
        filters: of each convolution of the patch tokenizer.
        kernels: their lengths; odd.
        strides: their strides; the product divides `patch_size`.
        n_blocks: transformer blocks.
        n_heads: attention heads.
        head_width: features per head.
        hidden_factor: width of the feed-forward layers over that of the tokens.
        attention_dropout: of the attention weights, in training.
        dropout: of the feed-forward layers' hidden units, in training.
        subject_tokenizers: one tokenizer per subject, straight from its channels, instead of one for all subjects
            after a layer that mixes each subject's channels.

    Raises:
        ConfigError: sizes make no sense or contradict each other.
    """

    patch_size: int = 100
    subject_width: int = 16
    filters: tuple[int, ...] = (128, 128, 16)
    kernels: tuple[int, ...] = (19, 3, 3)
    strides: tuple[int, ...] = (10, 1, 1)
    n_blocks: int = 8
    n_heads: int = 8
    head_width: int = 64
    hidden_factor: int = 2
    attention_dropout: float = 0.2
    dropout: float = 0.2
    subject_tokenizers: bool = False

    def __post_init__(self) -> None:
        # A saved run gives them as lists, which are not equal to tuples.
        for name in ("filters", "kernels", "strides"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            require_at_least(1, f"encoder.{name}", min(getattr(self, name), default=0))
        for name in ("patch_size", "subject_width", "n_heads", "head_width", "hidden_factor"):
            require_at_least(1, f"encoder.{name}", getattr(self, name))
        for name in ("attention_dropout", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"encoder: {name} is {getattr(self, name)}, it must be from 0 to below 1")
        if not len(self.filters) == len(self.kernels) == len(self.strides):
            raise ConfigError("encoder: filters, kernels and strides must be of the same number")
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise ConfigError(f"encoder: kernels are {list(self.kernels)}, they must be odd")
        if self.patch_size % math.prod(self.strides):
            raise ConfigError(f"encoder: strides {list(self.strides)} do not divide patches of {self.patch_size}")

    @property
    def positions_per_patch(self) -> int:
        """Output positions of the tokenizer's convolutions in a patch."""
        return self.patch_size // math.prod(self.strides)

    @property
    def width(self) -> int:
        """Features per token."""
        return self.filters[-1] * self.positions_per_patch

    def n_tokens(self, n_samples: int) -> int:
        """Patches in a segment.

        Raises:
            ValueError: the segment is not whole patches.
        """
        if n_samples % self.patch_size or n_samples == 0:
            raise ValueError(f"n_samples is {n_samples}, it must be a multiple of patch_size {self.patch_size}")
        return n_samples // self.patch_size


@dataclass(frozen=True)
class DecoderSettings:
    """From quantised tokens back to signals; heads and widths of the transformer are the encoder's.

    Args:
        n_blocks: transformer blocks.
        filters: of each transposed convolution; None takes the paper's, of patches of 100 samples: 128, 128, 128, 128,
            16 for one head for all subjects, 128, 128, 128 for one head per subject.
        kernels: their lengths; None takes 3, 3, 10, 9, 19, or 3, 3, 19.
        strides: their strides, whose product undoes the encoder's; None takes 1, 1, 10, 1, 10, or 1, 1, 10.
    """

    n_blocks: int = 4
    filters: tuple[int, ...] | None = None
    kernels: tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True)
class QuantiserSettings:
    """The codebook between encoder and decoder.

    Args:
        kind: how the codebook is learned; the paper's is `cosine`.
        n_codes: size of the codebook.
        code_width: of its vectors.
        commitment: weight of the loss that draws tokens to their codes.
        decay: of the moving averages that the codebook or its counts follow.
        kmeans: `cosine` begins from k-means of the first training batch.
        revive_after: training batches after which `cosine` and `jukebox` move an unused code to a token of the batch; 0
            never does, as in the reference.
    """

    kind: Literal["cosine", "gumbel", "plain", "jukebox"] = "cosine"
    n_codes: int = 2048
    code_width: int = 64
    commitment: float = 1.0
    decay: float = 0.99
    kmeans: bool = True
    revive_after: int = 10

    def __post_init__(self) -> None:
        for name in ("n_codes", "code_width"):
            require_at_least(1, f"quantiser.{name}", getattr(self, name))
