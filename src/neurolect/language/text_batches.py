"""Token sequences laid out for one forward pass: padded, or as a tree in which shared beginnings stand once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_SHORTEST_IN_BATCH = 0.75
"""Length of the shortest text of a padded batch, in that of the longest: below, padding costs more than a batch."""


@dataclass(frozen=True)
class TextBatch:
    """Input of a forward pass, and where in its output the tokens that it predicts are found.

    Args:
        tokens: (rows of texts, positions).
        targets: tokens to be predicted, of all texts one after the other (n,).
        places: of each target, the flat position of `tokens` that predicts it (n,).
        lengths: how many targets each text has.
        positions: of each token in its text, where it is not simply the next one (rows of texts, positions).
        visible: which tokens each one sees, itself included, where it is not all before it (positions, positions).
    """

    tokens: Tensor
    targets: Tensor
    places: Tensor
    lengths: tuple[int, ...]
    positions: Tensor | None = None
    visible: Tensor | None = None


def padded_batch(texts: Sequence[Sequence[int]], filler: int) -> TextBatch:
    """Texts side by side, each predicting its own tokens but the first.

    Args:
        texts: of at least two tokens each.
        filler: token to pad with, at the end, where a causal model cannot see it.
    """
    width = max(map(len, texts)) - 1
    rows = [[*text[:-1], *[filler] * (width - len(text) + 1)] for text in texts]
    places = [row * width + column for row, text in enumerate(texts) for column in range(len(text) - 1)]
    return TextBatch(torch.tensor(rows), _targets(texts), torch.tensor(places), _lengths(texts))


def tree_batch(texts: Sequence[Sequence[int]]) -> TextBatch:
    """Texts as the paths of a tree, in one row: what several begin with stands there, and is computed, once.

    Args:
        texts: of at least two tokens each.
    """
    nodes: dict[tuple[int, int], int] = {}
    tokens: list[int] = []
    depths: list[int] = []
    parents: list[int] = []
    places: list[int] = []
    for text in texts:
        node = -1
        for depth, token in enumerate(text[:-1]):
            parent, node = node, nodes.setdefault((node, token), len(nodes))
            if node == len(tokens):
                tokens.append(token)
                depths.append(depth)
                parents.append(parent)
            places.append(node)
    visible = np.eye(len(tokens), dtype=bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            visible[node] |= visible[parent]
    return TextBatch(
        torch.tensor([tokens]),
        _targets(texts),
        torch.tensor(places),
        _lengths(texts),
        torch.tensor([depths]),
        torch.from_numpy(visible),
    )


def n_padded(texts: Sequence[Sequence[int]], tokens_at_once: int) -> int:
    """How many of the texts, longest first, make a padded batch: at least one, of like lengths."""
    longest = len(texts[0]) - 1
    fitting = texts[: max(1, tokens_at_once // longest)]
    return sum(len(text) - 1 >= _SHORTEST_IN_BATCH * longest for text in fitting)


def n_in_tree(texts: Sequence[Sequence[int]], tokens_at_once: int) -> int:
    """How many of the texts, in the order of their tokens, make a tree of so many tokens: at least one."""
    nodes: set[tuple[int, ...]] = set()
    for number, text in enumerate(texts):
        nodes.update(tuple(text[:length]) for length in range(1, len(text)))
        if number and len(nodes) > tokens_at_once:
            return number
    return len(texts)


def _targets(texts: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor([token for text in texts for token in text[1:]])


def _lengths(texts: Sequence[Sequence[int]]) -> tuple[int, ...]:
    return tuple(len(text) - 1 for text in texts)
