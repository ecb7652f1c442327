"""`metrics.csv` of a run: one row per step and metric, appended as training goes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from neurolect.data.files import written_atomically
from neurolect.errors import DataError

HEADER = ["step", "metric", "value"]


class MetricsFile(Callback):
    """Appends what the task logs; a resumed run first drops the rows that it is going to write again.

    Args:
        path: the CSV file.
        log_every: steps from one record of the training metrics to the next.
    """

    def __init__(self, path: Path, log_every: int) -> None:
        self.path = path
        self.log_every = log_every

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the rows up to the step that the run goes on from."""
        if not trainer.is_global_zero:
            return
        rows = read_metrics(self.path) if self.path.exists() else []
        with written_atomically(self.path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            writer.writerows(row for row in rows if row[0] <= trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record training metrics every `log_every` steps."""
        if trainer.global_step % self.log_every == 0:
            self._append(trainer, ("train/",))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record validation metrics."""
        self._append(trainer, ("val/", "test/"))

    def _append(self, trainer: Trainer, prefixes: tuple[str, ...]) -> None:
        if not trainer.is_global_zero:
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(
                (trainer.global_step, name, float(value))
                for name, value in trainer.callback_metrics.items()
                if name.startswith(prefixes)
            )


def read_metrics(path: Path) -> list[tuple[int, str, float]]:
    """Rows (step, metric, value); a last row that a kill cut short is left out.

    Raises:
        DataError: the file holds something else.
    """
    try:
        whole = path.read_bytes().rpartition(b"\n")[0].decode("utf-8")
        rows = list(csv.reader(io.StringIO(whole, newline="")))[1:]
        return [(int(step), name, float(value)) for step, name, value in rows]
    except (ValueError, csv.Error):
        raise DataError(f"{path}: is no table of {', '.join(HEADER)}") from None
