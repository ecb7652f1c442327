"""The English trigram that comes with the pocketsphinx wheel, ready to search with."""

from __future__ import annotations

import os
from pathlib import Path

from neurolect.errors import DataError
from neurolect.language.ngram_conversion import write_english_trigram
from neurolect.language.ngram_model import NgramModel
from neurolect.text.lexicon import Lexicon, pocketsphinx_file

ENGLISH = "english"
"""Names this model where a verb takes a language model."""


def english_trigram() -> NgramModel:
    """The trigram (3.7 million n-grams) with every word of `Lexicon.english()`; converted at the first call.

    The converted file stays in the user's cache folder (`XDG_CACHE_HOME`, or `~/.cache`).

    Raises:
        ConfigError: the pocketsphinx wheel is not installed.
        OSError: the cache folder cannot be written.
    """
    source = pocketsphinx_file("en-us.lm.bin")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurolect"
    # Another release of the wheel may bring another model.
    store = folder / f"en-us-{source.stat().st_size}.nlm"
    try:
        return NgramModel(store)
    except DataError:
        folder.mkdir(parents=True, exist_ok=True)
        return write_english_trigram(store, additions=Lexicon.english())
