"""Which n-gram model takes the place of the search's own over the whole lattice, at the end of an utterance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurolect import _core
from neurolect.errors import ConfigError
from neurolect.language.ngram_model import NgramModel


@dataclass(frozen=True)
class LatticeRescoring:
    """An n-gram model, of any order, that has the last word on every sentence in the lattice.

    The search's n-gram scores go out and those of this model come in, with the search's weight, before sentences are
    listed and confidences computed. Where `rescore_with_ngrams` sees the n-best list, this sees every sentence within
    the lattice beam; sentences in both get the same scores. Partial results are those of the search alone.

    Args:
        ngrams: the model.
        replaced: the model that a graph file was built of; the lexicon's costs in the graph's scores stay. A search
            over a lexicon knows its n-gram scores, and takes None.
        absent_word_log10: log10 P of a word that a model lacks, unless it has `<unk>`.

    Raises:
        ConfigError: a setting is out of its range.
    """

    ngrams: NgramModel
    replaced: NgramModel | None = None
    absent_word_log10: float = -9.77

    def __post_init__(self) -> None:
        if not self.absent_word_log10 <= 0:
            raise ConfigError(f"decoder: absent_word_log10 is {self.absent_word_log10}, it must be at most 0")

    def for_core(self, words: Sequence[str], weight: float) -> _core.LatticeModels:
        """The same as the search core takes it.

        Args:
            words: of a network, by their numbers.
            weight: what the network multiplies n-gram scores by.
        """
        return _core.LatticeModels(
            added=self._for_core(self.ngrams, words, weight),
            replaced=None if self.replaced is None else self._for_core(self.replaced, words, weight),
        )

    def _for_core(self, ngrams: NgramModel, words: Sequence[str], weight: float) -> _core.LanguageModel:
        return _core.LanguageModel(
            store=ngrams.store,
            ids=ngrams.find(words),
            weight=weight,
            absent_log10=max(self.absent_word_log10, -99.0),
            backoff_as_in_graph=False,
        )


def read_lattice_rescoring(
    lm: Path | None, graph_lm: Path | None, list_lm: Path | None = None
) -> LatticeRescoring | None:
    """The models that a verb's settings name; None if there are none.

    Args:
        lm: the model that has the last word.
        graph_lm: the model that the graph file was built of, if one is searched.
        list_lm: a model that is to replace the n-gram scores of lists, which is no use after that.

    Raises:
        ConfigError: only `graph_lm` is given, or `list_lm` besides `lm`.
        DataError: a model cannot be read.
    """
    if lm is None:
        if graph_lm is not None:
            raise ConfigError("lattice_graph_lm is what lattice_lm takes the place of; give lattice_lm too")
        return None
    if list_lm is not None:
        raise ConfigError("rescoring.lm would replace the scores that lattice_lm gives; leave out one of them")
    return LatticeRescoring(NgramModel(lm), None if graph_lm is None else NgramModel(graph_lm))
