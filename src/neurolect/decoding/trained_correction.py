"""Correction of n-best lists by a language model that was trained on such lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurolect.decoding.candidate_augmentation import augment
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.rescoring import SentenceScorer, best_first, require_no_llm
from neurolect.errors import ConfigError
from neurolect.language.causal_lm_loading import Precision, load_causal_lm
from neurolect.language.correction_format import CorrectionFormat
from neurolect.text.error_rates import count_word_errors
from neurolect.text.normalise import normalise_for_evaluation

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0)
_TRADING = 20
"""Of the best candidates, how many trade words to give more."""
_JUDGED = 40
"""Of all candidates, how many of the best are judged: those further down hardly ever win, and cost as much."""


class Corrector:
    """A model that was shown n-best lists and taught to answer with what was said, as a judge of their sentences.

    It chooses among the candidates of a list. To the total of each is added the log-probability that the corrector
    answers so when it is shown the list.

    Args:
        scorer: the model, such as a `CausalLM`.
        shown: how lists are shown to it.
    """

    def __init__(self, scorer: SentenceScorer, shown: CorrectionFormat) -> None:
        self.scorer = scorer
        self.shown = shown

    @classmethod
    def load(cls, folder: Path, device: str = "auto", precision: Precision = "auto") -> Corrector:
        """Load what `neurolect lm corrector` wrote.

        Raises:
            DataError: the folder holds no corrector.
            ConfigError: `transformers` is not installed, or the folder holds no model.
        """
        shown = CorrectionFormat.read(folder)
        return cls(load_causal_lm(str(folder), device, precision), shown)

    def __call__(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """Candidates with the corrector's scores as `llm` and in their totals, best first.

        Args:
            hypotheses: n-best list of one utterance, best first.

        Raises:
            DataError: a large language model has scored the list before.
        """
        return with_weight(self.scored(hypotheses), self.shown.weight)

    def scored(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """Candidates with the corrector's scores as `llm`, their totals as before."""
        judged = candidates(hypotheses)
        if not judged[0].words:
            return judged
        prompt = self.shown.prompt([each.text for each in hypotheses if each.words])
        scores = self.scorer.score([self.shown.answer(each.text) for each in judged], prompt)
        return [replace(each, llm=float(score)) for each, score in zip(judged, scores, strict=True)]


def candidates(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The best sentences with words of a list and of those that the best of it give when they trade words.

    Args:
        hypotheses: n-best list of one utterance.

    Returns:
        Best first; the list as it is where no sentence has a word.

    Raises:
        DataError: a large language model has scored the list before.
    """
    require_no_llm(hypotheses)
    worded = [each for each in hypotheses if each.words]
    return augment(worded, _TRADING)[:_JUDGED] if worded else list(hypotheses)


def with_weight(scored: Sequence[Hypothesis], weight: float) -> list[Hypothesis]:
    """Add so much of a corrector's scores to the totals; best first."""
    return best_first(replace(each, total=each.total + weight * (each.llm or 0.0)) for each in scored)


def fit_weight(lists: Sequence[Sequence[Hypothesis]], spoken: Sequence[str]) -> tuple[float, dict[float, float]]:
    """The weight of a corrector's scores with the fewest word errors, the middle one of several.

    Args:
        lists: as `Corrector.scored` gives them.
        spoken: what was said in each.

    Returns:
        The weight, and the word error rate with each of `WEIGHTS`.

    Raises:
        ConfigError: there is no word in what was said.
    """
    truth = [normalise_for_evaluation(sentence) for sentence in spoken]
    rates = {}
    for weight in WEIGHTS:
        chosen = [normalise_for_evaluation(with_weight(each, weight)[0].text) for each in lists]
        counts = count_word_errors(truth, chosen)
        if not counts.lengths.sum():
            raise ConfigError("corrector: nothing was said in the lists that are held out")
        rates[weight] = float(counts.errors.sum() / counts.lengths.sum())
    best = [weight for weight, rate in rates.items() if np.isclose(rate, min(rates.values()))]
    return best[len(best) // 2], rates
