"""The English word search that verbs offer: dictionary, language model and search put together."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from neurolect.decoding.hypotheses import Decoder, SearchFactory
from neurolect.language.pocketsphinx_trigram import read_pocketsphinx_trigram
from neurolect.language.word_model import UniformWords, WordModel
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon


def english_search(
    search: SearchFactory, lm: Literal["trigram", "uniform"], lexicon: Path | None, alphabet: Alphabet
) -> Decoder:
    """Build a search over the English dictionary, with further words from a file.

    Args:
        search: how logits become words.
        lm: the trigram of the pocketsphinx package, or every word equally likely.
        lexicon: `word PH PH …` a line; None adds nothing.
        alphabet: classes of the logits.
    """
    words = Lexicon.english()
    if lexicon is not None:
        words = words.with_words(Lexicon.read(lexicon))
    model: WordModel = UniformWords(tuple(words)) if lm == "uniform" else read_pocketsphinx_trigram(additions=words)
    return search(lexicon=words, word_model=model, alphabet=alphabet)


def describe_search(search: SearchFactory) -> str:
    """A search and the settings it was given, for reports: `LexiconBeam(acoustic_scale=0.7)`."""
    settings = getattr(search, "keywords", {})
    made = next((each for each in getattr(search, "args", ()) if isinstance(each, type)), search)
    return f"{getattr(made, '__name__', made)}({', '.join(f'{name}={value}' for name, value in settings.items())})"
