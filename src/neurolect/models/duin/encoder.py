"""The encoder that all Du-IN models share: channels of a subject to contextual embeddings of patches."""

from __future__ import annotations

from torch import Tensor, nn

from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.duin.subject_layer import SubjectLayer
from neurolect.models.duin.subject_tokenizers import SubjectTokenizers
from neurolect.models.duin.tokenizer import PatchTokenizer
from neurolect.models.layers.time_embedding import sinusoidal_table
from neurolect.models.layers.transformer import Transformer


class DuINEncoder(nn.Module):
    """Signals → tokens of patches → the same tokens, each in the context of the whole segment.

    Args:
        n_channels: of the subject that has most; others are padded with zeros.
        n_subjects: subjects that have weights of their own.
        n_samples: length of a segment, whole patches.
        settings: sizes.

    Raises:
        ValueError: sizes contradict each other.
    """

    time_table: Tensor

    def __init__(
        self, n_channels: int, n_subjects: int, n_samples: int, settings: EncoderSettings = EncoderSettings()
    ) -> None:
        super().__init__()
        self.n_tokens = settings.n_tokens(n_samples)
        self.width = settings.width
        if settings.subject_tokenizers:
            self.tokenizers = SubjectTokenizers(n_subjects, n_channels, settings)
        else:
            self.subject_layer = SubjectLayer(n_subjects, n_channels, settings.subject_width)
            self.tokenizer = PatchTokenizer(settings.subject_width, settings)
        self.transformer = transformer(settings.n_blocks, settings)
        self.register_buffer("time_table", sinusoidal_table(self.n_tokens, self.width), persistent=False)
        self.settings = settings

    def forward(self, signals: Tensor, subjects: Tensor) -> Tensor:
        """Signals (batch, samples, channels) of subjects (batch,) → embeddings (batch, tokens, width)."""
        return self.contextualise(self.tokenize(signals, subjects))

    def tokenize(self, signals: Tensor, subjects: Tensor) -> Tensor:
        """Signals (batch, samples, channels) of subjects (batch,) → tokens (batch, tokens, width)."""
        tokens: Tensor
        if self.settings.subject_tokenizers:
            tokens = self.tokenizers(signals, subjects)
        else:
            tokens = self.tokenizer(self.subject_layer(signals, subjects))
        return tokens

    def contextualise(self, tokens: Tensor) -> Tensor:
        """Tokens (batch, tokens, width) → embeddings of the same shape, which know where each token is."""
        embeddings: Tensor = self.transformer(tokens + self.time_table)
        return embeddings

    def channel_importance(self) -> Tensor:
        """Mean size of the weights that leave each channel: (subjects, channels), for comparison within a subject."""
        if self.settings.subject_tokenizers:
            return self.tokenizers.input_importance()
        return self.subject_layer.input_importance()


def transformer(n_blocks: int, settings: EncoderSettings) -> Transformer:
    """A transformer of the encoder's widths, for the encoder itself or a decoder."""
    return Transformer(
        n_blocks=n_blocks,
        width=settings.width,
        n_heads=settings.n_heads,
        head_width=settings.head_width,
        hidden_width=settings.hidden_factor * settings.width,
        attention_dropout=settings.attention_dropout,
        dropout=settings.dropout,
    )
