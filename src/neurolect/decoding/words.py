"""The word search that verbs offer: lexicon, language model and search put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

from neurolect.decoding.decoder import Decoder
from neurolect.decoding.networks import GraphNetwork, LexiconNetwork, Network
from neurolect.decoding.options import DecoderOptions
from neurolect.errors import ConfigError
from neurolect.language.english import english_trigram
from neurolect.language.ngram_model import NgramModel
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER, Alphabet
from neurolect.text.grapheme_to_phoneme import listed_or_guessed
from neurolect.text.lexicon import Lexicon

ENGLISH, UNIFORM = "trigram", "uniform"
"""Language models that need no file: the English trigram of the pocketsphinx wheel, and every word equally likely."""

NETWORK_SETTINGS = ("language_model_weight", "silence_probability")
"""Settings to tune that belong to the network; all others are options of the decoder."""

WHOLE_OPTIONS = ("max_active", "min_active", "n_best")
"""Options of the decoder that are whole numbers."""


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
    words, ngrams = read_language(lm, lexicon)
    return Decoder(network(lexicon=words, ngrams=ngrams, alphabet=alphabet), options, alphabet, threads)


def read_language(lm: str, lexicon: Path | None) -> tuple[Lexicon, NgramModel | None]:
    """The English dictionary with further words, and a language model; arguments as for `lexicon_decoder`."""
    words = Lexicon.english()
    if lexicon is not None:
        words = words.with_words(Lexicon.read(lexicon, guess=listed_or_guessed(words)))
    if lm == UNIFORM:
        return words, None
    return words, english_trigram() if lm == ENGLISH else NgramModel(lm)


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


def word_decoder(
    lm: str,
    lexicon: Path | None,
    graph: Path | None,
    alphabet: Alphabet,
    network: LexiconNetworkFactory = LexiconNetwork,
    options: DecoderOptions = DecoderOptions(),
    threads: int = 1,
) -> Decoder:
    """The search that a verb's settings name: over a graph file if there is one, else over a lexicon and n-grams.

    Raises:
        ConfigError: a graph file is given together with what it replaces.
    """
    if graph is None:
        return lexicon_decoder(lm, lexicon, alphabet, network, options, threads)
    if lexicon is not None or lm != ENGLISH:
        raise ConfigError("a graph file has its own words and n-grams: leave out lm and lexicon")
    return graph_decoder(graph, alphabet, options, threads)


def tunable_decoder(
    lm: str, lexicon: Path | None, graph: Path | None, alphabet: Alphabet, threads: int = 1
) -> Callable[[Mapping[str, float]], Decoder]:
    """A function from settings, of the decoder and of the network, to a decoder; what is large is read once.

    Raises:
        ConfigError: by the function, for a setting that a graph file cannot have.
    """
    make: Callable[..., Network]
    if graph is None:
        words, ngrams = read_language(lm, lexicon)
        # Many trials share a network; all of them at a time would fill the memory.
        make = lru_cache(maxsize=4)(partial(LexiconNetwork, words, ngrams, alphabet))
    else:
        make = partial(_fixed_network, graph_decoder(graph, alphabet).network)

    def build(values: Mapping[str, float]) -> Decoder:
        weights = {name: value for name, value in values.items() if name in NETWORK_SETTINGS}
        options: dict[str, Any] = {name: value for name, value in values.items() if name not in weights}
        whole = {name: int(value) for name, value in options.items() if name in WHOLE_OPTIONS}
        return Decoder(make(**weights), DecoderOptions(**{**options, **whole}), alphabet, threads)

    return build


def _fixed_network(network: Network, **weights: float) -> Network:
    if weights:
        raise ConfigError(f"tune: a graph file fixes {', '.join(weights)}")
    return network


def describe_network(network: LexiconNetworkFactory) -> str:
    """The weights that a network was given, for reports: `LexiconNetwork(language_model_weight=2.0)`."""
    settings = getattr(network, "keywords", {})
    return f"LexiconNetwork({', '.join(f'{name}={value}' for name, value in settings.items())})"
