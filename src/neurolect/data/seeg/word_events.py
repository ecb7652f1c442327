"""Which events of a recording are spoken words, and where their trials lie in it."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from neurolect.data.seeg.raw_recording import Event, RawRecording
from neurolect.errors import ConfigError, DataError

SOURCE = "source"
"""In place of a table's path: the events that come with the recordings."""


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
        if self.stop <= self.start:
            raise ConfigError(f"trials from {self.start:g} to {self.stop:g} s have no length")

    def n_samples(self, rate: float) -> int:
        """Samples of a trial."""
        return round((self.stop - self.start) * rate)

    def words(self, events: Sequence[Event]) -> list[Event]:
        """The events that are words, in order of time, with the word as their text."""
        lines = None if self.vocabulary is None else self.vocabulary.read_text(encoding="utf-8-sig").splitlines()
        known = None if lines is None else {line.strip() for line in lines}
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
        "reach beyond the recording: left out": outside,
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
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        raise DataError(f"{path}: no such file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a table: {error}") from None
    only = next(iter(runs)) if len(runs) == 1 else None
    events: dict[str, list[Event]] = {run: [] for run in runs}
    for line, row in enumerate(rows, start=2):
        onset, word, run = (row.get(column) for column in ("onset", "word", "run"))
        if not onset or not word:
            raise DataError(f"{path}: line {line}: needs the columns onset and word, and both filled")
        run = run or only
        if run not in events:
            raise DataError(f"{path}: line {line}: run is '{run or ''}', the recordings are {', '.join(sorted(runs))}")
        events[run].append(Event(_seconds(path, line, onset), word.strip()))
    return events


def _seconds(path: Path, line: int, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise DataError(f"{path}: line {line}: onset is '{text}', it must be a time in seconds")
    return seconds


def _is_bad(event: Event) -> bool:
    return event.duration > 0 and event.text.lower().startswith("bad")
