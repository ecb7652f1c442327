"""Simulated recordings on disk, in the T15 layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from importlib.resources import files
from itertools import count, islice
from pathlib import Path

import numpy as np

from neurolect import __version__
from neurolect.data.blocks import Block, write_block_table
from neurolect.data.files import written_atomically
from neurolect.data.simulate_speech import CORPUS, RecordingDay, SpeechSimulator
from neurolect.data.t15 import Split, write_split
from neurolect.data.trial import Trial
from neurolect.errors import ConfigError, DataError
from neurolect.text.lexicon import Lexicon
from neurolect.text.normalise import normalise_for_evaluation
from neurolect.text.text_lines import read_lines

SENTENCES_PER_BLOCK = 50
_IMPLANTED, _FIRST_RECORDING = date(2029, 12, 11), date(2030, 1, 5)
_DAYS_OF_WEEK = (0, 2)
"""When in a week the participant records, counted from the day of the first recording."""

_SENTENCES = 4
"""Random stream; the simulator's own are 1 to 3."""


def everyday_sentences() -> list[str]:
    """The 640 English sentences of everyday talk that come with the package; `Lexicon.english` knows every word."""
    return files("neurolect.data").joinpath("everyday_sentences.txt").read_text(encoding="utf-8").splitlines()


def read_sentences(path: Path | str, lexicon: Lexicon) -> list[str]:
    """Sentences from a text file, one a line; empty lines are skipped.

    Raises:
        DataError: the file is missing, not text or empty, or a line holds digits, no word, or a word that the lexicon
            does not know; names the line.
    """
    path = Path(path)
    sentences = []
    for number, line in enumerate(map(str.strip, read_lines(path, "sentences")), start=1):
        if not line:
            continue
        if re.search(r"\d", line):
            raise DataError(f"{path}: line {number}: write numbers as words in '{line}'")
        if not normalise_for_evaluation(line):
            raise DataError(f"{path}: line {number}: no word in '{line}'")
        try:
            lexicon.phonemes(line)
        except ConfigError as error:
            raise DataError(f"{path}: line {number}: {error}") from None
        sentences.append(line)
    if not sentences:
        raise DataError(f"{path}: no sentences in it")
    return sentences


def write_simulated_speech(
    out: Path | str,
    sentences: Sequence[str],
    lexicon: Lexicon,
    sessions: int = 10,
    trials_per_session: int = 50,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.0,
    simulator: SpeechSimulator | None = None,
    on_session: Callable[[str], None] | None = None,
) -> None:
    """Simulate recording days and write them in the T15 layout.

        <out>/hdf5_data_final/sim.YYYY.MM.DD/data_train.hdf5 [, data_val.hdf5, data_test.hdf5]
        <out>/blocks.csv, <out>/SIMULATED.txt

    Training, validation and test never share a sentence, in no session. Where trials outnumber sentences, sentences
    repeat within their split. The folder appears when it is complete.

    Args:
        out: a folder that does not exist or is empty.
        sentences: what the participant attempts to say; those that differ in punctuation or case alone count once.
        lexicon: gives each sentence's phonemes.
        sessions: recording days; a longer dataset begins with the same days.
        trials_per_session: trials of all splits together.
        validation_fraction: share of the sentences, and of each session's trials, kept for validation.
        test_fraction: share kept for testing; test files carry no labels.
        simulator: the participant.
        on_session: called with the name of each session once it is written.

    Raises:
        ConfigError: a number is out of range, a split would be left without sentences or trials, or a word is not in
            the lexicon.
        DataError: `out` holds something already.
    """
    out = Path(out)
    simulator = simulator or SpeechSimulator()
    if sessions < 1:
        raise ConfigError(f"sessions is {sessions}, it must be at least 1")
    for name, fraction in (("validation_fraction", validation_fraction), ("test_fraction", test_fraction)):
        if not 0 <= fraction < 1:
            raise ConfigError(f"{name} is {fraction}, it must be at least 0 and below 1")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not an empty folder; simulated recordings need a folder of their own")
    held_out: dict[Split, float] = {"val": validation_fraction, "test": test_fraction}
    n_trials = _shares(trials_per_session, held_out, "trials_per_session")
    cues = _cues(sentences, held_out, simulator)
    blocks: list[Block] = []
    with written_atomically(out.absolute()) as unfinished:
        for day in islice(simulator.days(), sessions):
            session = f"sim.{_date_of(day):%Y.%m.%d}"
            spoken = {split: list(islice(cues[split], n)) for split, n in n_trials.items()}
            trials, rows = _record(day, session, spoken, lexicon)
            for split in n_trials:
                write_split(unfinished / "hdf5_data_final" / session / f"data_{split}.hdf5", trials[split])
            blocks += rows
            if on_session is not None:
                on_session(session)
        write_block_table(unfinished / "blocks.csv", blocks)
        (unfinished / "SIMULATED.txt").write_text(_statement(simulator, sessions, n_trials), encoding="utf-8")


def _shares(total: int, held_out: dict[Split, float], what: str) -> dict[Split, int]:
    """Divide `total` among training and the splits that are wanted at all."""
    shares = {split: max(1, round(fraction * total)) for split, fraction in held_out.items() if fraction > 0}
    n_training = total - sum(shares.values())
    if n_training < 1:
        raise ConfigError(f"{what}: none of {total} is left for training, {sum(shares.values())} held out")
    return {"train": n_training, **shares}


def _cues(
    sentences: Sequence[str], held_out: dict[Split, float], simulator: SpeechSimulator
) -> dict[Split, Iterator[str]]:
    """For each split, its own sentences in random order, again and again."""
    distinct = list({normalise_for_evaluation(sentence): sentence for sentence in sentences}.values())
    shares = _shares(len(distinct), held_out, "sentences")
    shuffled = iter(_shuffled(distinct, simulator.rng(_SENTENCES, 0)))
    pools = {split: list(islice(shuffled, n)) for split, n in shares.items()}
    return {
        split: _endless(pool, partial(simulator.rng, _SENTENCES, stream))
        for stream, (split, pool) in enumerate(pools.items(), start=1)
    }


def _endless(pool: list[str], rng: Callable[[int], np.random.Generator]) -> Iterator[str]:
    for rounds in count():
        yield from _shuffled(pool, rng(rounds))


def _shuffled(sentences: list[str], rng: np.random.Generator) -> list[str]:
    return [sentences[index] for index in rng.permutation(len(sentences))]


def _record(
    day: RecordingDay, session: str, spoken: dict[Split, list[str]], lexicon: Lexicon
) -> tuple[dict[Split, list[Trial]], list[Block]]:
    """One day's trials by split, and its rows of the block table; a block is for training or held out as a whole."""
    held_out = [sentence for split, sentences in spoken.items() if split != "train" for sentence in sentences]
    recorded: list[Trial] = []
    rows: list[Block] = []
    recorded_on = _date_of(day)
    for kind, sentences in (("Train", spoken["train"]), ("Val/Test", held_out)):
        for block in _blocks_of(sentences):
            number = len(rows) + 1
            recorded += day.record(session, number, block, lexicon)
            rows.append(Block(str(recorded_on), (recorded_on - _IMPLANTED).days, number, len(block), CORPUS, kind))
    remaining = iter(recorded)
    trials = {split: list(islice(remaining, len(sentences))) for split, sentences in spoken.items()}
    if "test" in trials:
        trials["test"] = [replace(trial, labels=None, sentence=None) for trial in trials["test"]]
    return trials, rows


def _blocks_of(sentences: list[str]) -> Iterator[list[str]]:
    """Cut into as few blocks as hold them, of equal size within one."""
    n_blocks = -(-len(sentences) // SENTENCES_PER_BLOCK)
    for index in range(n_blocks):
        yield sentences[index * len(sentences) // n_blocks : (index + 1) * len(sentences) // n_blocks]


def _date_of(day: RecordingDay) -> date:
    week, occasion = divmod(day.index, len(_DAYS_OF_WEEK))
    return _FIRST_RECORDING + timedelta(days=7 * week + _DAYS_OF_WEEK[occasion])


def _statement(simulator: SpeechSimulator, sessions: int, n_trials: dict[Split, int]) -> str:
    trials = ", ".join(f"{n} {split}" for split, n in n_trials.items())
    return (
        "These recordings are simulated. No person was recorded; the dates are invented.\n"
        f"Written by neurolect {__version__}: {sessions} sessions, trials of each: {trials}.\n"
        f"{simulator}\n"
    )
