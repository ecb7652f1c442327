"""The T15 layout of brain-to-text recordings: one HDF5 file per session and split, one group per trial.

    <root>/<session>/data_train.hdf5 [, data_val.hdf5, data_test.hdf5]

Each group `trial_0000` … holds `input_features` (bins, features) and, outside test files, zero-padded `seq_class_ids`
and `transcription` (character codes). Source: the data release of Card et al., NEJM 2024.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from neurolect.data.files import written_atomically
from neurolect.data.trial import Trial
from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import PHONEMES

Split = Literal["train", "val", "test"]
MissingValues = Literal["refuse", "zero"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

N_FEATURES = 512
BIN_SECONDS = 0.02
LABEL_LENGTH = 500
"""Labels and transcriptions are zero-padded to this many entries."""

ARRAYS = ("ventral 6v", "area 4", "55b", "dorsal 6v")
KINDS = ("threshold crossings", "spike power")
_COLUMNS_PER_BLOCK = 64
_LONGEST_FOLDER_NAME = 255
"""In bytes, as file systems count."""
_TRIAL_NAME = re.compile(r"trial_\d+$")


@dataclass(frozen=True)
class SessionFiles:
    """One session's folder and which of its splits exist."""

    name: str
    folder: Path

    def path(self, split: Split) -> Path:
        """Where the file of a split is, or would be."""
        return self.folder / f"data_{split}.hdf5"

    def has(self, split: Split) -> bool:
        """Whether the split was recorded."""
        return self.path(split).is_file()


def find_sessions(root: Path | str, names: Sequence[str] | None = None) -> list[SessionFiles]:
    """Sessions under `root` in name order, or the named ones in the order given; the position is the day index.

    Raises:
        DataError: the folder is missing or holds no session, a named session is missing or named twice.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    if names is None:
        found = sorted({path.parent for split in SPLITS for path in root.glob(f"*/data_{split}.hdf5")})
        if not found:
            raise DataError(f"{root}: no session here; expected {root}/<session>/data_train.hdf5")
        return [SessionFiles(folder.name, folder) for folder in found]
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise ConfigError(f"session {repeated[0]} is listed twice")
    sessions = [SessionFiles(name, root / name) for name in names]
    for session in sessions:
        if not any(session.has(split) for split in SPLITS):
            raise DataError(f"{session.folder}: session {session.name} has no data_train, data_val or data_test.hdf5")
    return sessions


def can_be_session(name: str) -> bool:
    """Whether a session can be called this: it is the name of a folder, here and on other systems."""
    return (
        name.isprintable()
        and 0 < len(name.encode(errors="replace")) <= _LONGEST_FOLDER_NAME
        and not name.startswith(".")
        and not set(name) & set("/\\")
    )


def feature_columns(blocks: Sequence[str]) -> npt.NDArray[np.int64]:
    """Columns of named feature blocks, such as `["55b spike power", "area 4"]`.

    An array or a kind alone means all of it.

    Raises:
        ConfigError: a name is neither an array, a kind, nor both.
    """
    columns: list[int] = []
    for name in blocks:
        matches = [
            start
            for kind_index, kind in enumerate(KINDS)
            for array_index, array in enumerate(ARRAYS)
            if name in (f"{array} {kind}", array, kind)
            for start in [(kind_index * len(ARRAYS) + array_index) * _COLUMNS_PER_BLOCK]
        ]
        if not matches:
            arrays, kinds = ", ".join(ARRAYS), ", ".join(KINDS)
            raise ConfigError(f"no feature block '{name}': name an array ({arrays}), a kind ({kinds}) or both")
        columns += [column for start in matches for column in range(start, start + _COLUMNS_PER_BLOCK)]
    return np.array(list(dict.fromkeys(columns)), dtype=np.int64)


def read_split(
    path: Path | str, n_features: int | None = N_FEATURES, missing: MissingValues = "refuse"
) -> Iterator[Trial]:
    """Trials of one file in the reference's order: group names sorted, gaps in the numbering allowed.

    Args:
        path: an HDF5 file in the T15 layout.
        n_features: width that every trial must have, or None to accept any width that is the same in all trials.
        missing: what to do with NaN and infinite features: refuse the trial, or put zero (the mean of z-scored
            features) in their place.

    Raises:
        DataError: the file cannot be opened, or a trial breaks the layout; the message names file and trial.
    """
    for _, trial in read_each(path, n_features, missing):
        if isinstance(trial, DataError):
            raise trial
        yield trial


def read_each(
    path: Path | str, n_features: int | None = N_FEATURES, missing: MissingValues = "refuse"
) -> Iterator[tuple[str, Trial | DataError]]:
    """Like `read_split`, but a trial that breaks the layout comes as the error that describes it.

    Yields:
        group name and trial, or group name and what is wrong with it.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            names = sorted(name for name in file if _TRIAL_NAME.match(name))
            if not names:
                raise DataError(f"{path}: no group named trial_NNNN")
            for name in names:
                trial = _read_trial(file[name], f"{path}: {name}", n_features, missing)
                if isinstance(trial, Trial):
                    n_features = trial.features.shape[1]
                yield name, trial
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: not a readable HDF5 file (truncated, or another format): {_reason(error)}") from None


def features_digest(features: npt.NDArray[np.float32]) -> str:
    """The same for the same features, and for no others: what tells that two trials are one recording."""
    values = np.ascontiguousarray(features, dtype="<f4")
    return f"{values.shape[0]}x{values.shape[1]}:{hashlib.sha256(values.tobytes()).hexdigest()}"


def write_split(path: Path | str, trials: Iterable[Trial]) -> None:
    """Write trials as `trial_0000`, `trial_0001`, …; a trial without labels is written as in a test file.

    Raises:
        DataError: there is no trial, or labels or sentence of one do not fit the layout: at most 500 entries, classes
            from 1 to 40.
    """
    path = Path(path)
    index = -1
    with written_atomically(path) as partial, h5py.File(partial, "w") as file:
        for index, trial in enumerate(trials):
            name = f"trial_{index:04d}"
            group = file.create_group(name)
            group.create_dataset("input_features", data=np.asarray(trial.features, dtype=np.float32))
            group.attrs["n_time_steps"] = trial.n_bins
            group.attrs["session"] = trial.session
            group.attrs["block_num"] = trial.block
            group.attrs["trial_num"] = trial.number
            if trial.labels is None:
                continue
            sentence = trial.sentence or ""
            _refuse_outside(trial.labels, f"{path}: {name}: labels")
            group.create_dataset("seq_class_ids", data=_padded(trial.labels, f"{path}: {name}: labels"))
            codes = [ord(character) for character in sentence]
            group.create_dataset("transcription", data=_padded(codes, f"{path}: {name}: sentence"))
            group.attrs["seq_len"] = len(trial.labels)
            group.attrs["sentence_label"] = sentence
        if index < 0:
            raise DataError(f"{path}: there are no trials to write")


def _read_trial(group: Any, where: str, n_features: int | None, missing: MissingValues) -> Trial | DataError:
    try:
        labels = _labels(group, where)
        return Trial(
            session=_text(_attribute(group, "session", where)),
            block=int(_attribute(group, "block_num", where)),
            number=int(_attribute(group, "trial_num", where)),
            features=_features(group, where, n_features, missing),
            labels=labels,
            sentence=_text(group.attrs["sentence_label"]) if "sentence_label" in group.attrs else None,
        )
    except DataError as error:
        return error


def _labels(group: Any, where: str) -> npt.NDArray[np.int32] | None:
    if "seq_class_ids" not in group:
        return None
    padded = np.asarray(group["seq_class_ids"][:])
    length = int(_attribute(group, "seq_len", where))
    if not 0 <= length <= len(padded):
        raise DataError(f"{where}: seq_len is {length}, seq_class_ids holds {len(padded)}")
    labels = padded[:length].astype(np.int32)
    _refuse_outside(labels, f"{where}: seq_class_ids")
    return labels


def _refuse_outside(labels: npt.NDArray[np.int32], what: str) -> None:
    outside = labels[(labels < 1) | (labels >= len(PHONEMES))]
    if outside.size:
        raise DataError(f"{what}: class {outside[0]}, but phonemes are 1 to {len(PHONEMES) - 1}")


def _features(group: Any, where: str, n_features: int | None, missing: MissingValues) -> npt.NDArray[np.float32]:
    if "input_features" not in group:
        raise DataError(f"{where}: input_features is missing")
    features = np.asarray(group["input_features"][:], dtype=np.float32)
    if features.ndim != 2:
        raise DataError(f"{where}: input_features has {features.ndim} dimensions, (bins, features) has 2")
    if n_features is not None and features.shape[1] != n_features:
        raise DataError(f"{where}: input_features has {features.shape[1]} columns, expected {n_features}")
    stated = int(group.attrs.get("n_time_steps", len(features)))
    if stated != len(features):
        raise DataError(f"{where}: n_time_steps says {stated}, input_features has {len(features)} rows")
    finite = np.isfinite(features)
    if finite.all():
        return features
    if missing == "zero":
        return np.where(finite, features, np.float32(0))
    row, column = np.argwhere(~finite)[0]
    value = features[row, column]
    raise DataError(
        f"{where}: {value} in column {column}, bin {row} ({np.sum(~finite)} such values; 'missing: zero' accepts them)"
    )


def _attribute(group: Any, name: str, where: str) -> Any:
    if name not in group.attrs:
        raise DataError(f"{where}: attribute {name} is missing")
    return group.attrs[name]


def _text(value: Any) -> str:
    """HDF5 writers store text as str, as bytes, or as an array of one of them."""
    (single,) = np.ravel(np.asarray(value, dtype=object))[:1]
    return single.decode() if isinstance(single, bytes) else str(single)


def _padded(values: Sequence[int] | npt.NDArray[np.int32], what: str) -> npt.NDArray[np.int32]:
    if len(values) > LABEL_LENGTH:
        raise DataError(f"{what} has {len(values)} entries, the T15 layout holds {LABEL_LENGTH}")
    padded = np.zeros(LABEL_LENGTH, dtype=np.int32)
    padded[: len(values)] = values
    return padded


def _reason(error: OSError) -> str:
    return str(error).split("(", 1)[-1].rstrip(")") or "unknown reason"
