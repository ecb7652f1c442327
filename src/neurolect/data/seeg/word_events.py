"""Which events of a recording are spoken words, and where their trials lie in it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from neurolect.data.seeg.raw_recording import Event, RawRecording
from neurolect.data.seeg.tables import read_rows, read_seconds
from neurolect.errors import ConfigError, DataError
from neurolect.text.text_lines import read_lines

SOURCE = "source"
"""In place of a table's path: the events that come with the recordings."""

BEYOND = "reach beyond the recording"
"""Told of trials that are left out for it."""


@dataclass(frozen=True)
class WordEvents:
    """How events become trials.

    Args:
        start: of a trial, in seconds from the onset of its word.
        stop: of a trial, in seconds from the onset of its word.
        prefix: only events whose text begins so are words, and what follows is the word.
        vocabulary: text file, one word a line; other events are no words.
    """

    start: float = -0.5
    stop: float = 2.5
    prefix: str = ""
    vocabulary: Path | None = None

    def __post_init__(self) -> None:
        """Refuse windows without length."""
        if not 0 < self.stop - self.start < math.inf:
            raise ConfigError(f"trials from {self.start:g} to {self.stop:g} s have no length")

    def n_samples(self, rate: float) -> int:
        """Samples of a trial."""
        return round((self.stop - self.start) * rate)

    def words(self, events: Sequence[Event]) -> list[Event]:
        """The events that are words, in order of time, with the word as their text."""
        known = None if self.vocabulary is None else _vocabulary(self.vocabulary)
        words = [
            Event(event.onset, word, event.duration)
            for event in events
            if event.text.startswith(self.prefix)
            and (word := event.text[len(self.prefix) :].strip())
            and (word in known if known is not None else not _is_bad(event))
        ]
        return sorted(words, key=lambda event: event.onset)


@dataclass(frozen=True)
class TrialPlan:
    """Where the trials of one recording lie.

    Args:
        words: of each trial, in order of time.
        onsets: of each word in seconds from the first sample.
        first_samples: of each trial, after resampling.
        notes: what was left out, for people to read.
    """

    words: list[str]
    onsets: list[float]
    first_samples: list[int]
    notes: list[str]


def plan_trials(
    words: Sequence[Event], settings: WordEvents, rate: float, n_samples: int, spoilt: Sequence[Event] = ()
) -> TrialPlan:
    """Lay out trials around words; those that reach beyond the recording or into a bad stretch are left out.

    Args:
        words: in order of time.
        settings: the window.
        rate: of the prepared signal in Hz.
        n_samples: of the prepared signal.
        spoilt: the recording's events; those called `bad…` mark stretches that no trial may touch, as in MNE.
    """
    length = settings.n_samples(rate)
    stretches = [(event.onset, event.onset + event.duration) for event in spoilt if _is_bad(event)]
    kept: list[tuple[Event, int]] = []
    outside = touching = 0
    for word in words:
        first = round((word.onset + settings.start) * rate)
        if first < 0 or first + length > n_samples:
            outside += 1
        elif any(begin < word.onset + settings.stop and word.onset + settings.start < end for begin, end in stretches):
            touching += 1
        else:
            kept.append((word, first))
    firsts = [first for _, first in kept]
    overlaps = sum(after < first + length for first, after in pairwise(firsts))
    counts = {
        f"{BEYOND}: left out": outside,
        "touch a stretch marked bad: left out": touching,
        "overlap the one before: a split in time lets them share samples": overlaps,
    }
    notes = [f"{count} of {len(words)} trials {what}" for what, count in counts.items() if count]
    return TrialPlan([word.text for word, _ in kept], [word.onset for word, _ in kept], firsts, notes)


def events_of(raws: Sequence[RawRecording], source: str | None) -> dict[str, list[Event]] | None:
    """Run → events that may be words; None where no trials are wanted.

    Args:
        raws: the recordings of a subject.
        source: 'source' for what the recordings say themselves, or the path of a table; None for no trials.

    Raises:
        DataError: the recordings say of no event, or the table is wrong.
    """
    if source is None:
        return None
    if source != SOURCE:
        return read_event_table(Path(source), [raw.name for raw in raws])
    if not any(raw.events for raw in raws):
        raise DataError(f"{raws[0].path}: neither it nor a table beside it tells of events: give a file onset,word")
    return {raw.name: list(raw.events) for raw in raws}


def read_event_table(path: Path, runs: Collection[str]) -> dict[str, list[Event]]:
    """Read a CSV of words, `onset,word[,run]`; onsets in seconds from the first sample of the run.

    Args:
        path: of the table.
        runs: names of the recordings; with one of them, the column `run` may be left out.

    Raises:
        DataError: names the line that is wrong.
    """
    only = next(iter(runs)) if len(runs) == 1 else None
    events: dict[str, list[Event]] = {run: [] for run in runs}
    for line, row in enumerate(read_rows(path, ("onset", "word")), start=2):
        onset, word, run = row["onset"], row["word"], row.get("run") or only
        if not onset or not word:
            raise DataError(f"{path}: line {line}: onset and word must both be filled")
        if run not in events:
            raise DataError(f"{path}: line {line}: run is '{run or ''}', the recordings are {', '.join(sorted(runs))}")
        events[run].append(Event(read_seconds(path, line, "onset", onset), word.strip()))
    return events


def _vocabulary(path: Path) -> set[str]:
    # Some editors write a byte order mark.
    return {line.removeprefix("\ufeff").strip() for line in read_lines(path, "vocabulary")}


def _is_bad(event: Event) -> bool:
    return event.duration > 0 and event.text.lower().startswith("bad")
