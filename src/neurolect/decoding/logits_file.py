"""Logits of many utterances in one `.npz` file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.data.files import written_atomically
from neurolect.errors import DataError


@dataclass(frozen=True)
class LogitsFile:
    """Utterances one after the other.

    Args:
        logits: (frames of all utterances, classes).
        lengths: frames of each utterance (utterances,).
    """

    logits: npt.NDArray[np.floating]
    lengths: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[npt.NDArray[np.floating]]:
        """Logits of each utterance (frames, classes)."""
        ends = np.cumsum(self.lengths)
        return (self.logits[end - length : end] for end, length in zip(ends, self.lengths, strict=True))

    @classmethod
    def read(cls, path: Path) -> LogitsFile:
        """Read the arrays `logits` and `lengths`.

        Raises:
            DataError: the file cannot be read, an array is missing, or they do not fit together.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                missing = [name for name in ("logits", "lengths") if name not in arrays]
                if missing:
                    raise DataError(f"{path}: has no array '{missing[0]}', only {', '.join(arrays) or 'none'}")
                logits, lengths = arrays["logits"], arrays["lengths"]
        except OSError as error:
            raise DataError(f"{path}: cannot read the logits: {error.strerror or error}") from None
        except (ValueError, EOFError, TypeError, zipfile.BadZipFile):
            raise DataError(f"{path}: not an .npz file with plain arrays") from None
        if logits.ndim != 2 or logits.dtype.kind not in "fiu":
            raise DataError(f"{path}: logits have the shape {logits.shape}, they must be (frames, classes) and real")
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
            raise DataError(f"{path}: lengths must be one whole number of frames per utterance")
        if lengths.sum() != len(logits):
            raise DataError(f"{path}: the lengths sum to {lengths.sum()} frames, the logits have {len(logits)}")
        return cls(logits, lengths.astype(np.int64))

    def write(self, path: Path) -> None:
        """Write the arrays; the file appears whole or not at all."""
        with written_atomically(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, logits=self.logits, lengths=self.lengths)
