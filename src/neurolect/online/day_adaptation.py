"""A day layer that follows the day: a few steps of training on what was just decoded.

In the spirit of Card et al. 2024 (NEJM), whose decoder was recalibrated while it was used, and of CORP (Fan et al.
2023, NeurIPS), which trains on sentences that a language model has corrected; that only the day layer moves, and no
older recordings are mixed in, is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError, require_at_least
from neurolect.models.gru import DayLayer, GRUDecoder
from neurolect.online.live_encoder import Floats
from neurolect.training.runs import Run


@dataclass(frozen=True)
class DayAdaptation:
    """After a confident sentence, train its day layer on the sentence's phonemes; all else stays.

    Args:
        steps: of Adam for each sentence, which begins anew with each.
        learning_rate: of the bias; the weights have a smaller one.
        least_confidence: mean of the words' confidences from which a sentence is trusted.
        least_words: a shorter sentence teaches nothing.

    Raises:
        ConfigError: a setting is out of its range.
    """

    steps: int = 3
    learning_rate: float = 1e-3
    least_confidence: float = 0.7
    least_words: int = 2

    def __post_init__(self) -> None:
        require_at_least(1, "adapt.steps", self.steps)
        require_at_least(0, "adapt.learning_rate", self.learning_rate)
        require_at_least(1, "adapt.least_words", self.least_words)
        if not 0 <= self.least_confidence <= 1:
            raise ConfigError(f"adapt.least_confidence is {self.least_confidence}, it must be from 0 to 1")

    def trusts(self, sentence: Hypothesis) -> bool:
        """Whether a sentence is one to learn from."""
        sure = sum(sentence.confidence) >= self.least_confidence * len(sentence.words)
        return len(sentence.words) >= self.least_words and bool(sentence.confidence) and sure

    def adapted(self, run: Run, layer: DayLayer, features: Floats, phonemes: Sequence[str]) -> DayLayer:
        """The layer after learning from one utterance; the same each time it is asked.

        Args:
            run: its model has a day layer, and is not changed.
            layer: as it was.
            features: (bins, features) as the model takes them, before smoothing.
            phonemes: of the sentence, with silences.
        """
        model = run.model
        assert isinstance(model, GRUDecoder), "live decoding takes no other"
        smoothed = run.smoothing(torch.from_numpy(np.array(features, dtype=np.float32)).unsqueeze(0))
        labels = torch.tensor(run.alphabet.encode(phonemes))
        n_frames, n_labels = torch.tensor(model.patching.n_frames(len(features))), torch.tensor(len(labels))
        if not n_frames:
            return layer
        trained = [each.detach().clone().requires_grad_() for each in layer]
        # As many weights act on each feature as there are features; together they then move it about as the bias does.
        of_weights = self.learning_rate / len(layer.weight) ** 0.5
        optimiser = torch.optim.Adam(
            [{"params": trained[:1], "lr": of_weights}, {"params": trained[1:]}], self.learning_rate
        )
        for _ in range(self.steps):
            hidden = model.day_layer(smoothed, trained[0].unsqueeze(0), trained[1].unsqueeze(0))
            logits, _ = model.encode(model.patching(hidden))
            # In utterances that are too short for their phonemes the loss and the gradient are zero.
            loss = F.ctc_loss(
                logits[0].log_softmax(dim=-1), labels, n_frames, n_labels, run.alphabet.blank, zero_infinity=True
            )
            for parameter, gradient in zip(trained, torch.autograd.grad(loss, trained), strict=True):
                parameter.grad = gradient
            optimiser.step()
        return DayLayer(*(each.detach() for each in trained))
