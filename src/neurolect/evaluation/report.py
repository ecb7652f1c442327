"""The report of an evaluation: one HTML file that needs nothing beside it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from markupsafe import Markup
from rapidfuzz.distance import Levenshtein

from neurolect.data.frames import Patching
from neurolect.data.t15 import BIN_SECONDS
from neurolect.data.trial import Trial
from neurolect.evaluation import figures
from neurolect.evaluation.decode import DecodedTrial
from neurolect.evaluation.pages import percent, svg, write_page
from neurolect.evaluation.scores import Scores
from neurolect.text.alphabet import Alphabet
from neurolect.text.error_rates import ErrorRate, count_confusions
from neurolect.text.normalise import normalise_for_evaluation

Unit = Literal["word", "phoneme"]

_WORST = 25
_MOST_SENTENCES = 2_000
_MOST_CONFUSIONS = 20


def write_report(
    path: Path,
    title: str,
    facts: Mapping[str, str],
    scores: Sequence[Scores],
    trials: Sequence[DecodedTrial],
    alphabet: Alphabet,
    patching: Patching,
    notes: Sequence[str] = (),
) -> None:
    """Write error rates, an example, confusions and sentences as one HTML file without scripts or external resources.

    What cannot be known is left out: rates and confusions without labels, search times without a word search, the
    example where no trial has frames.

    Args:
        path: the file; an older one is replaced only once the new one is complete.
        title: heading, such as the run and the split.
        facts: what a reader must know to trust the numbers: run, split, protocol, language model, normalisation.
        scores: error rates in the order shown; none for a split without labels.
        trials: in the order decoded.
        alphabet: classes of the logits.
        patching: how bins became frames.
        notes: what must be read before any number, such as that the recordings are simulated.
    """
    # Phonemes stand in for words where none were searched.
    unit: Unit = "word" if any(trial.hypotheses for trial in trials) else "phoneme"
    sentences = [compare(trial, unit) for trial in trials if trial.hypotheses or unit == "phoneme"]
    wrong = [sentence for sentence in sentences if sentence.said is not None and sentence.errors]
    write_page(
        path,
        "report.html",
        title,
        facts,
        notes,
        filters={"interval": _interval, "unit": _unit},
        scores=scores,
        trials=trials,
        sessions={trial.trial.session for trial in trials},
        minutes=sum(trial.trial.n_bins for trial in trials) * BIN_SECONDS / 60,
        rates=_rates(scores),
        example=_example(trials, alphabet, patching),
        confusions=_confusions(trials),
        unit=unit,
        worst=sorted(wrong, key=lambda sentence: (-sentence.rate, -sentence.errors))[:_WORST],
        sentences=sentences,
        most_sentences=_MOST_SENTENCES,
        search=_search(trials),
    )


@dataclass(frozen=True)
class Piece:
    """Neighbouring words or phonemes of a sentence that share one fate; `edit` is one of Levenshtein's tags."""

    edit: str
    text: str


@dataclass(frozen=True)
class Comparison:
    """What was said in a trial and what was decoded, cut into pieces where the two differ.

    Args:
        trial: where it was recorded.
        said: deleted, replaced and equal pieces, or None where nobody knows what was said.
        decoded: inserted, replaced and equal pieces.
        errors: edits between the two.
        length: words or phonemes said.
    """

    trial: Trial
    said: list[Piece] | None
    decoded: list[Piece]
    errors: int
    length: int

    @property
    def rate(self) -> float:
        """Errors per word or phoneme said; infinite where nothing was said and something decoded."""
        return self.errors / self.length if self.length else math.inf if self.errors else 0.0


def compare(decoded: DecodedTrial, unit: Unit) -> Comparison:
    """Align the words (normalised as the word error rate is) or the phonemes of one trial, as the error rates do."""
    reference, answer = _tokens(decoded, unit)
    if reference is None:
        return Comparison(decoded.trial, None, [Piece("equal", " ".join(answer))], 0, 0)
    said, heard = [], []
    for step in Levenshtein.opcodes(reference, answer):
        said.append(Piece(step.tag, " ".join(reference[step.src_start : step.src_end])))
        heard.append(Piece(step.tag, " ".join(answer[step.dest_start : step.dest_end])))
    return Comparison(
        trial=decoded.trial,
        said=[piece for piece in said if piece.text],
        decoded=[piece for piece in heard if piece.text],
        errors=Levenshtein.distance(reference, answer),
        length=len(reference),
    )


def _tokens(decoded: DecodedTrial, unit: Unit) -> tuple[Sequence[str] | None, Sequence[str]]:
    if unit == "phoneme":
        return decoded.spoken_phonemes, decoded.phonemes
    sentence = decoded.trial.sentence
    reference = None if sentence is None else normalise_for_evaluation(sentence).split()
    return reference, normalise_for_evaluation(decoded.text).split()


def median_trial(trials: Sequence[DecodedTrial]) -> DecodedTrial | None:
    """The trial of median phoneme error rate; without labels, of median length; None if none has frames.

    Trials without frames are passed over, and ties fall to the trial that comes first.
    """
    drawable = [trial for trial in trials if len(trial.logits)]
    labelled = [trial for trial in drawable if trial.spoken_phonemes is not None]
    if labelled:
        in_order = sorted(labelled, key=lambda trial: compare(trial, "phoneme").rate)
    else:
        in_order = sorted(drawable, key=lambda trial: len(trial.logits))
    return in_order[(len(in_order) - 1) // 2] if in_order else None


def _interval(rate: ErrorRate) -> str:
    # Resampling a single trial says nothing about how much trials differ.
    known = rate.trials > 1 and math.isfinite(rate.low) and math.isfinite(rate.high)
    return f"{percent(rate.low)} to {percent(rate.high)}" if known else "–"


def _unit(score: Scores) -> str:
    """What a score counts: `word` of `word error rate, normalisation B`."""
    return score.name.split()[0]


def _rates(scores: Sequence[Scores]) -> Markup | None:
    drawn: dict[str, Scores] = {}
    for score in scores:
        drawn.setdefault(_unit(score), score)
    description = "Error rate of each session with its 95 % interval"
    for score in drawn.values():
        rates = {session: rate for session, rate in score.by_session.items() if math.isfinite(rate.rate)}
        if rates:
            low, high = (pick(rates, key=lambda session: rates[session].rate) for pick in (min, max))
            description += f"; {score.name} from {rates[low]} in {low} to {rates[high]} in {high}"
    return svg(figures.rates_figure(list(drawn.values())), "rates", description) if drawn else None


def _example(trials: Sequence[DecodedTrial], alphabet: Alphabet, patching: Patching) -> dict[str, object] | None:
    trial = median_trial(trials)
    if trial is None:
        return None
    description = f"Probability of each class in {len(trial.logits)} frames; decoded: {' '.join(trial.phonemes)}"
    return {
        "figure": svg(figures.example_figure(trial, alphabet, patching), "example", description),
        "decoded": trial,
        "words": compare(trial, "word") if trial.hypotheses else None,
        "phonemes": compare(trial, "phoneme"),
    }


def _confusions(trials: Sequence[DecodedTrial]) -> dict[str, object] | None:
    labelled = [trial for trial in trials if trial.spoken_phonemes is not None]
    if not labelled:
        return None
    spoken = [trial.spoken_phonemes or [] for trial in labelled]
    confusions = count_confusions(spoken, [trial.phonemes for trial in labelled])
    description = "How often each phoneme was decoded as another, for the phonemes of the table's confusions"
    return {
        "most": figures.ranked(confusions)[:_MOST_CONFUSIONS],
        "errors": confusions.total(),
        "spoken": Counter(symbol for symbols in spoken for symbol in symbols),
        "figure": svg(figures.confusion_figure(confusions), "confusions", description) if confusions else None,
    }


def _search(trials: Sequence[DecodedTrial]) -> dict[str, object] | None:
    searched = [trial for trial in trials if trial.hypotheses]
    if not searched:
        return None
    milliseconds = [1000 * trial.search_seconds for trial in searched]
    median, slow, slowest = np.quantile(milliseconds, [0.5, 0.95, 1.0])
    recorded = sum(trial.trial.n_bins for trial in searched) * BIN_SECONDS
    description = f"Histogram of search times per sentence, median {median:.1f} ms, longest {slowest:.1f} ms"
    return {
        "median": median,
        "slow": slow,
        "slowest": slowest,
        "real_time_factor": sum(milliseconds) / 1000 / recorded if recorded else math.nan,
        "figure": svg(figures.search_time_figure(milliseconds), "search", description),
    }
