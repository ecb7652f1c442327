"""Word sequences of a search, each known by one number and scored once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from oracle.word_model import WordModel

Integers = npt.NDArray[np.int64]


class WordSequences:
    """Equal words in equal order have the same number; 0 is the empty sequence. None is forgotten in its life.

    Args:
        word_model: scores every new sequence.
    """

    def __init__(self, word_model: WordModel) -> None:
        self._word_model = word_model
        self._radix = len(word_model.vocabulary)
        self._numbers: dict[int, int] = {}
        # Row n belongs to sequence n: the sequence before its last word · radix + that word.
        self._keys = np.zeros(1024, dtype=np.int64)
        self._log_probability = np.zeros(1024)
        self._state = np.full(1024, word_model.start(), dtype=np.int64)

    def log_probability(self, sequences: Integers) -> npt.NDArray[np.float64]:
        """Sequences (n,) → log P of their words (n,)."""
        return self._log_probability[sequences]

    def finish(self, sequences: Integers) -> npt.NDArray[np.float64]:
        """Sequences (n,) → log P that the sentence ends after them (n,)."""
        return self._word_model.finish(self._state[sequences]).astype(np.float64)

    def extend(self, sequences: Integers, words: Integers) -> Integers:
        """Append a word to each: sequences (n,), words (n,) → sequences (n,)."""
        keys = sequences * self._radix + words
        numbers, known = self._numbers, len(self._numbers)
        extended = np.array([numbers.setdefault(key, len(numbers) + 1) for key in keys.tolist()], dtype=np.int64)
        if len(numbers) > known:
            self._make_room(len(numbers) + 1)
            self._keys[extended] = keys
            new = slice(known + 1, len(numbers) + 1)
            before, word = np.divmod(self._keys[new], self._radix)
            scores, self._state[new] = self._word_model.score(self._state[before], word)
            self._log_probability[new] = self._log_probability[before] + scores
        return extended

    def words(self, sequence: int) -> tuple[str, ...]:
        """The words of one sequence."""
        words = []
        while sequence:
            sequence, word = divmod(int(self._keys[sequence]), self._radix)
            words.append(self._word_model.vocabulary[word])
        return tuple(reversed(words))

    def _make_room(self, size: int) -> None:
        missing = size - len(self._keys)
        if missing > 0:
            room = max(missing, len(self._keys))
            self._keys = np.pad(self._keys, (0, room))
            self._log_probability = np.pad(self._log_probability, (0, room))
            self._state = np.pad(self._state, (0, room))
