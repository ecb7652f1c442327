"""What a decoder answers, and the contract that offline and live decoding share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from neurolect.language.word_model import WordModel
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon

Logits = npt.NDArray[Any]
"""Unnormalised scores of classes, (frames, classes)."""


@dataclass(frozen=True)
class Hypothesis:
    """One sentence and why it was chosen; all scores are natural logarithms, higher is better.

    Args:
        words: the sentence.
        acoustic: Σ log P of the emitted classes over the frames of the best path, before any scale.
        language_model: log P of the words, and of the end of the sentence where it was reached.
        lexicon: what the silences between words cost.
        total: the weighted sum by which hypotheses are ranked.
    """

    words: tuple[str, ...]
    acoustic: float
    language_model: float
    lexicon: float
    total: float

    @property
    def text(self) -> str:
        """The sentence with single spaces."""
        return " ".join(self.words)


class Stream(Protocol):
    """One utterance that is being decoded; however its frames are cut into chunks, the answer is the same."""

    def push(self, frames: Logits) -> None:
        """Take the next logits (frames, classes); no frames is allowed."""
        ...

    def partial(self) -> Hypothesis:
        """The best words so far, which later frames may still change."""
        ...

    def finish(self) -> list[Hypothesis]:
        """The distinct sentences if the utterance ends here, best first, at least one."""
        ...


class Decoder(ABC):
    """Turns logits into sentences; a whole utterance is a stream that is pushed once."""

    @abstractmethod
    def stream(self) -> Stream:
        """Begin an utterance whose logits arrive in pieces."""

    def decode(self, logits: Logits) -> list[Hypothesis]:
        """A whole utterance (frames, classes) → distinct sentences, best first; no frames give one empty sentence.

        Raises:
            DataError: the logits have another number of classes, or are not numbers.
        """
        stream = self.stream()
        stream.push(logits)
        return stream.finish()


class SearchFactory(Protocol):
    """A search class with all but the lexicon, the word model and the alphabet: what a configuration names."""

    def __call__(self, lexicon: Lexicon, word_model: WordModel, alphabet: Alphabet) -> Decoder:
        """Build the search."""
        ...
