"""The word search that verbs offer: lexicon, language model and search put together."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from neurolect.decoding.decoder import Decoder
from neurolect.decoding.networks import GraphNetwork, LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.errors import ConfigError
from neurolect.language.english import english_trigram
from neurolect.language.ngram_model import NgramModel
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER, Alphabet
from neurolect.text.grapheme_to_phoneme import listed_or_guessed
from neurolect.text.lexicon import Lexicon

ENGLISH, UNIFORM = "trigram", "uniform"
"""Language models that need no file: the English trigram of the pocketsphinx wheel, and every word equally likely."""


class LexiconNetworkFactory(Protocol):
    """A `LexiconNetwork` with all but the lexicon, the language model and the alphabet: what a configuration names."""

    def __call__(self, lexicon: Lexicon, ngrams: NgramModel | None, alphabet: Alphabet) -> LexiconNetwork:
        """Build the network."""
        ...


def lexicon_decoder(
    lm: str,
    lexicon: Path | None,
    alphabet: Alphabet,
    network: LexiconNetworkFactory = LexiconNetwork,
    options: DecoderOptions = DecoderOptions(),
    threads: int = 1,
) -> Decoder:
    """A search over the English dictionary, further words, and a language model.

    Args:
        lm: `trigram`, `uniform`, or the path of a store that `neurolect lm convert` wrote.
        lexicon: file of further words, `word PH PH …` or just `word` a line; None adds nothing.
        alphabet: classes of the logits.
        network: with what weights the two are composed.
        options: settings of the search.
        threads: utterances of a batch that are decoded at a time.
    """
    words = Lexicon.english()
    if lexicon is not None:
        words = words.with_words(Lexicon.read(lexicon, guess=listed_or_guessed(words)))
    if lm == UNIFORM:
        ngrams = None
    elif lm == ENGLISH:
        ngrams = english_trigram()
    else:
        ngrams = NgramModel(lm)
    return Decoder(network(lexicon=words, ngrams=ngrams, alphabet=alphabet), options, alphabet, threads)


def graph_decoder(
    graph: Path, alphabet: Alphabet, options: DecoderOptions = DecoderOptions(), threads: int = 1
) -> Decoder:
    """A search over a graph file of phonemes, with its `words.txt` beside it.

    Args:
        graph: `TLG.fst` or `LG.fst`.
        alphabet: classes of the logits.
        options: settings of the search.
        threads: utterances of a batch that are decoded at a time.

    Raises:
        ConfigError: the alphabet's classes are not the phonemes.
    """
    if set(alphabet.symbols) != set(PHONEMES_LANGUAGE_MODEL_ORDER.symbols):
        raise ConfigError("graph files are read for the 41 phoneme classes; for others use GraphNetwork from Python")
    return Decoder(GraphNetwork(graph), options, alphabet, threads)


def describe_network(network: LexiconNetworkFactory) -> str:
    """The weights that a network was given, for reports: `LexiconNetwork(language_model_weight=2.0)`."""
    settings = getattr(network, "keywords", {})
    return f"LexiconNetwork({', '.join(f'{name}={value}' for name, value in settings.items())})"
