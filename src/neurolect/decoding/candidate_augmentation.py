"""Further candidates for a second pass: sentences of an n-best list that trade one word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.rescoring import best_first, require_no_llm


def augment(hypotheses: Sequence[Hypothesis], top: int = 20, penalty: float = 0.01) -> list[Hypothesis]:
    """Let the best sentences of equal numbers of words trade single words, as Card et al. 2024 do.

    Where the alignment of two sentences has a substitution, each gets a copy with the other's word. A new sentence has
    the mean of the two's scores, which the penalty makes worse, and of their bonuses. It keeps the times of the
    sentence it is a copy of, and the traded word its confidence.

    Args:
        hypotheses: n-best list of one utterance.
        top: how many of the best trade words.
        penalty: share of a score that a new sentence loses.

    Returns:
        The old and the new sentences, best first.

    Raises:
        DataError: a large language model has scored the list before.
    """
    require_no_llm(hypotheses)
    ranked = best_first(hypotheses)
    known = {each.words for each in ranked}
    added: list[Hypothesis] = []
    for one, other in combinations(ranked[:top], 2):
        if len(one.words) != len(other.words):
            continue
        for ours, theirs in zip(_replaced(other.words, one.words), _replaced(one.words, other.words), strict=False):
            for new in (_traded(one, ours, other, theirs, penalty), _traded(other, theirs, one, ours, penalty)):
                if new.words not in known:
                    known.add(new.words)
                    added.append(new)
    return best_first([*ranked, *added])


def align(spoken: Sequence[str], decoded: Sequence[str]) -> tuple[int, list[int | str]]:
    """Edits that turn one sentence into another, as the reference labels them.

    Words are aligned from the ends; among equally few edits a word missing comes first, then an extra word, then a
    substitution.

    Returns:
        How many edits, and for each decoded word the number of the spoken word it equals, `D` for an extra word or `R`
        for a substitution.
    """
    costs = [[i + j for j in range(len(decoded) + 1)] for i in range(len(spoken) + 1)]
    for i, word in enumerate(spoken, start=1):
        for j, heard in enumerate(decoded, start=1):
            least = min(costs[i - 1][j], costs[i][j - 1], costs[i - 1][j - 1])
            costs[i][j] = costs[i - 1][j - 1] if word == heard else least + 1
    labels: list[int | str] = []
    i, j = len(spoken), len(decoded)
    while i or j:
        if i and j and spoken[i - 1] == decoded[j - 1]:
            i, j = i - 1, j - 1
            labels.append(i)
        elif i and costs[i][j] == costs[i - 1][j] + 1:
            i -= 1
        elif j and costs[i][j] == costs[i][j - 1] + 1:
            j -= 1
            labels.append("D")
        else:
            i, j = i - 1, j - 1
            labels.append("R")
    return costs[-1][-1], labels[::-1]


def _replaced(spoken: Sequence[str], decoded: Sequence[str]) -> list[int]:
    return [place for place, label in enumerate(align(spoken, decoded)[1]) if label == "R"]


def _traded(kept: Hypothesis, place: int, giver: Hypothesis, taken: int, penalty: float) -> Hypothesis:
    """A copy of one hypothesis with a word of another, and the scores of both."""

    def lessened(one: float, other: float) -> float:
        mean = (one + other) / 2
        return mean - penalty * abs(mean)

    bonus = (kept.bonus + giver.bonus) / 2
    confidence = list(kept.confidence)
    if confidence and giver.confidence:
        confidence[place] = giver.confidence[taken]
    return replace(
        kept,
        words=(*kept.words[:place], giver.words[taken], *kept.words[place + 1 :]),
        acoustic=lessened(kept.acoustic, giver.acoustic),
        ngram=lessened(kept.ngram, giver.ngram),
        lexicon=lessened(kept.lexicon, giver.lexicon),
        bonus=bonus,
        # Log-probabilities are all below zero, so the sum loses what its parts lose.
        total=lessened(kept.total - kept.bonus, giver.total - giver.bonus) + bonus,
        confidence=tuple(confidence),
    )
