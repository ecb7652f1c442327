"""The prefix tree of a lexicon's pronunciations in flat arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.errors import ConfigError
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon


@dataclass(frozen=True)
class LexiconTree:
    """Nodes in breadth-first order, so that the children of a node stand next to each other; node 0 is the root.

    Args:
        label: class on the way into each node, −1 for the root (nodes,).
        parent: node before each node, −1 for the root (nodes,).
        first_child: the children of node n are first_child[n] … first_child[n + 1] − 1 (nodes + 1,).
        first_word: the words that end at node n are words[first_word[n] : first_word[n + 1]] (nodes + 1,).
        words: positions in the vocabulary (pronunciations,).
        log_probability: natural log P(pronunciation | word), 0 where the lexicon has none (pronunciations,).
        look_ahead: highest unigram log-probability of a word that ends at or below each node (nodes,).
    """

    label: npt.NDArray[np.int64]
    parent: npt.NDArray[np.int64]
    first_child: npt.NDArray[np.int64]
    first_word: npt.NDArray[np.int64]
    words: npt.NDArray[np.int64]
    log_probability: npt.NDArray[np.float64]
    look_ahead: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def build(
        cls,
        lexicon: Lexicon,
        vocabulary: Sequence[str],
        unigram: npt.NDArray[np.floating],
        alphabet: Alphabet,
    ) -> LexiconTree:
        """All pronunciations of the lexicon's words that are in a vocabulary; the other words are left out.

        Args:
            lexicon: pronunciations.
            vocabulary: words by number.
            unigram: natural log P of each word of the vocabulary (words,).
            alphabet: classes of the logits.

        Raises:
            ConfigError: a phoneme is not in the alphabet or is its silence, or the lexicon and the vocabulary share no
                word.
        """
        numbers = {word: number for number, word in enumerate(vocabulary)}
        words, lengths, labels, log_probability = _pronunciations(lexicon, numbers, alphabet)
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
        np.maximum.at(look_ahead, node, unigram[words])
        for first, last in zip(levels[-2:0:-1], levels[:1:-1], strict=True):
            np.maximum.at(look_ahead, parent[first:last], look_ahead[first:last])
        return cls(
            label=np.concatenate(ways_in),
            parent=parent,
            first_child=np.searchsorted(parent, nodes),
            first_word=np.searchsorted(node[by_node], nodes),
            words=words[by_node],
            log_probability=log_probability[by_node],
            look_ahead=look_ahead,
        )


def _pronunciations(
    lexicon: Lexicon, numbers: Mapping[str, int], alphabet: Alphabet
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Word, length and log-probability (pronunciations,), and all labels one after the other."""
    known = [word for word in lexicon if word in numbers]
    entries = [(numbers[word], variant) for word in known for variant in lexicon[word]]
    if not entries:
        raise ConfigError("lexicon: none of its words is known to the language model")
    # A silence in a word could not be told from one between words, neither by the search nor in its scores.
    silence = None if alphabet.silence is None else alphabet.symbols[alphabet.silence]
    for word in known:
        if any(silence in variant for variant in lexicon[word]):
            raise ConfigError(f"lexicon: a pronunciation of '{word}' holds the silence {silence}")
    phonemes = {phoneme for _, variant in entries for phoneme in variant}
    classes = {phoneme: alphabet.index(phoneme) for phoneme in phonemes}
    words = np.array([word for word, _ in entries], dtype=np.int64)
    lengths = np.array([len(variant) for _, variant in entries], dtype=np.int64)
    labels = np.array([classes[phoneme] for _, variant in entries for phoneme in variant], dtype=np.int64)
    log_probability = np.array([each for word in known for each in lexicon.log_probabilities(word)])
    return words, lengths, labels, log_probability
