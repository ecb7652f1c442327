"""Third stage of Du-IN: which of a list of words was spoken."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.duin.encoder import DuINEncoder
from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.layers.initialisation import initialise
from neurolect.models.registry import constructor_arguments


class DuINClassifier(nn.Module):
    """Logits over words from all tokens of a trial (Zheng et al. 2024, section 3.4).

    The reference's sigmoid before the softmax is no part of the model but of `training.duin_losses`.

    Args:
        n_channels: of the subject that has most; others are padded with zeros.
        n_subjects: subjects that have weights of their own.
        n_samples: length of a trial, whole patches.
        n_classes: words.
        hidden_width: of the head.
        encoder: sizes.

    Raises:
        ValueError: sizes contradict each other.
    """

    def __init__(
        self,
        n_channels: int,
        n_subjects: int,
        n_samples: int,
        n_classes: int = 61,
        hidden_width: int = 128,
        encoder: EncoderSettings = EncoderSettings(),
    ) -> None:
        self.arguments = constructor_arguments(locals())
        super().__init__()
        self.encoder = DuINEncoder(n_channels, n_subjects, n_samples, encoder)
        self.hidden = nn.Linear(self.encoder.n_tokens * encoder.width, hidden_width)
        self.out = nn.Linear(hidden_width, n_classes)
        initialise(self.hidden, self.out)

    def forward(self, signals: Tensor, subjects: Tensor) -> Tensor:
        """Signals (batch, samples, channels) of subjects (batch,) → logits (batch, n_classes)."""
        logits: Tensor = self.out(F.relu(self.hidden(self.encoder(signals, subjects).flatten(1))))
        return logits
