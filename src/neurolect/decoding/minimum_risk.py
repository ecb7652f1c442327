"""The sentence with the fewest word errors to expect, over the n-best lists of one model or of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError

Probabilities = npt.NDArray[np.float64]


def minimum_bayes_risk(
    lists: Sequence[Sequence[Hypothesis]], scale: float = 1.0, weights: Sequence[float] | None = None
) -> list[Hypothesis]:
    """Every sentence of the lists, the one with the fewest expected word errors first (Stolcke, König, Weintraub 1997).

    The errors of a sentence are its edit distances in words to all the others, each counted with its probability.

    Args:
        lists: of one utterance, an n-best list per model; of one model, one list.
        scale: of the totals, before they become probabilities; below 1, lesser sentences count for more.
        weights: one above zero per model, of which only the ratios count; None weighs all alike.

    Returns:
        Distinct sentences by their risk, each as in the first list that has it; those of equal risk by probability.

    Raises:
        ConfigError: there is no list, one is empty, or there is not one finite weight above zero per list.
    """
    hypotheses, probabilities = pool(lists, scale, weights)
    words = [each.words for each in hypotheses]
    risks = cdist(words, words, scorer=Levenshtein.distance) @ probabilities
    # Sums of many numbers are equal only about.
    order = np.lexsort((-probabilities, np.round(risks, 9)))
    return [hypotheses[place] for place in order]


def pool(
    lists: Sequence[Sequence[Hypothesis]], scale: float = 1.0, weights: Sequence[float] | None = None
) -> tuple[list[Hypothesis], Probabilities]:
    """The distinct sentences of several models' lists, and the mean over the models of their probabilities (n,).

    Arguments and errors are those of `minimum_bayes_risk`.
    """
    shares = _shares(lists, weights)
    found: dict[tuple[str, ...], Hypothesis] = {}
    mass: dict[tuple[str, ...], float] = {}
    for hypotheses, share in zip(lists, shares, strict=True):
        for each, probability in zip(hypotheses, posteriors(hypotheses, scale), strict=True):
            found.setdefault(each.words, each)
            mass[each.words] = mass.get(each.words, 0.0) + share * probability
    return list(found.values()), np.array([mass[words] for words in found])


def posteriors(hypotheses: Sequence[Hypothesis], scale: float = 1.0) -> Probabilities:
    """Probability of each sentence of a list (n,), as if there were no other: the softmax of the scaled totals."""
    totals = scale * np.array([each.total for each in hypotheses], dtype=np.float64)
    best = totals.max()
    if not np.isfinite(best):
        return np.full(len(totals), 1 / len(totals))
    odds = np.exp(totals - best)
    result: Probabilities = odds / odds.sum()
    return result


def _shares(lists: Sequence[Sequence[Hypothesis]], weights: Sequence[float] | None) -> Probabilities:
    if not lists or not all(lists):
        raise ConfigError("minimum risk: there must be at least one list, and a hypothesis in each")
    values = np.ones(len(lists)) if weights is None else np.asarray(weights, dtype=np.float64)
    if values.shape != (len(lists),) or not (np.isfinite(values).all() and (values > 0).all()):
        raise ConfigError(f"minimum risk: weights are {values.tolist()}, there must be one above zero for each list")
    shares: Probabilities = values / values.sum()
    return shares
