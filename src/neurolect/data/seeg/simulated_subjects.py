"""Simulated sEEG on disk, in the packed layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect import __version__
from neurolect.data.files import written_atomically
from neurolect.data.seeg.layout import SubjectInfo, WordTrials, write_subject
from neurolect.data.seeg.mandarin import MandarinWord, mandarin_words
from neurolect.data.seeg.signal_preparation import Preparation
from neurolect.data.seeg.simulate import SeegSimulator, Session, SimulatedSubject
from neurolect.data.seeg.simulated_potentials import MAINS_HZ
from neurolect.data.seeg.simulated_raw import require_edfio, write_raw_session, write_region_table
from neurolect.errors import ConfigError, DataError

EPOCH_SECONDS = (-0.5, 2.5)
RECORDING_SECONDS = 300.0
"""Of a recording without labels; the last of a subject may be shorter."""

_SHORTEST_RECORDING_SECONDS = 10.0
_HIGHEST_SHARE = 0.45
"""Of the sampling rate, for the upper edge of the band at low rates."""


def write_simulated_seeg(
    out: Path,
    subjects: int = 1,
    runs: int = 10,
    repetitions: int = 5,
    minutes: float = 30.0,
    channels: int | None = 12,
    words: Sequence[MandarinWord] | None = None,
    simulator: SeegSimulator | None = None,
    raw: bool = False,
    on_session: Callable[[str], None] | None = None,
) -> None:
    """Simulate subjects and write them in the packed layout (`data/seeg/layout.py`), beside a `SIMULATED.txt`.

    More subjects, runs, minutes or channels leave what was written with fewer as it is. A trial takes 12 kB a channel:
    61 words, ten runs of five repetitions and twelve channels are 440 MB a subject.

    Args:
        out: a folder that does not exist or is empty.
        subjects: `sim01`, `sim02`, …
        runs: of spoken words; each goes through every word `repetitions` times.
        repetitions: of each word in a run.
        minutes: of recordings without labels for each subject, in pieces of five minutes; 0 writes none.
        channels: bipolar channels to write for each subject, those of speech cortex first; None writes all 65 to 145.
        words: by default the 61 that come with the package.
        simulator: seed, difficulty, sampling rate.
        raw: also write the first run of each subject as an amplifier would, `raw/sim01_run01.edf`: all contacts against
            the common reference (extra `ieeg`), and the regions of its bipolar channels, `raw/sim01_regions.csv`.
        on_session: called with subject and name of each run, recording and raw file once it is made.

    Raises:
        ConfigError: a number is out of range, there are neither runs nor minutes, or `raw` without runs or the extra.
        DataError: `out` holds something already.
    """
    simulator = simulator or SeegSimulator()
    words = mandarin_words() if words is None else words
    _require_sensible(subjects, runs, repetitions, minutes, channels)
    if raw:
        require_edfio()
        if not runs:
            raise ConfigError("runs is 0: raw recordings are of runs")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not an empty folder; simulated recordings need a folder of their own")
    report = on_session or (lambda _: None)
    with written_atomically(out.absolute()) as unfinished:
        unfinished.mkdir()
        for subject in map(simulator.subject, range(subjects)):
            pairs = subject.implant.chosen_pairs(channels)
            scratch = unfinished / f".{subject.name}.npy"
            write_subject(
                unfinished / subject.name,
                _describe(subject, pairs),
                _word_trials(subject, pairs, words, runs, repetitions, scratch, report) if runs else None,
                _recordings(subject, pairs, words, minutes, report),
            )
            scratch.unlink(missing_ok=True)
            if raw:
                name = f"{subject.name}_{_run_name(0)}.edf"
                write_raw_session(unfinished / "raw" / name, subject.word_run(0, words, repetitions))
                write_region_table(unfinished / "raw" / f"{subject.name}_regions.csv", subject)
                report(f"{subject.name} {name}")
        statement = _statement(simulator, len(words), subjects, runs, repetitions, minutes)
        (unfinished / "SIMULATED.txt").write_text(statement, encoding="utf-8")


def n_sessions(subjects: int, runs: int, minutes: float, raw: bool = False) -> int:
    """How often `write_simulated_seeg` calls `on_session`."""
    return subjects * (runs + len(_lengths(minutes)) + raw)


def _require_sensible(subjects: int, runs: int, repetitions: int, minutes: float, channels: int | None) -> None:
    for name, number, least in (
        ("subjects", subjects, 1),
        ("runs", runs, 0),
        ("repetitions", repetitions, 1),
        ("channels", 1 if channels is None else channels, 1),
    ):
        if number < least:
            raise ConfigError(f"{name} is {number}, it must be at least {least}")
    if not 0 <= minutes < float("inf"):
        raise ConfigError(f"minutes is {minutes}, it must be at least 0")
    if not runs and not _lengths(minutes):
        raise ConfigError(f"runs is 0 and minutes is {minutes}: there is nothing to simulate")


def _describe(subject: SimulatedSubject, pairs: Sequence[tuple[int, int]]) -> SubjectInfo:
    contacts = subject.implant.contacts
    names = [contacts[first].name for first, _ in pairs]
    return SubjectInfo(
        name=subject.name,
        channels=names,
        sample_rate=subject.simulator.sample_rate,
        epoch_start=EPOCH_SECONDS[0],
        regions={name: subject.implant.region_of(pair) for name, pair in zip(names, pairs, strict=True)},
        positions={
            name: np.mean([contacts[first].position, contacts[second].position], axis=0).round(5).tolist()
            for name, (first, second) in zip(names, pairs, strict=True)
        },
        preparation=[
            "bipolar: each contact minus the next of its shaft",
            *_preparation(subject).describe(subject.simulator.sample_rate, MAINS_HZ),
        ],
        source=f"simulated by neurolect {__version__}: {subject.simulator}; nobody was recorded",
        simulated=True,
    )


def _word_trials(
    subject: SimulatedSubject,
    pairs: Sequence[tuple[int, int]],
    words: Sequence[MandarinWord],
    runs: int,
    repetitions: int,
    scratch: Path,
    report: Callable[[str], None],
) -> WordTrials:
    """Epochs of all runs, gathered in a file so that memory holds one channel of one run at a time."""
    rate = subject.simulator.sample_rate
    first, last = (round(seconds * rate) for seconds in EPOCH_SECONDS)
    n_trials = len(words) * repetitions
    signals = np.lib.format.open_memmap(
        scratch, mode="w+", dtype=np.float32, shape=(runs * n_trials, len(pairs), last - first)
    )
    said: list[str] = []
    onsets: list[float] = []
    for run in range(runs):
        session = subject.word_run(run, words, repetitions)
        starts = np.round(session.speaking.onsets * rate).astype(np.int64) + first
        for channel, signal in enumerate(_prepared(session, pairs)):
            epochs = np.lib.stride_tricks.sliding_window_view(signal, last - first)[starts]
            signals[run * n_trials : (run + 1) * n_trials, channel] = epochs
        said += session.speaking.words
        onsets += session.speaking.onsets.tolist()
        report(f"{subject.name} {_run_name(run)}")
    return WordTrials(signals, said, [_run_name(run) for run in range(runs) for _ in range(n_trials)], np.array(onsets))


def _recordings(
    subject: SimulatedSubject,
    pairs: Sequence[tuple[int, int]],
    words: Sequence[MandarinWord],
    minutes: float,
    report: Callable[[str], None],
) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    for number, seconds in enumerate(_lengths(minutes)):
        session = subject.recording(number, words, RECORDING_SECONDS)
        yield f"talk{number + 1:02d}", _beginning(session, pairs, seconds)
        report(f"{subject.name} talk{number + 1:02d}")


def _beginning(session: Session, pairs: Sequence[tuple[int, int]], seconds: float) -> npt.NDArray[np.float32]:
    n_samples = round(seconds * session.subject.simulator.sample_rate)
    return np.stack([signal[:n_samples] for signal in _prepared(session, pairs)])


def _prepared(session: Session, pairs: Sequence[tuple[int, int]]) -> Iterator[npt.NDArray[np.float32]]:
    """Bipolar channels, filtered as recordings are when they are converted."""
    prepare = _preparation(session.subject)
    for signal in session.bipolar(pairs):
        yield prepare(signal.astype(np.float64), prepare.sample_rate, MAINS_HZ).astype(np.float32)


def _preparation(subject: SimulatedSubject) -> Preparation:
    rate = subject.simulator.sample_rate
    return Preparation(high=min(Preparation.high, _HIGHEST_SHARE * rate), sample_rate=rate)


def _lengths(minutes: float) -> list[float]:
    """Seconds of each recording; a rest too short to be of use is left out."""
    whole, rest = divmod(60 * minutes, RECORDING_SECONDS)
    return [RECORDING_SECONDS] * int(whole) + [rest] * (rest >= _SHORTEST_RECORDING_SECONDS)


def _run_name(run: int) -> str:
    return f"run{run + 1:02d}"


def _statement(
    simulator: SeegSimulator, n_words: int, subjects: int, runs: int, repetitions: int, minutes: float
) -> str:
    return (
        "These recordings are simulated. No person was recorded; implants and positions are invented.\n"
        f"Written by neurolect {__version__}: {subjects} subjects, {runs} runs of {n_words} words, each said "
        f"{repetitions} times a run, {minutes:g} minutes of talk and rest without labels.\n"
        f"{simulator}\n"
    )
