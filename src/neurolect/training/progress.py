"""One progress bar for a whole run, and one line per validation."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class RunProgress(ProgressBar):
    """Counts steps of the run, not of an epoch; each validation leaves one line behind.

    Args:
        log_every: steps from one look at the loss to the next; each look waits for the device.
        summary: the line of a validation.
    """

    def __init__(self, log_every: int, summary: Callable[[Trainer], str]) -> None:
        super().__init__()
        self._log_every = log_every
        self._summary = summary
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=Console(stderr=True),
        )

    def disable(self) -> None:
        """Show nothing, as on all but the first of several processes."""
        self._progress.disable = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the bar, from the step a resumed run begins at."""
        steps = (
            trainer.max_steps
            if trainer.max_steps > 0
            else int((trainer.max_epochs or 0) * trainer.num_training_batches)
        )
        self._bar = self._progress.add_task("training", total=steps, completed=trainer.global_step, loss="")
        self._progress.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""
        self._progress.update(self._bar, completed=trainer.global_step)
        if trainer.global_step % self._log_every == 0 and "train/loss" in trainer.callback_metrics:
            self._progress.update(self._bar, loss=f"loss {float(trainer.callback_metrics['train/loss']):.2f}")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave one line."""
        if not self._progress.disable:
            self._progress.console.print(self._summary(trainer))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the finished bar."""
        self._progress.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the terminal usable."""
        self._progress.stop()


@contextmanager
def without_advice() -> Iterator[None]:
    """Silence Lightning's tips about hardware, workers and services; its errors still come through."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
