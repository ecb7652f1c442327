"""What a search has to take to be named in a configuration."""

from __future__ import annotations

from typing import Protocol

from neurolect.decoding.hypotheses import Decoder
from neurolect.language.word_model import WordModel
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon


class SearchFactory(Protocol):
    """A search class with all but the lexicon, the word model and the alphabet."""

    def __call__(self, lexicon: Lexicon, word_model: WordModel, alphabet: Alphabet) -> Decoder:
        """Build the search."""
        ...
