"""The initial and the final of the Mandarin syllable that each patch belongs to."""

from __future__ import annotations

from torch import Tensor, nn

from neurolect.models.duin.encoder import DuINEncoder
from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.layers.initialisation import initialise
from neurolect.models.registry import constructor_arguments


class DuINPhonemeTagger(nn.Module):
    """Logits over initials and finals per token.

    Args:
        n_channels: of the subject that has most; others are padded with zeros.
        n_subjects: subjects that have weights of their own.
        n_samples: length of a trial, whole patches.
        n_initials: classes of syllable beginnings.
        n_finals: classes of what follows in a syllable.
        hidden_width: of each head.
        encoder: sizes.

    Raises:
        ValueError: sizes contradict each other.
    """

    def __init__(
        self,
        n_channels: int,
        n_subjects: int,
        n_samples: int,
        n_initials: int = 22,
        n_finals: int = 36,
        hidden_width: int = 128,
        encoder: EncoderSettings = EncoderSettings(),
    ) -> None:
        self.arguments = constructor_arguments(locals())
        super().__init__()
        self.encoder = DuINEncoder(n_channels, n_subjects, n_samples, encoder)
        self.initials = token_head(encoder.width, hidden_width, n_initials)
        self.finals = token_head(encoder.width, hidden_width, n_finals)

    def forward(self, signals: Tensor, subjects: Tensor) -> tuple[Tensor, Tensor]:
        """Signals (batch, samples, channels) → logits (batch, tokens, n_initials) and (batch, tokens, n_finals)."""
        embeddings = self.encoder(signals, subjects)
        return self.initials(embeddings), self.finals(embeddings)


def token_head(width: int, hidden_width: int, n_classes: int) -> nn.Sequential:
    """A hidden layer and a linear one, for each token alone."""
    hidden, out = nn.Linear(width, hidden_width), nn.Linear(hidden_width, n_classes)
    initialise(hidden, out)
    return nn.Sequential(hidden, nn.ReLU(), out)
