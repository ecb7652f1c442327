"""Plays recorded trials into the input stream of a live decoder, at the pace at which hardware would send them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.data.dataset import SpeechData
from neurolect.data.t15 import BIN_SECONDS, Split
from neurolect.data.trial import Trial
from neurolect.errors import require_at_least
from neurolect.online.sender import Sender


@dataclass(frozen=True)
class Playback:
    """How trials are played.

    Args:
        speed: 1 is as fast as they were recorded, 2 twice as fast, 0 as fast as the server takes them.
        block_bins: bins in a message.
        continuous: tell nothing of where trials begin and end, for a decoder that hears silence.
        pause: seconds of zeros, the mean of z-scored features, after each trial; None is 0 with events and 2 without.
    """

    speed: float = 1.0
    block_bins: int = 1
    continuous: bool = False
    pause: float | None = None

    def __post_init__(self) -> None:
        require_at_least(0, "speed", self.speed)
        require_at_least(1, "block_bins", self.block_bins)
        require_at_least(0, "pause", 0 if self.pause is None else self.pause)

    @property
    def pause_bins(self) -> int:
        """Bins of zeros after each trial."""
        seconds = (2.0 if self.continuous else 0.0) if self.pause is None else self.pause
        return round(seconds / BIN_SECONDS)


@dataclass(frozen=True)
class PlayedTrial:
    """A trial and where it is in its source."""

    trial: Trial
    first_bin: int

    @property
    def end(self) -> int:
        """Number of the bin after its last."""
        return self.first_bin + self.trial.n_bins


def trials_of(data: SpeechData, split: Split, limit: int | None = None) -> list[Trial]:
    """Trials of a split, day after day; their features are read from the disk when they are played.

    Args:
        data: the sessions.
        split: which files.
        limit: only the first so many.

    Raises:
        DataError: a file breaks the layout, or no session has the split.
    """
    require_at_least(1, "trials", 1 if limit is None else limit)
    trials = [trial for day in data.open(split) for trial in day or ()]
    return trials[:limit]


def play(
    trials: Iterable[Trial],
    sender: Sender,
    playback: Playback = Playback(),
    columns: npt.NDArray[np.int64] | None = None,
    on_bins: Callable[[int], None] = lambda _: None,
    simulated: bool = False,
) -> Iterator[PlayedTrial]:
    """Send trials, each when it is asked for, with the session, the block and, unless continuous, both of its ends.

    A message is sent when its last bin is due, counted from the first, so that no delay adds up: what the server holds
    up is sent as soon as it can be, as an amplifier with a buffer would.

    Args:
        trials: in the order to play.
        sender: writes them.
        playback: how.
        columns: of the features to send, None for all.
        on_bins: is told how many bins were sent, after every message.
        simulated: the trials are, which the notes of each then tell.
    """
    pace = _Pace(playback.speed)
    told: dict[str, str] = {}
    for trial in trials:
        for kind, value in (("session", trial.session), ("block", str(trial.block))):
            if told.get(kind) != value:
                sender.tell(kind, value)  # type: ignore[arg-type]
                told[kind] = value
        if not playback.continuous:
            sender.tell("utterance_start", _notes(trial, simulated))
        first = sender.bins
        features = trial.features if columns is None else trial.features[:, columns]
        _send(features, sender, pace, playback.block_bins, on_bins)
        if not playback.continuous:
            sender.tell("utterance_end")
        silence = np.zeros((playback.pause_bins, features.shape[1]), dtype=np.float32)
        _send(silence, sender, pace, playback.block_bins, on_bins)
        yield PlayedTrial(trial, first)


class _Pace:
    """Waits until a bin is due; the first bin begins at the first call."""

    def __init__(self, speed: float) -> None:
        self._seconds = BIN_SECONDS / speed if speed else 0.0
        self._begin: float | None = None
        self._bins = 0

    def wait(self, n_bins: int) -> None:
        """Until the last of the next bins has passed."""
        if self._begin is None:
            self._begin = time.monotonic()
        self._bins += n_bins
        remaining = self._begin + self._bins * self._seconds - time.monotonic()
        if remaining > 0:
            time.sleep(remaining)


def _send(
    features: npt.NDArray[np.float32], sender: Sender, pace: _Pace, block_bins: int, on_bins: Callable[[int], None]
) -> None:
    for start in range(0, len(features), block_bins):
        block = features[start : start + block_bins]
        pace.wait(len(block))
        sender.send(block)
        on_bins(len(block))


def _notes(trial: Trial, simulated: bool) -> str:
    notes: dict[str, object] = {"session": trial.session, "block": trial.block, "trial": trial.number}
    if trial.sentence is not None:
        notes["sentence"] = trial.sentence
    if simulated:
        notes["simulated"] = True
    return json.dumps(notes)
