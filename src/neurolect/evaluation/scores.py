"""Error rates of a decoded split: over all trials, by session and by corpus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from neurolect.evaluation.decode import DecodedTrial
from neurolect.text.error_rates import (
    ErrorCounts,
    ErrorRate,
    count_errors,
    count_word_errors,
    error_rate,
    error_rate_by,
)
from neurolect.text.normalise import normalise_for_evaluation, normalise_for_phonemes


@dataclass(frozen=True)
class Scores:
    """One kind of error rate, aggregated three ways.

    Args:
        name: what was counted, with its rule, such as `word error rate (normalisation A)`.
        overall: over all trials.
        by_session: in the order of the recordings.
        by_corpus: of trials whose corpus is known.
    """

    name: str
    overall: ErrorRate
    by_session: dict[str, ErrorRate] = field(default_factory=dict)
    by_corpus: dict[str, ErrorRate] = field(default_factory=dict)


def phoneme_scores(trials: Sequence[DecodedTrial]) -> Scores | None:
    """Phoneme error rate of the greedy answers, silences counted as phonemes; None if no trial has labels."""
    labelled = [trial for trial in trials if trial.spoken_phonemes is not None]
    if not labelled:
        return None
    counts = count_errors([trial.spoken_phonemes or [] for trial in labelled], [trial.phonemes for trial in labelled])
    return _scores("phoneme error rate", labelled, counts)


def word_scores(trials: Sequence[DecodedTrial]) -> Scores | None:
    """Word error rate as the reference counts it (normalisation A); None if no trial has a sentence and an answer."""
    return _word_scores(trials, "word error rate", normalise_for_evaluation)


def word_scores_keeping_hyphens(trials: Sequence[DecodedTrial]) -> Scores | None:
    """Word error rate under normalisation B, which leaves "hyphen, space" alone."""
    return _word_scores(trials, "word error rate, normalisation B", normalise_for_phonemes)


def _word_scores(trials: Sequence[DecodedTrial], name: str, normalise: Callable[[str], str]) -> Scores | None:
    known = [trial for trial in trials if trial.trial.sentence is not None and trial.hypotheses]
    if not known:
        return None
    counts = count_word_errors(
        [normalise(trial.trial.sentence or "") for trial in known], [normalise(trial.text) for trial in known]
    )
    return _scores(name, known, counts)


def _scores(name: str, trials: Sequence[DecodedTrial], counts: ErrorCounts) -> Scores:
    return Scores(
        name=name,
        overall=error_rate(counts),
        by_session=error_rate_by(counts, [trial.trial.session for trial in trials]),
        by_corpus=error_rate_by(counts, [trial.trial.corpus for trial in trials]),
    )
