"""From a configuration to a run folder, in one call that can be killed and resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, Dataset, IterableDataset

from neurolect.data.batches import Batch
from neurolect.data.dataset import SpeechData, TrainingBatches
from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError, require_at_least
from neurolect.training.ctc import CTCTraining
from neurolect.training.metrics import MetricsFile
from neurolect.training.progress import RunProgress, without_advice
from neurolect.training.runs import DESCRIPTION, Run, save_run

_FREE_TO_CHANGE = ("trainer.", "resume", "out", "config", "start_from", "data.root", "data.workers", "data.cache")


@dataclass(frozen=True)
class TrainerSettings:
    """How long, how often, on what: what is handed to Lightning's Trainer.

    Args:
        steps: batches to train on.
        validate_every: steps from one validation, and checkpoint, to the next.
        patience: stop after this many validations without a better phoneme error rate; None never stops early.
        precision: `auto` is bf16 where the hardware multiplies it, else float32; or any of Lightning's names.
        accelerator: `auto`, `cpu`, `gpu`, ….
        devices: how many, or `auto`.
        strategy: `auto` is DDP when there are several devices.
        log_every: steps from one record of the training metrics in `metrics.csv` to the next.
        progress: show a progress bar.
    """

    steps: int = 120_000
    validate_every: int = 2_000
    patience: int | None = None
    precision: str = "auto"
    accelerator: str = "auto"
    devices: int | Literal["auto"] = "auto"
    strategy: str = "auto"
    log_every: int = 200
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("steps", "validate_every", "log_every"):
            require_at_least(1, f"trainer.{name}", getattr(self, name))


def fit(
    task: CTCTraining,
    data: SpeechData,
    out: Path,
    settings: TrainerSettings,
    resume: bool = False,
    config_yaml: str = "",
) -> float:
    """Train, keeping `metrics.csv`, `checkpoints/{best,last}.ckpt` and the best weights in a run folder.

    Args:
        task: model and recipe.
        data: sessions to train and validate on.
        out: the run folder; it must not hold a run yet, unless `resume`.
        settings: of the Trainer.
        resume: go on from `checkpoints/last.ckpt`, or begin if there is none.
        config_yaml: the configuration as text, kept as `config.yaml`.

    Returns:
        the best validation phoneme error rate.

    Raises:
        ConfigError: the folder holds a run and `resume` is off, or Lightning refuses a setting.
        DataError: no validation trial has labels.
    """
    last = out / "checkpoints" / "last.ckpt"
    is_first_process = int(os.environ.get("LOCAL_RANK", 0)) == 0
    held = (out / "checkpoints").exists() or (out / DESCRIPTION).exists()
    if is_first_process and held and not resume:
        raise ConfigError(f"{out} holds a run already: pass --resume to go on with it, or another --out")
    if resume:
        _require_same_run(out, task.sessions, config_yaml)
    data.require_labels("val")
    best = KeepBest(out, data)
    with without_advice():
        trainer = _trainer(
            max_steps=settings.steps,
            max_epochs=-1,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=1,
            precision=_precision(settings.precision, settings.accelerator),
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=settings.strategy,
            log_every_n_steps=settings.log_every,
            enable_progress_bar=settings.progress,
            enable_model_summary=False,
            use_distributed_sampler=False,
            logger=False,
            callbacks=[*_callbacks(out, settings), best],
            default_root_dir=out,
        )
        out.mkdir(parents=True, exist_ok=True)
        if config_yaml and is_first_process:
            with written_atomically(out / "config.yaml") as partial:
                partial.write_text(config_yaml, encoding="utf-8")
        batches = Batches(data, settings.validate_every)
        # Lightning trains a model in the mode it comes in, and a loaded run comes ready for evaluation.
        task.train()
        try:
            trainer.fit(task, datamodule=batches, ckpt_path=last if last.is_file() else None, weights_only=True)
        except SystemExit:
            # Lightning turns Ctrl-C into an exit of its own.
            raise KeyboardInterrupt from None
    return best.best[0]


def _require_same_run(out: Path, sessions: list[str], config_yaml: str) -> None:
    """Refuse to resume with other sessions or another model or recipe than the run in the folder was begun with."""
    if (out / DESCRIPTION).is_file():
        begun = json.loads((out / DESCRIPTION).read_text(encoding="utf-8"))["sessions"]
        if begun != sessions:
            raise ConfigError(f"{out} was trained on {', '.join(begun)}; --resume cannot change its sessions")
    if config_yaml and (out / "config.yaml").is_file():
        before = _settings((out / "config.yaml").read_text(encoding="utf-8"))
        now = _settings(config_yaml)
        changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if changed:
            raise ConfigError(
                f"{out} was begun with another {changed[0]}; --resume goes on with the run's own settings"
            )


def _settings(config_yaml: str) -> dict[str, Any]:
    """What makes a run: all settings but where it runs and how long, with dots in their names."""
    flat: dict[str, Any] = {}
    pending = [("", yaml.safe_load(config_yaml))]
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{name}.{key}" if name else str(key), each) for key, each in value.items()]
        elif value is not None and not name.startswith(_FREE_TO_CHANGE):
            flat[name] = value
    return flat


class Batches(lightning.LightningDataModule):
    """Hands `SpeechData` to Lightning; one epoch is one validation interval, from the trainer's current step on."""

    def __init__(self, data: SpeechData, steps_per_epoch: int) -> None:
        super().__init__()
        self.data = data
        self.steps_per_epoch = steps_per_epoch
        # The sampler draws from the first step on, so it is started anew only where a run is resumed.
        self._next_step = -1
        self._plans: Iterator[tuple[int, list[tuple[int, int]]]] = iter(())

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training batches from the trainer's current step on."""
        assert self.trainer is not None
        batches = self.data.training_batches(self.trainer.global_step, self.trainer.global_rank, self._world_size)
        step = self.trainer.global_step
        if self._next_step != step:
            self._plans = batches.plans()
        self._next_step = min(step + self.steps_per_epoch, max(step, self.trainer.max_steps))
        plans = list(islice(self._plans, self._next_step - step))
        return DataLoader(
            _BatchOfPlan(batches, plans),
            batch_size=None,
            num_workers=self.data.workers,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every validation trial once."""
        assert self.trainer is not None
        return DataLoader(_ValidationBatches(self.data, self.trainer.global_rank, self._world_size), batch_size=None)

    @property
    def _world_size(self) -> int:
        return self.trainer.world_size if self.trainer else 1


class KeepBest(Callback):
    """Keeps run and checkpoint of the lowest validation phoneme error rate, and of equals of the lowest loss."""

    def __init__(self, out: Path, data: SpeechData) -> None:
        self.out = out
        self.data = data
        self.best = (float("inf"), float("inf"))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save if the validation that ended this epoch is the best so far."""
        assert isinstance(pl_module, CTCTraining)
        metrics = trainer.callback_metrics
        if "val/per" not in metrics:
            # A resumed run ends the epoch it was killed in once more, without validating again.
            return
        found = float(metrics["val/per"]), float(metrics["val/loss"])
        if found >= self.best:
            return
        self.best = found
        trainer.save_checkpoint(self.out / "checkpoints" / "best.ckpt")
        if trainer.is_global_zero:
            save_run(self.out, self._run(pl_module, trainer))

    def state_dict(self) -> dict[str, Any]:
        """The best so far, so that a resumed run does not overwrite better weights."""
        return {"best": list(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's best."""
        per, loss = state_dict["best"]
        self.best = per, loss

    def _run(self, task: CTCTraining, trainer: lightning.Trainer) -> Run:
        return Run(
            model=task.model,
            alphabet=task.alphabet,
            sessions=task.sessions,
            smoothing=task.smoothing,
            feature_blocks=self.data.feature_blocks,
            data={"root": str(self.data.root.resolve()), "missing": self.data.missing},
            metrics={"val/per": self.best[0], "val/loss": self.best[1], "step": float(trainer.global_step)},
        )


class _BatchOfPlan(Dataset[Batch]):
    """The batches of one validation interval, by position."""

    def __init__(self, batches: TrainingBatches, plans: list[tuple[int, list[tuple[int, int]]]]) -> None:
        self._batches = batches
        self._plans = plans

    def __len__(self) -> int:
        return len(self._plans)

    def __getitem__(self, position: int) -> Batch:
        return self._batches[self._plans[position]]


class _ValidationBatches(IterableDataset[Batch]):
    """Every trial of the validation split, one pass."""

    def __init__(self, data: SpeechData, rank: int, world_size: int) -> None:
        self._data, self._rank, self._world_size = data, rank, world_size

    def __iter__(self) -> Iterator[Batch]:
        return self._data.validation_batches("val", self._rank, self._world_size)


def _callbacks(out: Path, settings: TrainerSettings) -> list[Callback]:
    callbacks: list[Callback] = [
        MetricsFile(out / "metrics.csv", settings.log_every),
        ModelCheckpoint(out / "checkpoints", "last", enable_version_counter=False, save_on_train_epoch_end=True),
    ]
    if settings.patience is not None:
        callbacks.append(
            EarlyStopping("val/per", mode="min", patience=settings.patience, check_on_train_epoch_end=False)
        )
    if settings.progress:
        callbacks.append(RunProgress(settings.log_every))
    return callbacks


def _trainer(**settings: Any) -> lightning.Trainer:
    try:
        return lightning.Trainer(**settings)
    except (MisconfigurationException, ValueError) as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from None


def _precision(name: str, accelerator: str) -> str:
    if name != "auto":
        return name
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"
