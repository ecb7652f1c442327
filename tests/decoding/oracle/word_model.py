"""What a word search asks of a language model, and the model that knows nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.integer]
States = npt.NDArray[np.int64]
LogProbabilities = npt.NDArray[np.float32]


class WordModel(Protocol):
    """P(word | history) for many histories at once; a word is its position in `vocabulary`, logarithms are natural."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Every word the model can score."""
        ...

    @property
    def unigram(self) -> LogProbabilities:
        """Log P(word) without a history (words,), for look-ahead."""
        ...

    def start(self) -> int:
        """State at the start of a sentence."""
        ...

    def score(self, states: States, words: Words) -> tuple[LogProbabilities, States]:
        """States (n,), words (n,) → log P(word | state) (n,) and the states after the words (n,)."""
        ...

    def finish(self, states: States) -> LogProbabilities:
        """States (n,) → log P(end of sentence | state) (n,)."""
        ...


class UniformWords:
    """Every word, and the end of the sentence, equally likely after every history: decoding without a language model.

    The log-probability that they all share is left out: every score is 0. It would charge a sentence only for its
    number of words, and a search would run short words together into long ones.

    Args:
        vocabulary: the words.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self.unigram = np.zeros(len(self.vocabulary), dtype=np.float32)

    def start(self) -> int:
        """State at the start of a sentence: there is only one state."""
        return 0

    def score(self, states: States, words: Words) -> tuple[LogProbabilities, States]:
        """States (n,), words (n,) → 0 for each word (n,) and the same states (n,)."""
        return self.unigram[words], states

    def finish(self, states: States) -> LogProbabilities:
        """States (n,) → 0 for the end of each sentence (n,)."""
        return np.zeros(len(states), dtype=np.float32)
