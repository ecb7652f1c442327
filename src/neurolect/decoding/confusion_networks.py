"""Confusion networks: n-best lists as a row of slots, each with the words that may stand there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.minimum_risk import pool

NO_WORD = ""
"""Stands in a slot for the sentences that have no word there."""

Slot = dict[str, float]


@dataclass(frozen=True)
class ConfusionNetwork:
    """What may have been said, word by word.

    Args:
        slots: in the order of the sentence, word → probability, which sum to 1 in each; `NO_WORD` is a word left out.
    """

    slots: tuple[Mapping[str, float], ...]

    @classmethod
    def of(
        cls, lists: Sequence[Sequence[Hypothesis]], scale: float = 1.0, weights: Sequence[float] | None = None
    ) -> ConfusionNetwork:
        """Align the sentences of one model's list or several models', the likeliest first, as ROVER does (Fiscus 1997).

        Args:
            lists: of one utterance, an n-best list per model; of one model, one list.
            scale: of the totals, before they become probabilities.
            weights: one above zero per model, of which only the ratios count; None weighs all alike.

        Raises:
            ConfigError: there is no list, one is empty, or there is not one finite weight above zero per list.
        """
        hypotheses, probabilities = pool(lists, scale, weights)
        slots: list[Slot] = []
        mass = 0.0
        for place in np.argsort(-probabilities, kind="stable"):
            probability = float(probabilities[place])
            if probability > 0:
                slots = _with_sentence(slots, mass, hypotheses[place].words, probability)
                mass += probability
        return cls(tuple({word: share / mass for word, share in slot.items()} for slot in slots))

    def best(self) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """The likeliest word of every slot, and its probability; slots where no word is likeliest are left out."""
        chosen = (max(slot.items(), key=lambda item: item[1]) for slot in self.slots)
        worded = [(word, probability) for word, probability in chosen if word != NO_WORD]
        return tuple(word for word, _ in worded), tuple(probability for _, probability in worded)


def _with_sentence(slots: list[Slot], mass: float, words: Sequence[str], probability: float) -> list[Slot]:
    """Slots of sentences of a joint probability `mass`, with another sentence aligned to them."""
    places = _align(slots, mass, words)
    result: list[Slot] = []
    for slot, word in places:
        # A new slot has no word in all the sentences before.
        grown = {NO_WORD: mass} if slot is None and mass else dict(slot or {})
        grown[word] = grown.get(word, 0.0) + probability
        result.append(grown)
    return result


def _align(slots: list[Slot], mass: float, words: Sequence[str]) -> list[tuple[Slot | None, str]]:
    """Pairs of a slot, or None for a new one, and the sentence's word in it, with the least sum of disagreements."""

    def disagreement(slot: Slot, word: str) -> float:
        return 1 - slot.get(word, 0.0) / mass

    skips = [disagreement(slot, NO_WORD) for slot in slots]
    costs = np.zeros((len(slots) + 1, len(words) + 1))
    costs[1:, 0] = np.cumsum(skips)
    costs[0, 1:] = np.arange(1, len(words) + 1)
    for i, slot in enumerate(slots, start=1):
        for j, word in enumerate(words, start=1):
            costs[i, j] = min(
                costs[i - 1, j - 1] + disagreement(slot, word), costs[i - 1, j] + skips[i - 1], costs[i, j - 1] + 1
            )
    pairs: list[tuple[Slot | None, str]] = []
    i, j = len(slots), len(words)
    while i or j:
        if i and j and costs[i, j] == costs[i - 1, j - 1] + disagreement(slots[i - 1], words[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((slots[i], words[j]))
        elif i and costs[i, j] == costs[i - 1, j] + skips[i - 1]:
            i -= 1
            pairs.append((slots[i], NO_WORD))
        else:
            j -= 1
            pairs.append((None, words[j]))
    return pairs[::-1]
