"""Looks a whole dataset over and says what it holds and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurolect.data.blocks import BlockTable
from neurolect.data.frames import Patching
from neurolect.data.t15 import BIN_SECONDS, SPLITS, SessionFiles, Split, features_digest, find_sessions, read_each
from neurolect.data.trial import Trial
from neurolect.errors import DataError
from neurolect.text.normalise import normalise_for_evaluation

_REFERENCE_PATCHES = Patching(size=14, stride=4)


@dataclass
class SplitSummary:
    """What one file holds.

    Args:
        session: name of the session's folder.
        split: `train`, `val` or `test`.
        trials: trials that can be read.
        seconds: recorded time.
        words: in the cue sentences.
        label_lengths: number of phonemes of each labelled trial.
        features: columns of the features, 0 if no trial can be read.
        corpora: trials of each corpus, where the block table knows it.
        sentences: the cue sentences, normalised.
        digests: where the features of each trial are, by what tells them from others.
        problems: one line each, naming file and trial.
    """

    session: str
    split: Split
    trials: int = 0
    seconds: float = 0.0
    words: int = 0
    label_lengths: list[int] = field(default_factory=list)
    features: int = 0
    corpora: Counter[str] = field(default_factory=Counter)
    sentences: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def check_dataset(root: Path) -> Iterator[SplitSummary]:
    """Read every trial of every session and split, one summary per file, problems collected rather than raised.

    Raises:
        DataError: the folder holds no session at all.
    """
    corpora = BlockTable.near(root)
    width = 0
    for session in find_sessions(root):
        for split in SPLITS:
            if session.has(split):
                summary = _check_split(session, split, corpora)
                if width and summary.features not in (0, width):
                    where = session.path(split)
                    summary.problems.append(f"{where}: {summary.features} features, earlier sessions have {width}")
                width = width or summary.features
                yield summary


def shared_recordings(summaries: Sequence[SplitSummary]) -> list[str]:
    """A line for each trial whose features another split has too: what is trained on may not be tested on."""
    seen: dict[str, tuple[Split, str]] = {}
    problems = []
    for summary in summaries:
        for digest, where in summary.digests.items():
            split, other = seen.setdefault(digest, (summary.split, where))
            if split != summary.split:
                problems.append(f"{where}: the same features as {other}, which is another split")
    return problems


def shared_sentences(summaries: Sequence[SplitSummary]) -> set[str]:
    """Sentences, normalised, that occur both in training and in another split."""
    trained = {sentence for summary in summaries if summary.split == "train" for sentence in summary.sentences}
    tested = {sentence for summary in summaries if summary.split != "train" for sentence in summary.sentences}
    return trained & tested


def _check_split(session: SessionFiles, split: Split, corpora: BlockTable) -> SplitSummary:
    summary = SplitSummary(session.name, split)
    path = session.path(split)
    numbers: Counter[tuple[int, int]] = Counter()
    strangers: Counter[str] = Counter()
    try:
        for name, trial in read_each(path, n_features=None):
            if isinstance(trial, DataError):
                summary.problems.append(str(trial))
                continue
            _add(summary, corpora.with_corpus(trial))
            summary.digests[features_digest(trial.features)] = f"{path}: {name}"
            numbers[trial.block, trial.number] += 1
            summary.problems += [f"{path}: {name}: {problem}" for problem in _problems(trial, split)]
            if trial.session != session.name:
                strangers[trial.session] += 1
    except DataError as error:
        summary.problems.append(str(error))
    for stranger, count in strangers.items():
        summary.problems.append(
            f"{path}: {count} trials say they are of session {stranger}, a copied or renamed folder?"
        )
    for (block, number), count in numbers.items():
        if count > 1:
            summary.problems.append(f"{path}: block {block}, trial {number} occurs {count} times")
    return summary


def _add(summary: SplitSummary, trial: Trial) -> None:
    summary.trials += 1
    summary.seconds += trial.n_bins * BIN_SECONDS
    summary.features = trial.features.shape[1]
    if trial.sentence:
        summary.words += len(trial.sentence.split())
        summary.sentences.add(normalise_for_evaluation(trial.sentence))
    if trial.labels is not None:
        summary.label_lengths.append(len(trial.labels))
    if trial.corpus:
        summary.corpora[trial.corpus] += 1


def _problems(trial: Trial, split: Split) -> Iterator[str]:
    frames = _REFERENCE_PATCHES.n_frames(trial.n_bins)
    if trial.labels is None:
        if split != "test":
            yield f"no labels, but this is the {split} split"
    elif len(trial.labels) == 0:
        yield "labels are empty"
    elif (needed := len(trial.labels) + int(np.sum(trial.labels[1:] == trial.labels[:-1]))) > frames:
        yield f"{len(trial.labels)} labels need {needed} frames, {trial.n_bins} bins give {frames}"
    if frames == 0:
        yield f"{trial.n_bins} bins are shorter than one patch of {_REFERENCE_PATCHES.size}"
    constant = np.flatnonzero(np.ptp(trial.features, axis=0) == 0) if trial.n_bins > 1 else np.array([])
    if constant.size == trial.features.shape[1]:
        yield "every feature is constant"
