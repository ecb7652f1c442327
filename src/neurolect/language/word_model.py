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

    Args:
        vocabulary: the words.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self.unigram = np.full(len(self.vocabulary), -np.log(len(self.vocabulary) + 1), dtype=np.float32)

    def start(self) -> int:
        """State at the start of a sentence: there is only one state."""
        return 0

    def score(self, states: States, words: Words) -> tuple[LogProbabilities, States]:
        """States (n,), words (n,) → log P(word) (n,) and the same states (n,)."""
        return self.unigram[words], states

    def finish(self, states: States) -> LogProbabilities:
        """States (n,) → log P(end of sentence) (n,)."""
        return np.full(len(states), -np.log(len(self.vocabulary) + 1), dtype=np.float32)
