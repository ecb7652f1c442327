"""Second stage of Du-IN: learning to guess the codes of hidden patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Generator, Tensor, nn

from neurolect.data.seeg.batches import SegmentBatch
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.models.duin.mae import random_mask
from neurolect.training.code_training import CodeTraining
from neurolect.training.duin_losses import masked_code_loss
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.seeding import step_seed
from neurolect.training.teacher import Teacher

_VALIDATION_MASKS = 2**31
"""Added to the seed, so that masks of validation are none of training's."""


class MAETraining(CodeTraining):
    """Cross-entropy of a frozen teacher's codes, each guessed from the other half (Zheng et al. 2024, section 3.3).

    Logs `train/` and `val/` `loss` and `accuracy` (share of codes guessed right), `val/accuracy/<subject>`, and of the
    teacher's codes `val/codes_used` and `val/perplexity`: guessing one of few codes is easy. Validation hides the same
    patches each time.

    Args:
        model: signals, subjects and mask → logits of codes.
        inputs: one entry a subject.
        teacher: gives the codes.
        recipe: of the optimiser.
        epochs: length of the run.
        mask_ratio: share of the patches that the first of two complementary masks hides.
        seed: of dropout.
        mask_seed: of the masks.
    """

    task = "mae"

    def __init__(
        self,
        model: nn.Module,
        inputs: list[SubjectInput],
        teacher: Teacher,
        recipe: EpochRecipe,
        epochs: int,
        mask_ratio: float = 0.5,
        seed: int = 42,
        mask_seed: int = 42,
    ) -> None:
        super().__init__(model, inputs, recipe, epochs, seed)
        # No submodule: it is not trained, and no part of a checkpoint.
        self.teacher = teacher
        self.mask_ratio = mask_ratio
        self.mask_seed = mask_seed

    def on_fit_start(self) -> None:
        """Bring the teacher to where the model is."""
        self.teacher = self.teacher.to(self.device)

    def training_step(self, batch: SegmentBatch, batch_idx: int) -> Tensor:
        """Hide patches, guess their codes, and return the mean cross-entropy."""
        self.seed_step(batch)
        # Drawn for the whole batch: the masks do not depend on how many processes share it.
        world, rank = self.trainer.world_size, self.global_rank
        masked = self._mask(len(batch) * world, self.mask_seed, batch.step)[rank::world][: len(batch)]
        codes = self.teacher.codes(batch.signals, batch.subjects)
        logits = self.model(batch.signals, batch.subjects, masked)
        loss = masked_code_loss(logits, codes)
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        self.log("train/accuracy", (logits.argmax(dim=-1) == codes).float().mean(), batch_size=len(batch))
        return self.shared(loss, len(batch))

    def validation_step(self, batch: SegmentBatch, batch_idx: int) -> None:
        """Add up losses and right guesses."""
        masked = self._mask(len(batch), self.mask_seed + _VALIDATION_MASKS, batch.step)
        codes = self.teacher.codes(batch.signals, batch.subjects)
        logits = self.model(batch.signals, batch.subjects, masked)
        self.count("val/loss", masked_code_loss(logits, codes) * codes.numel(), codes.numel())
        right = (logits.argmax(dim=-1) == codes).float().mean(dim=1)
        self.count_by_subject("val/accuracy", right, batch.subjects)
        self.count_codes(codes)

    def validation_metrics(self) -> list[str]:
        """Loss and accuracies."""
        return ["val/loss", *self.by_subject("val/accuracy")]

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """Loss and accuracy."""
        loss, accuracy = float(metrics["val/loss"]), float(metrics["val/accuracy"])
        return f"loss {loss:.3f}, {100 * accuracy:.2f} % of the codes guessed right"

    @property
    def n_codes(self) -> int:
        """Size of the teacher's codebook."""
        return self.teacher.n_codes

    def _mask(self, n_rows: int, seed: int, step: int) -> Tensor:
        n_tokens: int = self.model.encoder.n_tokens  # type: ignore[assignment, union-attr]
        generator = Generator().manual_seed(step_seed(seed, step, 0))
        return random_mask(n_rows, n_tokens, self.mask_ratio, generator).to(self.device)
