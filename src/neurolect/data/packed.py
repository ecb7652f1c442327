"""Splits packed for training: all features of a session in one memory-mapped array, built once per source file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from neurolect.data.files import written_atomically
from neurolect.data.t15 import MissingValues, read_split
from neurolect.data.trial import Trial
from neurolect.errors import DataError

_FORMAT = 1


@dataclass(frozen=True)
class PackedSplit(Sequence[Trial]):
    """Trials of one split; their features are views into one array that the operating system pages in on demand.

    Args:
        folder: the packed copy; sent to another process, the split is opened there from this folder.
        features: (bins of all trials, features) float32.
        rows: one dictionary per trial: `start` and `n_bins` in `features`, and the fields of `Trial`.
    """

    folder: Path
    features: npt.NDArray[np.float32]
    rows: list[dict[str, Any]]

    @classmethod
    def open(cls, folder: Path) -> PackedSplit:
        """Map a packed copy into memory."""
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        shape = (index["n_bins"], index["n_features"])
        features: npt.NDArray[np.float32] = np.zeros(shape, dtype=np.float32)
        if shape[0]:
            features = np.memmap(folder / "features.f32", dtype=np.float32, mode="r", shape=shape)
        return cls(folder, features, index["trials"])

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedSplit.open, (self.folder,)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, position: int) -> Trial: ...
    @overload
    def __getitem__(self, position: slice) -> list[Trial]: ...
    def __getitem__(self, position: int | slice) -> Trial | list[Trial]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        row = self.rows[position]
        return Trial(
            session=row["session"],
            block=row["block"],
            number=row["number"],
            features=self.features[row["start"] : row["start"] + row["n_bins"]],
            labels=None if row["labels"] is None else np.array(row["labels"], dtype=np.int32),
            sentence=row["sentence"],
        )


def open_packed(
    path: Path | str,
    n_features: int | None = None,
    missing: MissingValues = "refuse",
    cache: Path | None = None,
) -> PackedSplit:
    """Open a T15 split through its packed copy, which is built now if there is none for this version of the file.

    Args:
        path: `<root>/<session>/data_<split>.hdf5`.
        n_features: width every trial must have; None accepts any width that is the same in all trials.
        missing: what to do with NaN and infinite features, as in `read_split`.
        cache: folder of packed copies; by default `<root>/.neurolect-cache`, or the user's cache folder where the
            dataset is read-only.

    Raises:
        DataError: the source is missing or breaks the layout.
    """
    path = Path(path)
    folder = _packed_folder(path, missing, cache or default_cache(path.parent.parent))
    if not folder.is_dir():
        _build(path, folder, missing)
    packed = PackedSplit.open(folder)
    width = packed.features.shape[1]
    if n_features not in (None, width):
        raise DataError(f"{path}: input_features has {width} columns, expected {n_features}")
    return packed


def default_cache(root: Path) -> Path:
    """Beside the data where that can be written, else in the user's cache folder."""
    if os.access(root, os.W_OK):
        return root / ".neurolect-cache"
    users = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return users / "neurolect" / hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]


def _packed_folder(path: Path, missing: MissingValues, cache: Path) -> Path:
    """The name holds a fingerprint of the source, so a source that changed simply has no packed copy yet."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    dataset = hashlib.sha256(str(path.parent.parent.resolve()).encode()).hexdigest()[:8]
    stamp = f"{_FORMAT} {missing} {status.st_size} {status.st_mtime_ns}"
    fingerprint = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    return cache / f"{path.parent.name}.{path.stem}.{dataset}.{fingerprint}"


def _build(path: Path, folder: Path, missing: MissingValues) -> None:
    rows: list[dict[str, Any]] = []
    start = width = 0
    try:
        with written_atomically(folder) as partial:
            partial.mkdir()
            with (partial / "features.f32").open("wb") as file:
                for trial in read_split(path, n_features=None, missing=missing):
                    file.write(np.ascontiguousarray(trial.features).tobytes())
                    rows.append(_row(trial, start))
                    start, width = start + trial.n_bins, trial.features.shape[1]
            index = {"n_bins": start, "n_features": width, "trials": rows}
            (partial / "index.json").write_text(json.dumps(index), encoding="utf-8")
    except OSError:
        # Another process may have put the same copy there first; theirs is as good as ours.
        if not (folder / "index.json").is_file():
            raise
    for stale in folder.parent.glob(f"{folder.name.rsplit('.', 1)[0]}.*"):
        if stale != folder:
            shutil.rmtree(stale, ignore_errors=True)


def _row(trial: Trial, start: int) -> dict[str, Any]:
    return {
        "session": trial.session,
        "block": trial.block,
        "number": trial.number,
        "labels": None if trial.labels is None else trial.labels.tolist(),
        "sentence": trial.sentence,
        "start": start,
        "n_bins": trial.n_bins,
    }
