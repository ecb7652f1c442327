"""N-best lists under a second language model: a large one beside the n-gram scores, or n-grams in their place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_model import UNKNOWN_WORD, NgramModel

_NATS = math.log(10)

_ABSENT_LOG10 = -100.0
"""What a model without `<unk>` gives a word that it lacks, after the back-offs."""


class SentenceScorer(Protocol):
    """What can judge candidate sentences, such as a `CausalLM`."""

    def score(self, sentences: Sequence[str], context: str = "") -> npt.NDArray[np.floating]:
        """Natural log P of each sentence (sentences,), after what was said before."""
        ...


def rescore_with_llm(
    hypotheses: Sequence[Hypothesis],
    scorer: SentenceScorer,
    alpha: float = 0.5,
    language_model_weight: float = 1.0,
    context: str = "",
) -> list[Hypothesis]:
    """Share the weight of the language model between the n-gram model and a large one, as Card et al. 2024 do.

    total = acoustic_scale · acoustic + weight · ((1 − alpha) · ngram + alpha · llm) + lexicon + bonus, with the scale
    and the weight of the first pass. Sentences without words are left out where there are others, since a large model
    has nothing to say of them. The reference leaves them out too, but then gives those after them each other's scores.

    Args:
        hypotheses: n-best list of one utterance.
        scorer: the large language model.
        alpha: its share, 0 … 1.
        language_model_weight: what the n-gram scores were multiplied by in the first pass.
        context: what was said before.

    Returns:
        The list with `llm` and new totals, best first.

    Raises:
        DataError: a large language model has scored the list before.
    """
    require_no_llm(hypotheses)
    worded = [each for each in hypotheses if each.words]
    if not worded:
        return list(hypotheses)
    scores = scorer.score([each.text for each in worded], context)
    return best_first(
        replace(each, llm=float(llm), total=each.total + language_model_weight * alpha * (float(llm) - each.ngram))
        for each, llm in zip(worded, scores, strict=True)
    )


def rescore_with_ngrams(
    hypotheses: Sequence[Hypothesis],
    ngrams: NgramModel,
    replaced: NgramModel | None = None,
    language_model_weight: float = 1.0,
    absent_word_log10: float = -9.77,
) -> list[Hypothesis]:
    """Put another n-gram model, of any order, in the place of the first pass's: the old score out, the new one in.

    Args:
        hypotheses: n-best list of one utterance.
        ngrams: the new model.
        replaced: the model of the first pass, where that searched a graph file: the graph's scores hold the lexicon's
            costs too, and these stay. None takes the whole n-gram score out.
        language_model_weight: what the n-gram scores are multiplied by, before as after.
        absent_word_log10: log10 P of a word that a model lacks, unless it has `<unk>`.

    Returns:
        The list with new n-gram scores and totals, best first.

    Raises:
        DataError: a large language model has scored the list before.
    """
    require_no_llm(hypotheses)
    scored = []
    for each in hypotheses:
        change = sentence_score(ngrams, each.text, absent_word_log10)
        change -= each.ngram if replaced is None else sentence_score(replaced, each.text, absent_word_log10)
        total = each.total + language_model_weight * change
        scored.append(replace(each, ngram=each.ngram + change, total=total))
    return best_first(scored)


def sentence_score(ngrams: NgramModel, sentence: str, absent_word_log10: float = -9.77) -> float:
    """Natural log P of a sentence and its end, as the search counts it."""
    scores = ngrams.score_sentence(sentence)
    unknown, end = ngrams.find(["<unk>", "</s>"])
    if end == UNKNOWN_WORD:
        del scores[-1]
    total = sum(each.log10 for each in scores)
    if unknown == UNKNOWN_WORD:
        total += (absent_word_log10 - _ABSENT_LOG10) * sum(each.order == 0 for each in scores)
    return _NATS * total


def best_first(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """By their totals; those that are equal stay in their order."""
    return sorted(hypotheses, key=lambda each: each.total, reverse=True)


def require_weight(hypotheses: Sequence[Hypothesis], language_model_weight: float) -> None:
    """Refuse a list whose totals tell that its n-gram scores were multiplied by something else.

    Lists that are too short to tell, and those whose totals are not one weighted sum of their scores, pass.

    Args:
        hypotheses: n-best list of one utterance.
        language_model_weight: what they are believed to have been multiplied by.

    Raises:
        ConfigError: says what the weight was.
    """
    worded = [each for each in hypotheses if each.words]
    acoustic, ngram = (np.array([[getattr(each, name)] for each in worded]) for name in ("acoustic", "ngram"))
    totals = np.array([each.total - each.lexicon - each.bonus for each in worded])
    if len(worded) < 4 or not np.isfinite([*acoustic[:, 0], *ngram[:, 0], *totals]).all():
        return
    _, unexplained = _least_squares(acoustic, totals - language_model_weight * ngram[:, 0])
    weights, rounding = _least_squares(np.hstack([acoustic, ngram]), totals)
    # Scores in files are rounded to four digits.
    if unexplained > 0.01 and rounding < 1e-3:
        raise ConfigError(
            f"rescoring: language_model_weight is {language_model_weight:g}, "
            f"but the search multiplied n-gram scores by {weights[1]:.3g}"
        )


def _least_squares(
    scores: npt.NDArray[np.floating], totals: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.floating], float]:
    """Weights of the scores (n, kinds) that come nearest to the totals (n,), and how far off the worst one is."""
    weights = np.linalg.lstsq(scores, totals)[0]
    return weights, float(np.abs(scores @ weights - totals).max())


def require_no_llm(hypotheses: Sequence[Hypothesis]) -> None:
    """Refuse a list whose totals hold a large language model's scores, with a share that the list does not tell.

    Raises:
        DataError: such a list.
    """
    if any(each.llm is not None for each in hypotheses):
        raise DataError("a large language model has scored this n-best list before: begin from what 'decode' wrote")
