"""What the training of every model of segments shares: seeds, optimiser, rates, and sums over validation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import lightning
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from neurolect.data.seeg.batches import SegmentBatch
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError, DataError
from neurolect.training.epoch_optimisation import EpochRecipe, build_adamw, learning_rate
from neurolect.training.optimisation import clip_gradients
from neurolect.training.seeding import step_seed
from neurolect.training.segment_runs import Task


class SegmentTraining(lightning.LightningModule):
    """A model of segments, its optimiser and its validation; what is learned is in the classes below this one.

    Logs `train/lr` besides what they name.

    Args:
        model: takes signals (batch, samples, channels) and subjects (batch,).
        inputs: one entry a subject.
        recipe: of the optimiser.
        epochs: length of the run, over which the rate falls.
        seed: every random draw of step n depends on this seed and n alone, so a resumed run repeats them.
    """

    task: ClassVar[Task]
    """What the model is trained for."""

    def __init__(
        self, model: nn.Module, inputs: list[SubjectInput], recipe: EpochRecipe, epochs: int, seed: int = 42
    ) -> None:
        super().__init__()
        self.model = model
        self.inputs = inputs
        self.recipe = recipe
        self.epochs = epochs
        self.seed = seed
        self._sums: dict[str, Tensor] = {}

    @abstractmethod
    def validation_metrics(self) -> list[str]:
        """Names of everything that `count` is given, in an order that all processes share."""

    @abstractmethod
    def summary(self, metrics: Mapping[str, Any]) -> str:
        """What the terminal says of a validation, in a few words."""

    def by_subject(self, name: str) -> list[str]:
        """`val/accuracy` → itself and `val/accuracy/<subject>` for each subject."""
        return [name, *(f"{name}/{each.subject}" for each in self.inputs)]

    def seed_step(self, batch: SegmentBatch) -> None:
        """Seed the generator that dropout and k-means draw from."""
        torch.manual_seed(step_seed(self.seed, batch.step, self.global_rank))

    def shared(self, loss: Tensor, weight: Tensor | int) -> Tensor:
        """A mean over this process's part of a batch, weighted so that the processes' mean is the whole batch's.

        Args:
            loss: mean over what `weight` counts.
            weight: how many there are on this process.
        """
        if self.trainer.world_size == 1:
            return loss
        here = torch.as_tensor(weight, dtype=torch.float32, device=self.device)
        everywhere = cast(Tensor, self.trainer.strategy.reduce(here.clone(), reduce_op="sum"))
        return loss * (here * self.trainer.world_size / everywhere)

    def on_train_start(self) -> None:
        """Leave running statistics and codebook alone, which the layers themselves keep equal on all processes.

        Broadcasting them would also wait for processes that have fewer batches to validate on.
        """
        if isinstance(self.trainer.model, DistributedDataParallel):
            self.trainer.model.broadcast_buffers = False

    def on_train_epoch_start(self) -> None:
        """Set the epoch's learning rate."""
        rate = learning_rate(self.recipe, self.current_epoch, self.epochs)
        optimiser = cast(torch.optim.Optimizer, self.optimizers(use_pl_optimizer=False))
        for group in optimiser.param_groups:
            group["lr"] = rate

    def on_train_batch_start(self, batch: SegmentBatch, batch_idx: int) -> None:
        """Record the learning rate."""
        self.log("train/lr", learning_rate(self.recipe, self.current_epoch, self.epochs), batch_size=len(batch))

    def on_validation_epoch_start(self) -> None:
        """Start all sums from zero."""
        self._sums = {name: torch.zeros(2, dtype=torch.float64) for name in self.validation_metrics()}

    def count(self, name: str, total: Tensor, weight: Tensor | int) -> None:
        """Add to a metric of this validation, which becomes the sum of `total` over the sum of `weight`."""
        self._sums[name] += torch.tensor([float(total), float(weight)], dtype=torch.float64)

    def count_by_subject(self, name: str, values: Tensor, subjects: Tensor) -> None:
        """Add the values (batch,) of segments to the mean of all subjects and of each one."""
        self.count(name, values.sum(), len(values))
        for subject, known in enumerate(self.inputs):
            chosen = values[subjects == subject]
            self.count(f"{name}/{known.subject}", chosen.sum(), len(chosen))

    def on_validation_epoch_end(self) -> None:
        """Log every metric over all processes.

        Raises:
            DataError: there was nothing to validate on.
            ConfigError: the loss is not finite.
        """
        sums = self.over_processes(torch.stack(list(self._sums.values())))
        for name, (total, weight) in zip(self._sums, sums.tolist(), strict=True):
            if weight:
                self.log(name, total / weight)
            elif name == "val/loss":
                raise DataError("validation: there are no segments")
            if name == "val/loss" and not abs(total) < float("inf"):
                epoch = self.current_epoch + 1
                raise ConfigError(f"epoch {epoch}: the validation loss is not finite; lower optimiser.lr")

    def over_processes(self, sums: Tensor) -> Tensor:
        """The sum of a tensor over all processes, on the CPU."""
        if self.trainer.world_size == 1:
            return sums.cpu()
        return cast(Tensor, self.trainer.strategy.reduce(sums.to(self.device), reduce_op="sum")).cpu()

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip if the recipe says so.

        Raises:
            ConfigError: the gradient is not finite.
        """
        if not self.recipe.gradient_clip:
            return
        try:
            clip_gradients(self.model, self.recipe.gradient_clip)
        except RuntimeError:
            step = self.trainer.global_step
            raise ConfigError(f"step {step}: the gradient is not finite; lower optimiser.lr or its clip") from None

    def configure_optimizers(self) -> Any:
        """AdamW; the rate is set at the start of each epoch."""
        return build_adamw(self.model, self.recipe)
