"""What a search walks through: a lexicon with an n-gram model, or a graph file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from neurolect import _core
from neurolect.decoding.guidance import Guidance
from neurolect.decoding.lexicon_tree import LexiconTree
from neurolect.decoding.options import LARGEST
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_model import UNKNOWN_WORD, NgramModel
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER, Alphabet
from neurolect.text.lexicon import Lexicon
from neurolect.text.text_lines import read_lines

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

    def searcher(self, guidance: Guidance | None) -> _core.Searcher:
        """A search that can take one utterance after another."""
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
        self.words = tuple(lexicon)
        ids = np.full(len(self.words), UNKNOWN_WORD, dtype=np.uint32) if ngrams is None else ngrams.find(self.words)
        if ngrams is not None and absent_word_log10 == -math.inf:
            self.words = tuple(word for word, id_ in zip(self.words, ids, strict=True) if id_ != UNKNOWN_WORD)
            ids = ids[ids != UNKNOWN_WORD]
        self._model = _core.LanguageModel(
            store=None if ngrams is None else ngrams.store,
            ids=ids,
            weight=language_model_weight,
            absent_log10=max(absent_word_log10, -99.0),
            backoff_as_in_graph=backoff_as_in_graph,
        )
        unigram = np.zeros(len(self.words), dtype=np.float32)
        if ngrams is not None:
            is_listed = ids != UNKNOWN_WORD
            # With `<unk>` in the model, that is what an absent word costs.
            unknown, _ = ngrams.score(np.zeros(1, dtype=np.uint32), np.full(1, UNKNOWN_WORD, dtype=np.uint32))
            unigram[:] = max(absent_word_log10 * math.log(10), unknown[0])
            unigram[is_listed] = ngrams.unigram[ids[is_listed]]
        tree = LexiconTree.build(lexicon, self.words, unigram, alphabet)
        silence, no_silence = silence_probability, 1 - silence_probability
        if alphabet.silence is None:
            silence, no_silence = 0.0, 1.0
        self._tree = _core.LexiconTree(
            labels=np.maximum(tree.label, 0).astype(np.uint32),
            parents=np.maximum(tree.parent, 0).astype(np.uint32),
            first_child=tree.first_child.astype(np.uint32),
            first_word=tree.first_word.astype(np.uint32),
            words=tree.words.astype(np.uint32),
            pronunciation_costs=(-tree.log_probability).astype(np.float32),
            unigrams=unigram,
            look_ahead=tree.look_ahead.astype(np.float32),
            n_classes=len(alphabet),
            blank=alphabet.blank,
            silence=_NONE if alphabet.silence is None else alphabet.silence,
            silence_cost=-math.log(silence) if silence > 0 else math.inf,
            no_silence_cost=-math.log(no_silence) if no_silence > 0 else math.inf,
        )
        self._plan = _core.LexiconPlan(tree=self._tree, model=self._model, guidance=None)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def searcher(self, guidance: Guidance | None) -> _core.Searcher:
        """A search that can take one utterance after another."""
        if guidance is None:
            return _core.Searcher(self._plan)
        hints = guidance.for_core(self._numbers, len(self.words))
        return _core.Searcher(_core.LexiconPlan(tree=self._tree, model=self._model, guidance=hints))


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
        self.words = read_symbols(self.path.with_name("words.txt") if words is None else Path(words))
        self._graph = _core.GraphFile(str(graph))
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

    def searcher(self, guidance: Guidance | None) -> _core.Searcher:
        """A search that can take one utterance after another."""
        if guidance is None:
            return _core.Searcher(self._plan)
        return _core.Searcher(self._plan_with(guidance.for_core(self._numbers, len(self.words))))

    def _plan_with(self, guidance: _core.Guidance | None) -> _core.GraphPlan:
        return _core.GraphPlan(
            graph=self._graph,
            guidance=guidance,
            n_classes=len(self.alphabet),
            blank=self.alphabet.blank,
            silence=_NONE if self.alphabet.silence is None else self.alphabet.silence,
            n_words=len(self.words),
        )


def read_symbols(path: Path) -> tuple[str, ...]:
    """Words of a symbol table (`word number` a line) by their numbers, in lower case; gaps are empty.

    Raises:
        DataError: the file cannot be read, or a line is not a word and a number; the message names the line.
    """
    numbered: dict[int, str] = {}
    lines = list(read_lines(path, "words"))
    largest = 10 * len(lines)  # a damaged number must not fill the memory with gaps
    for place, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2 or not fields[1].isdecimal() or len(fields[1]) > 9 or int(fields[1]) > largest:
            raise DataError(f"{path}: line {place}: '{line.strip()[:80]}' is not a word and its number")
        numbered[int(fields[1])] = fields[0].lower()
    return tuple(numbered.get(number, "") for number in range(max(numbered, default=-1) + 1))
