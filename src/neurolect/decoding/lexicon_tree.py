"""The prefix tree of a lexicon's pronunciations in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.errors import ConfigError
from neurolect.language.word_model import WordModel
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon


@dataclass(frozen=True)
class LexiconTree:
    """Nodes in breadth-first order, so that the children of a node stand next to each other; node 0 is the root.

    Args:
        label: class on the way into each node, −1 for the root (nodes,).
        first_child: the children of node n are first_child[n] … first_child[n + 1] − 1 (nodes + 1,).
        first_word: the words that end at node n are words[first_word[n] : first_word[n + 1]] (nodes + 1,).
        words: positions in the word model's vocabulary (pronunciations,).
        look_ahead: highest unigram log-probability of a word that ends at or below each node (nodes,).
    """

    label: npt.NDArray[np.int64]
    first_child: npt.NDArray[np.int64]
    first_word: npt.NDArray[np.int64]
    words: npt.NDArray[np.int64]
    look_ahead: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def build(cls, lexicon: Lexicon, word_model: WordModel, alphabet: Alphabet) -> LexiconTree:
        """All pronunciations of all words that the word model can score; the other words are left out.

        Raises:
            ConfigError: a phoneme is not in the alphabet, or no word is known to the word model.
        """
        words, lengths, labels = _pronunciations(lexicon, word_model, alphabet)
        starts = np.cumsum(lengths) - lengths
        node = np.zeros(len(words), dtype=np.int64)
        parents, ways_in, levels = [np.array([-1])], [np.array([-1])], [0, 1]
        for depth in range(int(lengths.max())):
            longer = np.flatnonzero(lengths > depth)
            branches, branch = np.unique(
                node[longer] * len(alphabet) + labels[starts[longer] + depth], return_inverse=True
            )
            node[longer] = levels[-1] + branch
            parents.append(branches // len(alphabet))
            ways_in.append(branches % len(alphabet))
            levels.append(levels[-1] + len(branches))
        parent = np.concatenate(parents)
        nodes = np.arange(len(parent) + 1)
        by_node = np.argsort(node, kind="stable")

        look_ahead = np.full(len(parent), -np.inf)
        np.maximum.at(look_ahead, node, word_model.unigram[words])
        for first, last in zip(levels[-2:0:-1], levels[:1:-1], strict=True):
            np.maximum.at(look_ahead, parent[first:last], look_ahead[first:last])
        return cls(
            label=np.concatenate(ways_in),
            first_child=np.searchsorted(parent, nodes),
            first_word=np.searchsorted(node[by_node], nodes),
            words=words[by_node],
            look_ahead=look_ahead,
        )


def _pronunciations(
    lexicon: Lexicon, word_model: WordModel, alphabet: Alphabet
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Word id (pronunciations,), length (pronunciations,), and all labels one after the other."""
    ids = {word: index for index, word in enumerate(word_model.vocabulary)}
    entries = [(ids[word], variant) for word, variants in lexicon.items() if word in ids for variant in variants]
    if not entries:
        raise ConfigError("lexicon: none of its words is known to the word model")
    phonemes = {phoneme for _, variant in entries for phoneme in variant}
    classes = {phoneme: alphabet.index(phoneme) for phoneme in phonemes}
    words = np.array([word for word, _ in entries], dtype=np.int64)
    lengths = np.array([len(variant) for _, variant in entries], dtype=np.int64)
    labels = np.array([classes[phoneme] for _, variant in entries for phoneme in variant], dtype=np.int64)
    return words, lengths, labels
