"""Files of recorded utterances: one HDF5 file each, whole and on the disk, or not there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from neurolect.data.files import written_atomically
from neurolect.errors import DataError
from neurolect.online.live_answers import Correction, Sentence

_NAME = re.compile(r"utterance_(\d+)_.+_(\d+)-(\d+)\.hdf5$")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")
_ENTRY = re.compile(r"\d{1,19}-\d{1,19}$")


@dataclass(frozen=True)
class RecordedTrial:
    """A finished utterance with what was recorded.

    Args:
        features: (bins, features) float32, as the decoder was sent them.
        sentence: what it answered.
        corrections: by persons, in their order.
        simulated: whether the decoder says that it was trained on simulated recordings, or the sender that it plays
            some.
    """

    features: npt.NDArray[np.float32]
    sentence: Sentence
    corrections: tuple[Correction, ...] = ()
    simulated: bool = False

    @property
    def complete(self) -> bool:
        """Whether all bins are there that were decoded."""
        return len(self.features) == self.sentence.n_bins

    @property
    def label(self) -> str | None:
        """What was really said, by the last person who said so; None where nobody did."""
        return self.corrections[-1].text if self.corrections else None


def recorded_name(sentence: Sentence) -> str:
    """Name of an utterance's file: the same whenever it is recorded, and no other utterance's, of any server.

    Raises:
        DataError: the sentence does not say which bins it is of.
    """
    numbers = {name: getattr(sentence, name) for name in ("utterance", "n_bins", "first_bin")}
    texts = {name: getattr(sentence, name) for name in ("first_input", "last_input", "source")}
    wrong = {name: value for name, value in numbers.items() if not isinstance(value, int)}
    wrong |= {name: value for name, value in texts.items() if not isinstance(value, str)}
    wrong |= {name: texts[name] for name in ("first_input", "last_input") if not _ENTRY.match(str(texts[name]))}
    for name, value in wrong.items():
        raise DataError(f"{name} is {str(value)[:40]!r}")
    # A source is any text; what could not be part of a file's name everywhere stands in it as a digest.
    plain = _PLAIN.match(sentence.source)
    source = sentence.source if plain else hashlib.sha256(sentence.source.encode()).hexdigest()[:16]
    return f"utterance_{sentence.utterance:06d}_{source}_{sentence.first_input}.hdf5"


def recorded_files(folder: Path) -> list[Path]:
    """Recorded utterances of a folder, in the order in which they began.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = [(match, path) for path in folder.glob("utterance_*.hdf5") if (match := _NAME.match(path.name))]
    return [path for _, path in sorted(found, key=lambda each: (int(each[0][2]), int(each[0][3]), each[1].name))]


def utterance_of(path: Path) -> int:
    """The number in a file's name."""
    match = _NAME.match(path.name)
    assert match is not None, "it is a recorded utterance's"
    return int(match[1])


def write_recorded(path: Path, trial: RecordedTrial) -> None:
    """Write a file that survives a loss of power as soon as this returns; what was there is replaced.

    Raises:
        OSError: the disk is full, or cannot be written; then nothing has changed.
    """
    # Made in memory: the HDF5 library leaves a mess where a disk is full.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["features"] = np.asarray(trial.features, dtype=np.float32)
        file["sentence"] = json.dumps(asdict(trial.sentence))
        file["corrections"] = json.dumps([asdict(each) for each in trial.corrections])
        file.attrs["simulated"] = trial.simulated
    with written_atomically(path) as partial, partial.open("wb") as written:
        written.write(content.getbuffer())
        written.flush()
        os.fsync(written.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_recorded(path: Path) -> RecordedTrial:
    """Read a file.

    Raises:
        DataError: it is not a recorded utterance; names the file.
    """
    try:
        with h5py.File(path, "r") as file:
            return RecordedTrial(
                features=file["features"][:],
                sentence=Sentence.from_fields({b"sentence": file["sentence"][()]}),
                corrections=tuple(Correction(**each) for each in json.loads(file["corrections"][()])),
                simulated=bool(file.attrs["simulated"]),
            )
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a recorded utterance: {error}") from None
