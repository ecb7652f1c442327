"""Third stage of Du-IN: learning which word was spoken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import Tensor, nn

from neurolect.data.seeg.batches import SegmentBatch
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.training.duin_losses import reference_word_loss, word_loss
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.segment_training import SegmentTraining

_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"clean": word_loss, "reference": reference_word_loss}


class WordTraining(SegmentTraining):
    """Cross-entropy over words (Zheng et al. 2024, section 3.4).

    Logs `train/` and `val/` `loss` and `accuracy`, and `val/accuracy/<subject>`; if test trials are scored along the
    way, the same of `test/`.

    Args:
        model: signals and subjects → logits of words.
        inputs: one entry a subject.
        recipe: of the optimiser.
        epochs: length of the run.
        protocol: `reference` puts a sigmoid before the softmax, and scores test trials too.
        seed: of dropout.
    """

    task = "words"

    def __init__(
        self,
        model: nn.Module,
        inputs: list[SubjectInput],
        recipe: EpochRecipe,
        epochs: int,
        protocol: Literal["clean", "reference"] = "clean",
        seed: int = 42,
    ) -> None:
        super().__init__(model, inputs, recipe, epochs, seed)
        self.loss = _LOSSES[protocol]
        self.splits = ("val", "test") if protocol == "reference" else ("val",)

    def training_step(self, batch: SegmentBatch, batch_idx: int) -> Tensor:
        """Classify, and return the mean cross-entropy."""
        self.seed_step(batch)
        logits = self.model(batch.signals, batch.subjects)
        loss = self.loss(logits, batch.labels)
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        self.log("train/accuracy", (logits.argmax(dim=-1) == batch.labels).float().mean(), batch_size=len(batch))
        return self.shared(loss, len(batch))

    def validation_step(self, batch: SegmentBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add up losses and right answers."""
        split = self.splits[dataloader_idx]
        logits = self.model(batch.signals, batch.subjects)
        self.count(f"{split}/loss", self.loss(logits, batch.labels) * len(batch), len(batch))
        right = (logits.argmax(dim=-1) == batch.labels).float()
        self.count_by_subject(f"{split}/accuracy", right, batch.subjects)

    def validation_metrics(self) -> list[str]:
        """Loss and accuracies of each split that is scored."""
        return [name for split in self.splits for name in (f"{split}/loss", *self.by_subject(f"{split}/accuracy"))]

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """Loss and accuracy."""
        return f"loss {float(metrics['val/loss']):.3f}, accuracy {100 * float(metrics['val/accuracy']):.2f} %"
