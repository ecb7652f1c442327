"""What a decoder answers: sentences, with everything that spoke for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Logits = npt.NDArray[Any]
"""Unnormalised scores of classes, (frames, classes)."""


@dataclass(frozen=True)
class Hypothesis:
    """One sentence and why it was chosen; all scores are natural logarithms, higher is better.

    Args:
        words: the sentence.
        acoustic: Σ log P of the emitted classes over the frames of the best path, before any scale.
        ngram: log P of the words and of the end of the sentence; with a graph file all its costs, the lexicon's too;
            0 where the language model has no weight.
        lexicon: of the silences between words and of the pronunciations chosen.
        bonus: what phrases, words and phonemes earned, less length penalties.
        total: the weighted sum by which hypotheses are ranked.
        times: first frame of each word and the first one after it.
        confidence: posterior probability of each word over its frames (with a graph, over those up to the next word),
            0 … 1; empty before the end of the utterance.
        llm: log P under a large language model, where one scored the sentence.
    """

    words: tuple[str, ...]
    acoustic: float
    ngram: float
    lexicon: float
    bonus: float
    total: float
    times: tuple[tuple[int, int], ...] = ()
    confidence: tuple[float, ...] = ()
    llm: float | None = None

    @property
    def text(self) -> str:
        """The sentence with single spaces."""
        return " ".join(self.words)
