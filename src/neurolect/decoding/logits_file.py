"""Logits of many utterances, in memory and in one `.npz` file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
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

    Raises:
        DataError: the two do not fit together.
    """

    logits: npt.NDArray[np.floating]
    lengths: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "lengths", _whole_numbers(self.lengths))
        if self.logits.ndim != 2 or self.logits.dtype.kind not in "biuf":
            raise DataError(f"logits have the shape {self.logits.shape}, they must be (frames, classes) and real")
        if self.lengths.sum() != len(self.logits):
            raise DataError(f"the lengths sum to {self.lengths.sum()} frames, the logits have {len(self.logits)}")

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[npt.NDArray[np.floating]]:
        """Logits of each utterance (frames, classes)."""
        ends = np.cumsum(self.lengths)
        return (self.logits[end - length : end] for end, length in zip(ends, self.lengths, strict=True))

    @classmethod
    def of_padded(
        cls, logits: npt.NDArray[np.floating], lengths: Sequence[int] | npt.NDArray[np.integer]
    ) -> LogitsFile:
        """The utterances of a padded batch.

        Args:
            logits: (batch, frames, classes); what stands behind an utterance does not count.
            lengths: frames of each utterance.

        Raises:
            DataError: the lengths do not fit the logits.
        """
        lengths = _whole_numbers(lengths)
        if len(lengths) != len(logits) or lengths.max(initial=0) > logits.shape[1]:
            raise DataError(f"{len(lengths)} lengths up to {lengths.max(initial=0)} do not fit logits {logits.shape}")
        return cls(logits[np.arange(logits.shape[1]) < lengths[:, None]], lengths)

    @classmethod
    def read(cls, path: Path) -> LogitsFile:
        """Read the arrays `logits` and `lengths`.

        Raises:
            DataError: the file cannot be read, an array is missing, they do not fit together, or the logits are
                probabilities.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                missing = [name for name in ("logits", "lengths") if name not in arrays]
                if missing:
                    raise DataError(f"{path}: has no array '{missing[0]}', only {', '.join(arrays) or 'none'}")
                logits, lengths = arrays["logits"], arrays["lengths"]
        except OSError as error:
            raise DataError(f"{path}: cannot read the logits: {error.strerror or error}") from None
        except (ValueError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error):
            raise DataError(f"{path}: not an .npz file with plain arrays") from None
        try:
            file = cls(logits, lengths)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        if _are_probabilities(file.logits):
            raise DataError(f"{path}: the logits are probabilities; write their logarithms")
        return file

    def write(self, path: Path) -> None:
        """Write the arrays; the file appears whole or not at all."""
        with written_atomically(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, logits=self.logits, lengths=self.lengths)


def _are_probabilities(logits: npt.NDArray[np.floating]) -> bool:
    """Whether each of many frames sums to 1, which logits do not."""
    frames = logits[:1000]
    return len(frames) > 1 and bool((frames >= 0).all() and np.allclose(frames.sum(axis=1), 1, atol=1e-3))


def _whole_numbers(lengths: Sequence[int] | npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    array = np.asarray(lengths)
    # An empty list has no type of its own.
    is_whole = array.ndim == 1 and (array.dtype.kind in "iu" or not len(array))
    if not is_whole or ((whole := array.astype(np.int64)) < 0).any():
        raise DataError("lengths must be one whole number of frames per utterance")
    return whole
