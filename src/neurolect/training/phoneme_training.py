"""Learning which initial and which final of a Mandarin syllable each patch holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from neurolect.data.seeg.batches import SegmentBatch
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.training.duin_losses import phoneme_loss
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.segment_training import SegmentTraining
from neurolect.training.syllable_labels import NO_SYLLABLE


class PhonemeTraining(SegmentTraining):
    """Cross-entropies of initials and of finals over the patches in which the word is taken to be spoken.

    Logs `train/loss`, and of validation `val/loss`, `val/initial_accuracy`, `val/final_accuracy` and `val/accuracy`,
    which counts a patch if both are right.

    Args:
        model: signals and subjects → logits of initials and of finals.
        inputs: one entry a subject.
        labels: (words, tokens, 2) int64 initial and final, as `syllable_labels` gives them.
        recipe: of the optimiser.
        epochs: length of the run.
        seed: of dropout.
    """

    task = "phonemes"

    def __init__(
        self,
        model: nn.Module,
        inputs: list[SubjectInput],
        labels: Tensor,
        recipe: EpochRecipe,
        epochs: int,
        seed: int = 42,
    ) -> None:
        super().__init__(model, inputs, recipe, epochs, seed)
        self.labels: Tensor
        self.register_buffer("labels", labels, persistent=False)

    def training_step(self, batch: SegmentBatch, batch_idx: int) -> Tensor:
        """Tag, and return the sum of both cross-entropies."""
        self.seed_step(batch)
        initials, finals = self.labels[batch.labels].unbind(dim=-1)
        spoken = initials != NO_SYLLABLE
        initial_logits, final_logits = self.model(batch.signals, batch.subjects)
        loss = phoneme_loss(initial_logits, final_logits, initials, finals, spoken)
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        return self.shared(loss, spoken.sum())

    def validation_step(self, batch: SegmentBatch, batch_idx: int) -> None:
        """Add up losses and right tags."""
        initials, finals = self.labels[batch.labels].unbind(dim=-1)
        spoken = initials != NO_SYLLABLE
        n_spoken = spoken.sum()
        initial_logits, final_logits = self.model(batch.signals, batch.subjects)
        loss = phoneme_loss(initial_logits, final_logits, initials, finals, spoken)
        self.count("val/loss", loss * n_spoken, n_spoken)
        right_initials = (initial_logits.argmax(dim=-1) == initials) & spoken
        right_finals = (final_logits.argmax(dim=-1) == finals) & spoken
        self.count("val/initial_accuracy", right_initials.sum(), n_spoken)
        self.count("val/final_accuracy", right_finals.sum(), n_spoken)
        self.count("val/accuracy", (right_initials & right_finals).sum(), n_spoken)

    def validation_metrics(self) -> list[str]:
        """Loss and accuracies."""
        return [f"val/{name}" for name in ("loss", "initial_accuracy", "final_accuracy", "accuracy")]

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """Loss and accuracies."""
        loss, initials, finals = (float(metrics[name]) for name in self.validation_metrics()[:3])
        return f"loss {loss:.3f}, {100 * initials:.1f} % of initials and {100 * finals:.1f} % of finals right"
