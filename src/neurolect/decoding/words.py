"""The word search that verbs offer: lexicon, language model and search put together."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Literal, Protocol

from neurolect.decoding.decoder import Decoder
from neurolect.decoding.lattice_rescoring import LatticeRescoring
from neurolect.decoding.networks import GraphNetwork, LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.errors import ConfigError
from neurolect.language.english import ENGLISH, english_trigram
from neurolect.language.ngram_model import UNKNOWN_WORD, NgramModel
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER, Alphabet
from neurolect.text.grapheme_to_phoneme import listed_or_guessed
from neurolect.text.lexicon import Lexicon

UNIFORM = "uniform"
"""Names the language model to which every word is equally likely."""

PHONEMES_ONLY = "none"
"""Names that there shall be no words."""


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
    lattice_rescoring: LatticeRescoring | None = None,
) -> Decoder:
    """A search over a lexicon and a language model.

    Args:
        lm: `english`, `uniform`, or the path of a store of `neurolect lm build` or `lm convert`.
        lexicon: as for `read_lexicon`.
        alphabet: classes of the logits.
        network: with what weights the two are composed.
        options: settings of the search.
        threads: utterances of a batch that are decoded at a time.
        lattice_rescoring: n-grams that have the last word.

    Raises:
        ConfigError: the language model has none of the lexicon's words.
    """
    words, ngrams = read_lexicon(lexicon, alphabet), read_ngrams(lm)
    if ngrams is not None and (ngrams.find(tuple(words)) == UNKNOWN_WORD).all():
        raise ConfigError(f"{lm}: has none of the lexicon's words; a model in capitals is converted with --lower_case")
    made = network(lexicon=words, ngrams=ngrams, alphabet=alphabet)
    return Decoder(made, options, alphabet, threads, lattice_rescoring)


def read_lexicon(path: Path | None, alphabet: Alphabet) -> Lexicon:
    """The English dictionary with a file's further words; where the classes are no phonemes, the file's words alone.

    Args:
        path: `word PH PH …` a line, or just `word`, which is pronounced from its letters or spelled with them; None
            adds nothing.
        alphabet: classes of the logits.

    Raises:
        ConfigError: the classes are no phonemes, and there is no file.
        DataError: the file cannot be read, or a line is not what it should be; the message names the line.
    """
    if not _has_phonemes(alphabet):
        if path is None:
            raise ConfigError("the English dictionary is of phonemes: an alphabet of others needs a lexicon file")
        return Lexicon.read(path, alphabet, guess=lambda word: Lexicon.spelled([word], alphabet)[word])
    words = Lexicon.english()
    return words if path is None else words.with_words(Lexicon.read(path, guess=listed_or_guessed(words)))


def read_ngrams(lm: str) -> NgramModel | None:
    """The n-gram model that `lm` names, as for `lexicon_decoder`; None is `uniform`."""
    if lm == UNIFORM:
        return None
    return english_trigram() if lm == ENGLISH else NgramModel(lm)


def graph_decoder(
    graph: Path,
    alphabet: Alphabet,
    options: DecoderOptions = DecoderOptions(),
    threads: int = 1,
    lattice_rescoring: LatticeRescoring | None = None,
) -> Decoder:
    """A search over a graph file of phonemes, with its `words.txt` beside it.

    Args:
        graph: `TLG.fst` or `LG.fst`.
        alphabet: classes of the logits.
        options: settings of the search.
        threads: utterances of a batch that are decoded at a time.
        lattice_rescoring: n-grams that have the last word.

    Raises:
        ConfigError: the alphabet's classes are not the phonemes.
    """
    if not _has_phonemes(alphabet):
        raise ConfigError("graph files are read for the 41 phoneme classes; for others use GraphNetwork from Python")
    return Decoder(GraphNetwork(graph), options, alphabet, threads, lattice_rescoring)


def word_decoder(
    lm: str,
    lexicon: Path | None,
    graph: Path | None,
    alphabet: Alphabet,
    network: LexiconNetworkFactory = LexiconNetwork,
    options: DecoderOptions = DecoderOptions(),
    threads: int = 1,
    lattice_rescoring: LatticeRescoring | None = None,
) -> Decoder:
    """The search that a verb's settings name: over a graph file if there is one, else over a lexicon and n-grams.

    Raises:
        ConfigError: a graph file is given together with what it replaces.
    """
    require_lone_graph(graph, lm, lexicon, network)
    if graph is None:
        return lexicon_decoder(lm, lexicon, alphabet, network, options, threads, lattice_rescoring)
    return graph_decoder(graph, alphabet, options, threads, lattice_rescoring)


def require_lone_graph(
    graph: Path | None, lm: str, lexicon: Path | None, network: LexiconNetworkFactory = LexiconNetwork
) -> None:
    """Refuse settings that a graph file decides.

    Raises:
        ConfigError: a graph file is given together with what it replaces.
    """
    if graph is None:
        return
    if lexicon is not None or lm != ENGLISH:
        raise ConfigError("a graph file has its own words and n-grams: leave out lm and lexicon")
    usual = network_weights(LexiconNetwork)
    changed = [name for name, value in network_weights(network).items() if value != usual.get(name)]
    if changed:
        raise ConfigError(f"a graph file has its own weights: leave out network.{changed[0]}")


def stops_at_phonemes(lm: str, **of_words: object) -> bool:
    """Whether `lm` names no words at all: `none`.

    Args:
        lm: as a verb's settings name it.
        of_words: settings that are for words only, by their names; None is one that was not given.

    Raises:
        ConfigError: it does, but something is given that is needed for words only.
    """
    if lm != PHONEMES_ONLY:
        return False
    for name, value in of_words.items():
        if value is not None:
            raise ConfigError(f"lm 'none' stops at phonemes: leave out {name}")
    return True


def alphabet_of(order: Literal["model", "lm"], alphabet: Alphabet | None) -> Alphabet:
    """The classes that a verb's settings name: an alphabet of the user's, or the phonemes in one of their two orders.

    Raises:
        ConfigError: an order is given besides an alphabet.
    """
    if alphabet is None:
        return PHONEMES if order == "model" else PHONEMES_LANGUAGE_MODEL_ORDER
    if order != "model":
        raise ConfigError("an alphabet lists its classes in their order: leave out order")
    return alphabet


def network_weights(network: LexiconNetworkFactory) -> dict[str, float]:
    """The settings of a `LexiconNetwork` beside lexicon, language model and alphabet: as given, else as by default."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(LexiconNetwork).parameters.items()
        if name not in ("lexicon", "ngrams", "alphabet")
    }
    return {**defaults, **getattr(network, "keywords", {})}


def describe_network(network: LexiconNetworkFactory) -> str:
    """The settings of a network, for reports: `LexiconNetwork(language_model_weight=2.0, …)`."""
    settings = network_weights(network)
    return f"LexiconNetwork({', '.join(f'{name}={value}' for name, value in settings.items())})"


def _has_phonemes(alphabet: Alphabet) -> bool:
    return set(alphabet.symbols) == set(PHONEMES.symbols)
