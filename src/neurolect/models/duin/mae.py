"""Second stage of Du-IN: the codes of half the patches, guessed from the other half."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from neurolect.models.duin.encoder import DuINEncoder
from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.layers.initialisation import STD, initialise
from neurolect.models.registry import constructor_arguments


class DuINMAE(nn.Module):
    """Masked modelling of a VQ-VAE's codes, with a mask and its complement (Zheng et al. 2024, section 3.3).

    Args:
        n_channels: of the subject that has most; others are padded with zeros.
        n_subjects: subjects that have weights of their own.
        n_samples: length of a segment, whole patches.
        n_codes: of the VQ-VAE whose codes are guessed.
        encoder: sizes.

    Raises:
        ValueError: sizes contradict each other.
    """

    def __init__(
        self,
        n_channels: int,
        n_subjects: int,
        n_samples: int,
        n_codes: int = 2048,
        encoder: EncoderSettings = EncoderSettings(),
    ) -> None:
        self.arguments = constructor_arguments(locals())
        super().__init__()
        self.encoder = DuINEncoder(n_channels, n_subjects, n_samples, encoder)
        self.head = nn.Linear(encoder.width, n_codes)
        initialise(self.head)
        self.mask_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(encoder.width), std=STD))

    def forward(self, signals: Tensor, subjects: Tensor, masked: Tensor) -> Tensor:
        """Logits of each token's code, guessed from the half of the tokens that it is not in.

        Args:
            signals: (batch, samples, channels).
            subjects: (batch,).
            masked: (batch, tokens) bool, such as `random_mask` gives.

        Returns:
            (batch, tokens, n_codes).
        """
        tokens = self.encoder.tokenize(signals, subjects)
        masked = masked.unsqueeze(-1)
        mask_token = self.mask_token.to(tokens.dtype)
        halves = torch.cat([torch.where(masked, mask_token, tokens), torch.where(masked, tokens, mask_token)])
        first, second = self.encoder.contextualise(halves).chunk(2)
        logits: Tensor = self.head(torch.where(masked, first, second))
        return logits


def random_mask(batch: int, n_tokens: int, ratio: float = 0.5, generator: Generator | None = None) -> Tensor:
    """Choose the same number of tokens to mask in every row: (batch, tokens) bool.

    Args:
        batch: rows.
        n_tokens: in each.
        ratio: share to mask; the number of others is rounded down.
        generator: on the CPU; None is torch's global one.
    """
    noise = torch.rand(batch, n_tokens, generator=generator)
    ranks = noise.argsort(dim=1).argsort(dim=1)
    return ranks >= int(n_tokens * (1 - ratio))
