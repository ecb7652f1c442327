"""Trainings of many subjects, initialisations and seeds as one table that is filled row by row."""

from __future__ import annotations

import fcntl
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError, DataError, require_at_least
from neurolect.evaluation.sweep_pools import Pool
from neurolect.evaluation.sweep_row import RowOutcome, RowTask
from neurolect.evaluation.sweep_table import TABLE, SweepRow, SweepTable, read_table
from neurolect.training.run_files import DESCRIPTION, holds_run, read_json

SETTINGS = "sweep.json"
SCRATCH = "scratch"
_LOCK = ".sweep.lock"


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep trains.

    Args:
        root: folder of the subjects, as for `train words`.
        subjects: names.
        initialisations: name → run folder that training starts from, `{subject}` in it standing for the subject; None
            starts from random weights.
        seeds: of weights, order, augmentation and, under the `reference` protocol, of the split.
        recipe: YAML file with settings of `train words`.
        settings: further ones, each `key=value`; they win over the recipe.

    Raises:
        ConfigError: a list is empty, a name occurs twice or cannot be a folder's, or a setting is none.
    """

    root: Path
    subjects: list[str]
    initialisations: Mapping[str, str | None]
    seeds: list[int]
    recipe: Path | None = None
    settings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        named: dict[str, list[Any]] = {"subjects": self.subjects, "seeds": self.seeds}
        for name, values in named.items():
            if not values:
                raise ConfigError(f"{name} is empty")
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ConfigError(f"{name}: {twice} occurs twice")
        for setting in self.settings:
            key, given, _ = setting.partition("=")
            if not given or not key or key.startswith("-"):
                raise ConfigError(f"set: '{setting}' is not key=value, such as trainer.epochs=200")
            if key in _OURS:
                raise ConfigError(f"set: {key} is set by the sweep itself")

    @property
    def rows(self) -> list[SweepRow]:
        """Seeds change slowest, so that a first figure of every subject and initialisation comes early."""
        return [
            SweepRow(subject, initialisation, seed)
            for seed in self.seeds
            for subject in self.subjects
            for initialisation in self.initialisations
        ]

    def require_runs(self) -> None:
        """Refuse initialisations whose run folders are not there.

        Raises:
            DataError: names the first.
        """
        for name in self.initialisations:
            for subject in self.subjects:
                start = self._start(name, subject)
                if start is not None and not (start / DESCRIPTION).is_file():
                    raise DataError(
                        f"{start}: no such run; initialisation '{name}' of subject {subject} starts from it"
                    )

    def task(self, row: SweepRow, out: Path) -> RowTask:
        """The work behind a row of a sweep in the folder `out`."""
        start = self._start(row.initialisation, row.subject)
        return RowTask(
            run=out / row.run,
            train=(
                *(("--config", str(self.recipe.absolute())) if self.recipe else ()),
                *(f"--{setting}" for setting in self.settings),
                f"--data.root={self.root.absolute()}",
                f"--data.subjects={json.dumps([row.subject], ensure_ascii=False)}",
                f"--data.seed={row.seed}",
                f"--seed={row.seed}",
                *(("--start_from", str(start.absolute())) if start else ()),
            ),
        )

    def identity(self) -> dict[str, Any]:
        """What all rows of a sweep share."""
        try:
            recipe = yaml.safe_load(self.recipe.read_text(encoding="utf-8")) if self.recipe else {}
        except yaml.YAMLError as error:
            raise ConfigError(f"{self.recipe}: {' '.join(str(error).split())}") from None
        return {"root": str(self.root), "recipe": recipe, "settings": sorted(self.settings)}

    def _start(self, initialisation: str, subject: str) -> Path | None:
        pattern = self.initialisations[initialisation]
        return None if pattern is None else Path(pattern.replace("{subject}", subject))


_OURS = ("out", "resume", "config", "start_from", "seed", "data.root", "data.subjects", "data.seed")


def read_initialisations(words: list[str]) -> dict[str, str | None]:
    """`scratch` and `name=runs/{subject}/mae` → name → pattern of run folders.

    Raises:
        ConfigError: a word is neither, or a name occurs twice.
    """
    found: dict[str, str | None] = {}
    for word in words:
        name, given, pattern = word.partition("=")
        if (not given and name != SCRATCH) or (given and not pattern):
            raise ConfigError(f"initialisations: '{word}' is neither '{SCRATCH}' nor name=run folder")
        if not name or name in found or name.startswith(".") or "/" in name:
            raise ConfigError(f"initialisations: '{name}' occurs twice or cannot be the name of a folder")
        found[name] = pattern or None
    return found


def run_sweep(
    plan: SweepPlan,
    out: Path,
    pool: Pool,
    attempts: int = 2,
    on_change: Callable[[SweepRow], None] = lambda row: None,
) -> SweepTable:
    """Fill the table of a sweep; rows that are finished already are left as they are.

    Args:
        plan: the trainings.
        out: folder of the table and of the runs; an earlier sweep in it is gone on with, or begun again with other
            settings if it has trained nothing.
        pool: where rows run.
        attempts: how often a row is tried in all before it counts as failed.
        on_change: is told of each row that begins or ends.

    Raises:
        ConfigError: the folder holds a sweep of something else, or another process is at it.
        DataError: a run to start from is missing.
    """
    require_at_least(1, "attempts", attempts)
    plan.require_runs()
    with _sole_writer(out):
        _require_same_sweep(out, plan)
        table = SweepTable(out / TABLE, plan.rows)
        asked = [table[row.run] for row in plan.rows]
        waiting = deque(row for row in asked if row.state != "finished" and row.attempts < attempts)
        running: set[Path] = set()
        try:
            with pool:
                while waiting or running:
                    while waiting and len(running) < pool.n_slots:
                        row = waiting.popleft()
                        job = pool.start(plan.task(row, out), row.job)
                        running.add(row.run)
                        _note(table, replace(row, state="running", job=job), on_change)
                    for run, outcome in pool.ended():
                        row = _ended(table[run.relative_to(out)], outcome, attempts)
                        running.discard(row.run)
                        _note(table, row, on_change)
                        if row.state == "waiting":
                            waiting.append(row)
        finally:
            for run in running:
                table.update(replace(table[run], state="waiting"))
    return table


def _note(table: SweepTable, row: SweepRow, on_change: Callable[[SweepRow], None]) -> None:
    table.update(row)
    on_change(row)


def _ended(row: SweepRow, outcome: RowOutcome, attempts: int) -> SweepRow:
    ended = replace(row, attempts=row.attempts + 1, seconds=row.seconds + outcome.seconds, message=outcome.message)
    if outcome.succeeded:
        return replace(
            ended,
            state="finished",
            val_accuracy=outcome.val_accuracy,
            test_accuracy=outcome.test_accuracy,
            words=outcome.words,
        )
    return replace(ended, state="failed" if ended.attempts >= attempts else "waiting")


@contextmanager
def _sole_writer(out: Path) -> Iterator[None]:
    out.mkdir(parents=True, exist_ok=True)
    with (out / _LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{out}: another 'neurolect sweep' is at work on this folder") from None
        yield


def _require_same_sweep(out: Path, plan: SweepPlan) -> None:
    path = out / SETTINGS
    now = {**plan.identity(), "initialisations": dict(plan.initialisations)}
    if path.exists():
        before = read_json(path)
        complaint = _difference(before, now)
        if complaint and _has_trained(out):
            raise ConfigError(f"{path}: {complaint}; choose another --out")
        if complaint:
            (out / TABLE).unlink(missing_ok=True)
        else:
            now["initialisations"] = {**now["initialisations"], **before.get("initialisations", {})}
    with written_atomically(path) as partial:
        partial.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What makes another sweep of this; empty where it is the same one."""
    for key in ("root", "recipe", "settings"):
        if before.get(key) != now[key]:
            return f"the sweep in this folder has {'other settings' if key == 'settings' else f'another {key}'}"
    for name, pattern in before.get("initialisations", {}).items():
        if now["initialisations"].get(name, pattern) != pattern:
            return f"initialisation '{name}' was {pattern or SCRATCH}"
    return ""


def _has_trained(out: Path) -> bool:
    """Whether a row has weights, or may be at work on them."""
    rows = read_table(out / TABLE) if (out / TABLE).exists() else []
    return any(row.state in ("running", "finished") or holds_run(out / row.run) for row in rows)
