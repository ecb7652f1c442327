"""First stage of Du-IN: an autoencoder of signals through a codebook, which makes the targets of the second."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from neurolect.models.duin.encoder import DuINEncoder, transformer
from neurolect.models.duin.quantiser import build_quantiser
from neurolect.models.duin.regression_heads import SubjectRegressionHeads, time_regression_head
from neurolect.models.duin.settings import DecoderSettings, EncoderSettings, QuantiserSettings
from neurolect.models.duin.subject_layer import SubjectLayer
from neurolect.models.registry import constructor_arguments


class Reconstruction(NamedTuple):
    """What the autoencoder makes of a batch.

    Args:
        signals: (batch, samples, channels).
        codes: (batch, tokens) int64.
        commitment_loss: scalar, the quantiser's.
    """

    signals: Tensor
    codes: Tensor
    commitment_loss: Tensor


class DuINVQVAE(nn.Module):
    """Signals → tokens → codes → signals (Zheng et al. 2024, section 3.2).

    Args:
        n_channels: of the subject that has most; others are padded with zeros.
        n_subjects: subjects that have weights of their own.
        n_samples: length of a segment, whole patches.
        encoder: sizes.
        quantiser: the codebook.
        decoder: sizes.

    Raises:
        ValueError: sizes contradict each other.
    """

    def __init__(
        self,
        n_channels: int,
        n_subjects: int,
        n_samples: int,
        encoder: EncoderSettings = EncoderSettings(),
        quantiser: QuantiserSettings = QuantiserSettings(),
        decoder: DecoderSettings = DecoderSettings(),
    ) -> None:
        self.arguments = constructor_arguments(locals())
        super().__init__()
        self.encoder = DuINEncoder(n_channels, n_subjects, n_samples, encoder)
        self.quantiser = build_quantiser(encoder.width, quantiser)
        self.decoder = transformer(decoder.n_blocks, encoder)
        self.has_subject_heads = encoder.subject_tokenizers
        if self.has_subject_heads:
            self.subject_heads = SubjectRegressionHeads(n_subjects, n_channels, encoder, decoder)
        else:
            self.regression = time_regression_head(encoder, decoder)
            self.subject_layer = SubjectLayer(n_subjects, self.regression.out.out_features, n_channels)

    def forward(self, signals: Tensor, subjects: Tensor) -> Reconstruction:
        """Signals (batch, samples, channels) of subjects (batch,), reconstructed; training moves the codebook."""
        quantised = self.quantiser(self.encoder(signals, subjects))
        tokens = self.decoder(quantised.values + self.encoder.time_table)
        if self.has_subject_heads:
            reconstructed = self.subject_heads(tokens, subjects)
        else:
            reconstructed = self.subject_layer(self.regression(tokens), subjects)
        return Reconstruction(reconstructed, quantised.codes, quantised.loss)

    @torch.no_grad()
    def codes(self, signals: Tensor, subjects: Tensor) -> Tensor:
        """Signals (batch, samples, channels) of subjects (batch,) → codes (batch, tokens) int64; in evaluation mode."""
        return self.quantiser.codes(self.encoder(signals, subjects))
