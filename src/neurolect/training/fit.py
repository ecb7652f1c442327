"""What the training of every task needs: a run folder that is kept up to date, and that can be killed and resumed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError, require_at_least
from neurolect.training.best import Criterion, KeepBest
from neurolect.training.checkpoint_files import CheckpointFiles
from neurolect.training.metrics import MetricsFile
from neurolect.training.progress import RunProgress, without_advice
from neurolect.training.run_files import DESCRIPTION, SETTINGS, holds_run, read_json, read_settings

_FREE_TO_CHANGE = ("trainer.", "resume", "out", "config", "start_from", "data.root", "data.workers", "data.cache")


@dataclass(frozen=True)
class HardwareSettings:
    """On what a run is trained, and what it shows: what is handed to Lightning's Trainer for every task.

    Args:
        precision: `auto` is bf16 where the hardware multiplies it, else float32; or any of Lightning's names.
        accelerator: `auto`, `cpu`, `gpu`, ….
        devices: how many, or `auto`.
        strategy: `auto` is DDP when there are several devices.
        log_every: steps from one record of the training metrics in `metrics.csv` to the next.
        patience: stop after this many validations without a better one; None never stops early.
        progress: show a progress bar.
    """

    precision: str = "auto"
    accelerator: str = "auto"
    devices: int | Literal["auto"] = "auto"
    strategy: str = "auto"
    log_every: int = 200
    patience: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        require_at_least(1, "trainer.log_every", self.log_every)


def fit(
    task: lightning.LightningModule,
    batches: lightning.LightningDataModule,
    out: Path,
    settings: HardwareSettings,
    length: Mapping[str, int],
    keep: KeepBest,
    summary: Callable[[lightning.Trainer], str],
    begun_with: Mapping[str, Sequence[str]],
    resume: bool = False,
    config_yaml: str = "",
) -> None:
    """Train, keeping `metrics.csv`, `checkpoints/{best,last}.ckpt` and the best weights in a run folder.

    Args:
        task: model, loss and optimiser.
        batches: what it is trained and validated on.
        out: the run folder; it must not hold a run yet, unless `resume`.
        settings: of the hardware.
        length: the Trainer's `max_steps`, `max_epochs` and `check_val_every_n_epoch`.
        keep: which weights become the run's.
        summary: the line that a validation leaves on the terminal.
        begun_with: what a resumed run must share with the description in the folder, by its name there.
        resume: go on from `checkpoints/last.ckpt`, or begin if there is none.
        config_yaml: the configuration as text, kept as `config.yaml`.

    Raises:
        ConfigError: the folder holds a run and `resume` is off, or it is another run, or Lightning refuses a setting.
        DataError: the checkpoint to go on from is damaged.
    """
    if settings.patience is not None and keep.criterion is None:
        raise ConfigError("trainer.patience waits for a better validation, but this protocol keeps the last one")
    last = out / "checkpoints" / "last.ckpt"
    is_first_process = int(os.environ.get("LOCAL_RANK", 0)) == 0
    if resume:
        _require_same_run(out, begun_with, config_yaml)
        if is_first_process and not last.is_file():
            print(f"nothing to resume in {out}: begins", file=sys.stderr)
        elif is_first_process and (note := _other_length(out, config_yaml)):
            print(f"note: {note}", file=sys.stderr)
    elif is_first_process and holds_run(out):
        raise ConfigError(f"{out} holds a run already: pass --resume to go on with it, or another --out")
    with without_advice():
        trainer = _trainer(
            **length,
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
            plugins=[CheckpointFiles()],
            callbacks=[*_callbacks(out, settings, length, keep.criterion, summary), keep],
            default_root_dir=out,
        )
        out.mkdir(parents=True, exist_ok=True)
        if config_yaml and is_first_process:
            with written_atomically(out / SETTINGS) as partial:
                partial.write_text(config_yaml, encoding="utf-8")
        # Lightning trains a model in the mode it comes in, and a loaded run comes ready for evaluation.
        task.train()
        try:
            trainer.fit(task, datamodule=batches, ckpt_path=last if last.is_file() else None, weights_only=True)
        except SystemExit:
            # Lightning turns Ctrl-C into an exit of its own.
            raise KeyboardInterrupt from None


def _require_same_run(out: Path, begun_with: Mapping[str, Sequence[str]], config_yaml: str) -> None:
    """Refuse to resume with other data or another model or recipe than the run in the folder was begun with."""
    if (out / DESCRIPTION).is_file():
        description = read_json(out / DESCRIPTION)
        for name, now in begun_with.items():
            begun = list(description.get(name, ()))
            if begun != list(now):
                raise ConfigError(f"{out} was trained on {', '.join(begun)}; --resume cannot change its {name}")
    before = _flat(read_settings(out)) if holds_run(out) else {}
    if config_yaml and before:
        now_set = _flat(yaml.safe_load(config_yaml))
        changed = sorted(name for name in {*before, *now_set} if before.get(name) != now_set.get(name))
        if changed:
            raise ConfigError(
                f"{out} was begun with another {changed[0]}; --resume goes on with the run's own settings"
            )


def _other_length(out: Path, config_yaml: str) -> str:
    """What has to be said where a run goes on for another time than it was begun for; else empty."""
    before, now = (found.get("trainer") or {} for found in (read_settings(out), yaml.safe_load(config_yaml) or {}))
    for name in ("epochs", "steps"):
        if name in before and before[name] != now.get(name, before[name]):
            return (
                f"{out} was begun with trainer.{name} {before[name]} and goes on to {now[name]}: its {SETTINGS} will "
                f"say {now[name]}, and a run of that from the beginning is another one"
            )
    return ""


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a run: all settings but where it runs and how long, with dots in their names."""
    flat: dict[str, Any] = {}
    pending: list[tuple[str, Any]] = [("", settings)]
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{name}.{key}" if name else str(key), each) for key, each in value.items()]
        elif value is not None and not name.startswith(_FREE_TO_CHANGE):
            flat[name] = value
    return flat


def _callbacks(
    out: Path,
    settings: HardwareSettings,
    length: Mapping[str, int],
    criterion: Criterion | None,
    summary: Callable[[lightning.Trainer], str],
) -> list[Callback]:
    callbacks: list[Callback] = [
        MetricsFile(out / "metrics.csv", settings.log_every),
        ModelCheckpoint(
            out / "checkpoints",
            "last",
            every_n_epochs=length.get("check_val_every_n_epoch", 1),
            enable_version_counter=False,
            save_on_train_epoch_end=True,
        ),
    ]
    if settings.patience is not None and criterion is not None:
        callbacks.append(
            EarlyStopping(
                criterion.metric, mode=criterion.mode, patience=settings.patience, check_on_train_epoch_end=False
            )
        )
    if settings.progress:
        callbacks.append(RunProgress(settings.log_every, summary))
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
