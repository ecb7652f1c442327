"""Training a frame decoder with the CTC loss on sentences."""

from __future__ import annotations

from typing import Any, cast

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.data.augmentation import Augmentation
from neurolect.data.batches import Batch
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import Alphabet
from neurolect.text.error_rates import count_errors
from neurolect.training.optimisation import AdamWRecipe, build_optimiser, clip_gradients, forget_absent_days
from neurolect.training.seeding import step_seed


class CTCTraining(lightning.LightningModule):
    """A model, its loss, its optimiser and its validation by phoneme error rate.

    Logs `train/loss`, `train/gradient_norm`, `train/trials_without_loss` (so far in the run), and at each validation
    `val/loss`, `val/per` and `val/per/<session>`.

    Args:
        model: features (batch, bins, features) and days (batch,) → logits (batch, frames, classes).
        alphabet: classes of the logits.
        sessions: names of the days, for the log.
        smoothing: applied to training and validation features alike.
        augmentation: applied to training features.
        recipe: of the optimiser.
        seed: every random draw of step n depends on this seed and n alone, so a resumed run repeats them.
        freeze: beginnings of parameter names that are not trained, such as `gru`, `out`, `h0`, `day_`.

    Raises:
        ConfigError: a name in `freeze` matches no parameter, or nothing is left to train.
    """

    def __init__(
        self,
        model: nn.Module,
        alphabet: Alphabet,
        sessions: list[str],
        smoothing: GaussianSmoothing | None = None,
        augmentation: Augmentation | None = None,
        recipe: AdamWRecipe | None = None,
        seed: int = 10,
        freeze: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.alphabet = alphabet
        self.sessions = sessions
        self.smoothing = smoothing or GaussianSmoothing()
        self.augmentation = augmentation or Augmentation()
        self.recipe = recipe or AdamWRecipe()
        self.seed = seed
        _freeze(model, freeze or [])
        # A buffer, so that a resumed run goes on counting.
        self.trials_without_loss: Tensor
        self.register_buffer("trials_without_loss", torch.zeros((), dtype=torch.int64))
        self._days_present: tuple[int, ...] = ()
        self._validation_sums = torch.zeros(0)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Augment, smooth, encode, and return the mean CTC loss of the batch."""
        seed = step_seed(self.seed, batch.step, self.global_rank)
        # Dropout draws from the global generator; seeding it by step makes a resumed run repeat its draws.
        torch.manual_seed(seed)
        rng = torch.Generator(device=batch.features.device).manual_seed(seed)
        batch = self.augmentation(batch, rng)
        logits = self._logits(batch)
        if logits.shape[1] == 0:
            raise DataError(f"step {batch.step}: every trial is shorter than one patch of {self.model.patching}")
        losses, usable = self._losses(logits, batch)
        loss = losses.sum() / usable.sum().clamp(min=1)
        self._days_present = batch.days_present
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch))
        self.trials_without_loss += (~usable).sum()
        self.log("train/trials_without_loss", self.trials_without_loss.float(), batch_size=len(batch))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Start counting errors and lengths per day, and summed losses and trials, from zero."""
        self._validation_sums = torch.zeros(len(self.sessions) + 1, 2, dtype=torch.float64)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count the phoneme errors of the greedy answer and add up losses."""
        logits = self._logits(batch)
        losses, usable = self._losses(logits, batch)
        frames = self._frames(batch).tolist()
        best = logits.argmax(dim=-1).cpu().numpy()
        decoded = [self.alphabet.collapse(row[:n]) for row, n in zip(best, frames, strict=True)]
        labels = [row[:n] for row, n in zip(batch.labels.tolist(), batch.n_labels.tolist(), strict=True)]
        errors = count_errors(labels, decoded)
        counted = torch.from_numpy(errors.errors), torch.from_numpy(errors.lengths)
        sums = self._validation_sums
        sums.index_add_(0, batch.days.cpu(), torch.stack(counted, dim=1).double())
        sums[-1] += torch.stack([losses.sum().cpu(), usable.sum().cpu()]).double()

    def on_validation_epoch_end(self) -> None:
        """Log the loss and the phoneme error rate, over all days and for each.

        Raises:
            DataError: no validation trial has labels.
        """
        sums = cast(Tensor, self.trainer.strategy.reduce(self._validation_sums.to(self.device), reduce_op="sum")).cpu()
        errors, lengths = sums[:-1].T
        if lengths.sum() == 0:
            raise DataError("validation: no trial has labels, so there is no phoneme error rate")
        self.log("val/loss", float(sums[-1, 0] / sums[-1, 1].clamp(min=1)))
        self.log("val/per", float(errors.sum() / lengths.sum()), prog_bar=True)
        for session, error, length in zip(self.sessions, errors.tolist(), lengths.tolist(), strict=True):
            if length:
                self.log(f"val/per/{session}", error / length)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Leave days untouched that no process has in its batch."""
        forget_absent_days(self.model, self._days_of_all_processes())

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip, and log the norm before.

        Raises:
            ConfigError: the gradient is not finite.
        """
        try:
            norm = clip_gradients(self.model, self.recipe.gradient_clip)
        except RuntimeError:
            step = self.trainer.global_step
            raise ConfigError(f"step {step}: the gradient is not finite; lower optimiser.lr or its clip") from None
        self.log("train/gradient_norm", norm)

    def configure_optimizers(self) -> Any:
        """AdamW and its schedule, stepped once per batch."""
        optimiser, schedule = build_optimiser(self.model, self.recipe, self.trainer.max_steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _logits(self, batch: Batch) -> Tensor:
        logits: Tensor = self.model(self.smoothing(batch.features), batch.days)
        return logits

    def _frames(self, batch: Batch) -> Tensor:
        patching: Any = self.model.patching
        frames: Tensor = patching.frames_in(batch.n_bins)
        return frames

    def _losses(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """CTC loss of each trial (batch,), 0 for those that cannot have one, and which ones can (batch,) bool."""
        return ctc_losses(logits, self._frames(batch), batch.labels, batch.n_labels, self.alphabet.blank)

    def _days_of_all_processes(self) -> tuple[int, ...]:
        if self.trainer.world_size == 1:
            return self._days_present
        present = torch.zeros(len(self.sessions), device=self.device)
        present[list(self._days_present)] = 1
        total = cast(Tensor, self.trainer.strategy.reduce(present, reduce_op="sum"))
        return tuple(torch.nonzero(total).flatten().tolist())


def ctc_losses(
    logits: Tensor, n_frames: Tensor, labels: Tensor, n_labels: Tensor, blank: int = 0
) -> tuple[Tensor, Tensor]:
    """CTC loss of each trial; trials without labels, or with more labels than their frames can spell, have none.

    Args:
        logits: (batch, frames, classes), not normalised.
        n_frames: (batch,) frames that belong to the trial.
        labels: (batch, labels) zero-padded classes.
        n_labels: (batch,) true label counts.
        blank: class of the CTC blank.

    Returns:
        losses (batch,) in float32, 0 where there is none, and usable (batch,) bool.
    """
    inside = torch.arange(labels.shape[1] - 1, device=labels.device) < n_labels.unsqueeze(1) - 1
    # A doubled label needs a blank between its two frames.
    repeats = ((labels[:, 1:] == labels[:, :-1]) & inside).sum(dim=1)
    usable = (n_labels > 0) & (n_labels + repeats <= n_frames)
    if logits.shape[1] == 0:
        return logits.float().sum(dim=(1, 2)), usable
    log_probabilities = F.log_softmax(logits.float(), dim=-1).transpose(0, 1)
    losses = F.ctc_loss(
        log_probabilities,
        labels,
        n_frames.clamp(min=1, max=logits.shape[1]),
        torch.where(usable, n_labels, 0),
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )
    return torch.where(usable, losses, 0.0), usable


def _freeze(model: nn.Module, prefixes: list[str]) -> None:
    names = [name for name, _ in model.named_parameters()]
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in names):
            raise ConfigError(f"freeze: no parameter of {type(model).__name__} begins with '{prefix}'")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not any(name.startswith(prefix) for prefix in prefixes))
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError(f"freeze: {', '.join(prefixes)} leaves nothing to train")
