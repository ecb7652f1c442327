"""Learning to place trials near the vectors of their words: ours, made of the reference's contrastive block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.data.seeg.batches import SegmentBatch
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.training.duin_losses import contrastive_loss
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.segment_training import SegmentTraining


class AlignmentTraining(SegmentTraining):
    """Contrastive loss between trials and the vectors of their words.

    Several processes contrast their own parts of a batch only, so the result depends on their number.

    Logs `train/` and `val/` `loss` and `val/accuracy` (trials nearest to the vector of their own word), also by
    subject.

    Args:
        model: signals and subjects → vectors (batch, width).
        inputs: one entry a subject.
        vectors: (words, width) of the words in the order of their labels.
        recipe: of the optimiser.
        epochs: length of the run.
        seed: of dropout.
    """

    task = "alignment"

    def __init__(
        self,
        model: nn.Module,
        inputs: list[SubjectInput],
        vectors: Tensor,
        recipe: EpochRecipe,
        epochs: int,
        seed: int = 42,
    ) -> None:
        super().__init__(model, inputs, recipe, epochs, seed)
        self.vectors: Tensor
        self.register_buffer("vectors", F.normalize(vectors, dim=-1), persistent=False)

    def training_step(self, batch: SegmentBatch, batch_idx: int) -> Tensor:
        """Place the trials, and return their contrastive loss."""
        self.seed_step(batch)
        placed = self.model(batch.signals, batch.subjects)
        loss = contrastive_loss(placed, self.vectors[batch.labels], batch.labels)
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        return self.shared(loss, len(batch))

    def validation_step(self, batch: SegmentBatch, batch_idx: int) -> None:
        """Add up losses and trials that are nearest to their word."""
        placed = self.model(batch.signals, batch.subjects)
        loss = contrastive_loss(placed, self.vectors[batch.labels], batch.labels)
        self.count("val/loss", loss * len(batch), len(batch))
        nearest = (placed.float() @ self.vectors.T).argmax(dim=-1)
        self.count_by_subject("val/accuracy", (nearest == batch.labels).float(), batch.subjects)

    def validation_metrics(self) -> list[str]:
        """Loss and accuracies."""
        return ["val/loss", *self.by_subject("val/accuracy")]

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """Loss and accuracy."""
        loss, accuracy = float(metrics["val/loss"]), float(metrics["val/accuracy"])
        return f"loss {loss:.3f}, {100 * accuracy:.2f} % nearest to their word"
