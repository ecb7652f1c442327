"""Trials as vectors among those of words, so that words a model was not trained on can be ranked too.

The reference names such a variant and does not hold it; this one is ours, made of its contrastive block.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.duin.encoder import DuINEncoder
from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.layers.initialisation import initialise
from neurolect.models.registry import constructor_arguments


class DuINAligner(nn.Module):
    """One vector of unit length per trial, to be near that of the word that was spoken.

    Args:
        n_channels: of the subject that has most; others are padded with zeros.
        n_subjects: subjects that have weights of their own.
        n_samples: length of a trial, whole patches.
        embedding_dim: width of the words' vectors.
        token_width: what each token is narrowed to before all are joined, as in the reference's contrastive block.
        encoder: sizes.

    Raises:
        ValueError: sizes contradict each other.
    """

    def __init__(
        self,
        n_channels: int,
        n_subjects: int,
        n_samples: int,
        embedding_dim: int,
        token_width: int = 32,
        encoder: EncoderSettings = EncoderSettings(),
    ) -> None:
        self.arguments = constructor_arguments(locals())
        super().__init__()
        self.encoder = DuINEncoder(n_channels, n_subjects, n_samples, encoder)
        self.narrow = nn.Linear(encoder.width, token_width)
        self.out = nn.Linear(self.encoder.n_tokens * token_width, embedding_dim)
        initialise(self.narrow, self.out)

    def forward(self, signals: Tensor, subjects: Tensor) -> Tensor:
        """Signals (batch, samples, channels) of subjects (batch,) → unit vectors (batch, embedding_dim)."""
        narrow = self.narrow(self.encoder(signals, subjects))
        return F.normalize(self.out(narrow.flatten(1)).float(), dim=-1)
