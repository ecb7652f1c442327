"""What the Du-IN models minimise, batch by batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def reconstruction_loss(reconstructed: Tensor, signals: Tensor, channel_mask: Tensor) -> Tensor:
    """Mean squared error over the channels that are there.

    Args:
        reconstructed: (batch, samples, channels).
        signals: (batch, samples, channels).
        channel_mask: (batch, channels) bool; False where a subject lacks the channel.
    """
    errors = F.mse_loss(reconstructed.float(), signals, reduction="none").mean(dim=1)
    return masked_mean(errors, channel_mask)


def masked_code_loss(logits: Tensor, codes: Tensor) -> Tensor:
    """Mean cross-entropy of codes (batch, tokens) under logits (batch, tokens, n_codes)."""
    return F.cross_entropy(logits.float().flatten(0, 1), codes.flatten())


def word_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of words (batch,) under logits (batch, n_classes)."""
    return F.cross_entropy(logits.float(), labels)


def reference_word_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """`word_loss` of the logits' sigmoids, as in the reference: it never falls below log(1 + (n_classes - 1) / e)."""
    return F.cross_entropy(logits.float().sigmoid(), labels)


def phoneme_loss(
    initial_logits: Tensor, final_logits: Tensor, initials: Tensor, finals: Tensor, token_mask: Tensor
) -> Tensor:
    """Sum of the mean cross-entropies of initials and of finals over the tokens that are speech.

    Args:
        initial_logits: (batch, tokens, n_initials).
        final_logits: (batch, tokens, n_finals).
        initials: (batch, tokens) classes; any where masked.
        finals: (batch, tokens) classes; any where masked.
        token_mask: (batch, tokens) bool; False where nothing is known to be spoken.
    """
    return tagging_loss(initial_logits, initials, token_mask) + tagging_loss(final_logits, finals, token_mask)


def tagging_loss(logits: Tensor, labels: Tensor, token_mask: Tensor) -> Tensor:
    """Mean cross-entropy of labels (batch, tokens) under logits (batch, tokens, classes) where the mask is True."""
    entropies = F.cross_entropy(logits.float().transpose(1, 2), labels.clamp(min=0), reduction="none")
    return masked_mean(entropies, token_mask)


def contrastive_loss(signals: Tensor, words: Tensor, labels: Tensor, log_scale: float = 2.0) -> Tensor:
    """Draw each trial's vector to the vectors of its word in the batch, and these to it (UniCL, Yang et al. 2022).

    Where all labels differ it is the loss of CLIP.

    Args:
        signals: (batch, width) vectors of trials, of any length.
        words: (batch, width) vector of the word that each trial is of, or of another view of it.
        labels: (batch,) classes: rows of the same class belong together.
        log_scale: logarithm of what cosines are multiplied by.
    """
    cosines = F.normalize(signals.float(), dim=-1) @ F.normalize(words.float(), dim=-1).T
    logits = math.exp(log_scale) * cosines
    together = (labels.unsqueeze(1) == labels).to(logits.dtype)
    rows = -(together * logits.log_softmax(dim=1)).sum(dim=1).mean()
    columns = -(together * logits.log_softmax(dim=0)).sum(dim=0).mean()
    return (rows + columns) / 2


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where the mask, of the same shape, is True; zero where it nowhere is."""
    kept = torch.where(mask, values, 0.0)
    return kept.sum() / mask.sum().clamp(min=1)
