"""What a search walks through: a lexicon with an n-gram model, or a graph file."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from neurolect import _core
from neurolect.decoding.guidance import Guidance
from neurolect.decoding.lattice_rescoring import LatticeRescoring
from neurolect.decoding.lexicon_tree import LexiconTree
from neurolect.decoding.options import LARGEST
from neurolect.errors import ConfigError
from neurolect.language.ngram_model import UNKNOWN_WORD, NgramModel
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER, Alphabet
from neurolect.text.lexicon import Lexicon
from neurolect.text.symbol_table import read_symbols

_NONE = 0xFFFFFFFF


class Network(Protocol):
    """Everything that the utterances of a decoder share."""

    @property
    def alphabet(self) -> Alphabet:
        """Classes in the order in which the search takes them."""
        ...

    @property
    def words(self) -> tuple[str, ...]:
        """Words by the numbers that the search gives them."""
        ...

    def searcher(self, guidance: Guidance | None, models: _core.LatticeModels | None = None) -> _core.Searcher:
        """A search that can take one utterance after another, with models from `lattice_models`."""
        ...

    def lattice_models(self, lattice_rescoring: LatticeRescoring) -> _core.LatticeModels:
        """Models that rescore the lattices of this network's searches."""
        ...


class LexiconNetwork:
    """A pronunciation lexicon and an n-gram model, composed while they are searched; implements `Network`.

    A path emits one class a frame: the same class again is the same phoneme going on, and a doubled phoneme needs a
    blank between. Before the first word and after every word stands either silence, with `silence_probability`, or
    nothing. While a word is being said, the unigram probability of the likeliest word it can still become counts.

    Args:
        lexicon: pronunciations, with their probabilities where it has them.
        ngrams: the language model; None prefers no word.
        alphabet: classes of the logits.
        language_model_weight: of the n-gram model's log-probabilities.
        silence_probability: of a silence before the first word and after each word; without a silence in the alphabet
            it does not count.
        absent_word_log10: log10 P of a word that the n-gram model lacks, unless it has `<unk>`; −∞ leaves such words
            out.
        backoff_as_in_graph: let the n-grams of all orders compete for a word, as they do in a graph whose back-off
            arcs are epsilons; otherwise the longest n-gram listed counts, as the model means it.

    Raises:
        ConfigError: a setting is out of its range, the alphabet lacks a phoneme of the lexicon, or there is no word.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        ngrams: NgramModel | None = None,
        alphabet: Alphabet = PHONEMES,
        language_model_weight: float = 1.0,
        silence_probability: float = 0.9,
        absent_word_log10: float = -9.77,
        backoff_as_in_graph: bool = False,
    ) -> None:
        if not 0 <= language_model_weight <= LARGEST:
            raise ConfigError(f"decoder: language_model_weight is {language_model_weight}, it must be 0 to {LARGEST:g}")
        if not 0 <= silence_probability <= 1:
            raise ConfigError(f"decoder: silence_probability is {silence_probability}, it must be from 0 to 1")
        if not absent_word_log10 <= 0:
            raise ConfigError(f"decoder: absent_word_log10 is {absent_word_log10}, it must be at most 0")
        self.alphabet = alphabet
        self.ngrams = ngrams
        self.backoff_as_in_graph = backoff_as_in_graph
        self.words, ids = _words_with_ids(lexicon, ngrams, keep_absent=absent_word_log10 > -math.inf)
        self._weight = language_model_weight
        self._model = _core.LanguageModel(
            store=None if ngrams is None else ngrams.store,
            ids=ids,
            weight=language_model_weight,
            absent_log10=max(absent_word_log10, -99.0),
            backoff_as_in_graph=backoff_as_in_graph,
        )
        unigrams = _unigrams(ngrams, ids, absent_word_log10)
        self._tree = _core_tree(
            LexiconTree.build(lexicon, self.words, unigrams, alphabet), unigrams, alphabet, silence_probability
        )
        self._plan = self._plan_with(None)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def searcher(self, guidance: Guidance | None, models: _core.LatticeModels | None = None) -> _core.Searcher:
        """A search that can take one utterance after another, with models from `lattice_models`."""
        return _core.Searcher(self._plan if guidance is None else self._plan_with(guidance), models)

    def lattice_models(self, lattice_rescoring: LatticeRescoring) -> _core.LatticeModels:
        """Models that rescore the lattices of this network's searches.

        Raises:
            ConfigError: the model that is replaced is named, which is this network's own.
        """
        if lattice_rescoring.replaced is not None:
            raise ConfigError("a search over a lexicon knows which n-grams are replaced: leave out lattice_graph_lm")
        return lattice_rescoring.for_core(self.words, self._weight)

    def fused_searcher(self, guidance: Guidance | None, alpha: float) -> _core.FusedSearcher:
        """A search that keeps all word sequences apart and takes a large language model's scores of them.

        Args:
            guidance: as for `searcher`.
            alpha: the large language model's share of the language model's weight, 0 … 1.

        Raises:
            ConfigError: back-off is as in a graph, so that a word sequence has several n-gram scores.
        """
        if self.backoff_as_in_graph:
            raise ConfigError("fusion: a word sequence has several n-gram scores; set backoff_as_in_graph to false")
        return _core.FusedSearcher(self._plan if guidance is None else self._plan_with(guidance), alpha)

    def _plan_with(self, guidance: Guidance | None) -> _core.LexiconPlan:
        hints = None if guidance is None else guidance.for_core(self._numbers, len(self.words))
        return _core.LexiconPlan(tree=self._tree, model=self._model, guidance=hints)


def _words_with_ids(
    lexicon: Lexicon, ngrams: NgramModel | None, keep_absent: bool
) -> tuple[tuple[str, ...], npt.NDArray[np.uint32]]:
    """The words that can be said, and their numbers in the n-gram model."""
    words = tuple(lexicon)
    if ngrams is None:
        return words, np.full(len(words), UNKNOWN_WORD, dtype=np.uint32)
    ids = ngrams.find(words)
    if keep_absent:
        return words, ids
    is_listed = ids != UNKNOWN_WORD
    return tuple(itertools.compress(words, is_listed)), ids[is_listed]


def _unigrams(
    ngrams: NgramModel | None, ids: npt.NDArray[np.uint32], absent_word_log10: float
) -> npt.NDArray[np.float32]:
    """Natural log-probability of each word without its history."""
    if ngrams is None:
        return np.zeros(len(ids), dtype=np.float32)
    is_listed = ids != UNKNOWN_WORD
    # With `<unk>` in the model, that is what an absent word costs.
    unknown, _ = ngrams.score(np.zeros(1, dtype=np.uint32), np.full(1, UNKNOWN_WORD, dtype=np.uint32))
    unigrams = np.full(len(ids), max(absent_word_log10 * math.log(10), unknown[0]), dtype=np.float32)
    unigrams[is_listed] = ngrams.unigram[ids[is_listed]]
    return unigrams


def _core_tree(
    tree: LexiconTree, unigrams: npt.NDArray[np.float32], alphabet: Alphabet, silence_probability: float
) -> _core.LexiconTree:
    """The tree as the search takes it: in 32 bits, with costs for probabilities."""
    silence, no_silence = silence_probability, 1 - silence_probability
    if alphabet.silence is None:
        silence, no_silence = 0.0, 1.0
    return _core.LexiconTree(
        labels=np.maximum(tree.label, 0).astype(np.uint32),
        parents=np.maximum(tree.parent, 0).astype(np.uint32),
        first_child=tree.first_child.astype(np.uint32),
        first_word=tree.first_word.astype(np.uint32),
        words=tree.words.astype(np.uint32),
        pronunciation_costs=(-tree.log_probability).astype(np.float32),
        unigrams=unigrams,
        look_ahead=tree.look_ahead.astype(np.float32),
        n_classes=len(alphabet),
        blank=alphabet.blank,
        silence=_NONE if alphabet.silence is None else alphabet.silence,
        silence_cost=_cost(silence),
        no_silence_cost=_cost(no_silence),
    )


def _cost(probability: float) -> float:
    return -math.log(probability) if probability > 0 else math.inf


class GraphNetwork:
    """A search graph in an OpenFst file, memory-mapped; implements `Network`.

    Vector and const files are read. A graph with the CTC topology (TLG) is taken as it is; to one without (LG) the
    topology is applied during the search. Input labels are classes and one; larger ones are disambiguation symbols.

    Args:
        graph: `TLG.fst` or `LG.fst`.
        words: symbol table, `word number` a line; None is `words.txt` beside the graph.
        alphabet: classes in the order of the graph's input labels.

    Raises:
        DataError: a file is missing, is something else, or is damaged; damage in a graph may show only while decoding.
    """

    def __init__(
        self, graph: Path | str, words: Path | str | None = None, alphabet: Alphabet = PHONEMES_LANGUAGE_MODEL_ORDER
    ) -> None:
        self.path = Path(graph)
        self.alphabet = alphabet
        self._graph = _core.GraphFile(str(graph))
        self.words = read_symbols(self.path.with_name("words.txt") if words is None else Path(words))
        self._plan = self._plan_with(None)

    @property
    def n_states(self) -> int:
        """How many states the graph has."""
        return self._graph.n_states

    @property
    def n_arcs(self) -> int:
        """How many arcs the graph has."""
        return self._graph.n_arcs

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {word: number for number, word in enumerate(self.words) if number > 0}

    def searcher(self, guidance: Guidance | None, models: _core.LatticeModels | None = None) -> _core.Searcher:
        """A search that can take one utterance after another, with models from `lattice_models`."""
        if guidance is None:
            return _core.Searcher(self._plan, models)
        return _core.Searcher(self._plan_with(guidance.for_core(self._numbers, len(self.words))), models)

    def lattice_models(self, lattice_rescoring: LatticeRescoring) -> _core.LatticeModels:
        """Models that rescore the lattices of this network's searches.

        Raises:
            ConfigError: the model that is replaced is not named.
        """
        if lattice_rescoring.replaced is None:
            raise ConfigError("a graph does not tell its n-grams: name the model it was built of as lattice_graph_lm")
        return lattice_rescoring.for_core(self.words, weight=1.0)

    def _plan_with(self, guidance: _core.Guidance | None) -> _core.GraphPlan:
        return _core.GraphPlan(
            graph=self._graph,
            guidance=guidance,
            n_classes=len(self.alphabet),
            blank=self.alphabet.blank,
            silence=_NONE if self.alphabet.silence is None else self.alphabet.silence,
            n_words=len(self.words),
        )
