"""The rows of a token-passing search: where each live path stands and how to merge and expand them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Tokens(NamedTuple):
    """Live paths, one row each.

    Args:
        node: where in the lexicon tree (tokens,).
        last: class emitted last (tokens,).
        sentence: number of the words so far (tokens,).
        acoustic: Σ log P of the classes emitted, unscaled (tokens,).
        lexicon: Σ log P of the silences chosen (tokens,).
    """

    node: Integers
    last: Integers
    sentence: Integers
    acoustic: Floats
    lexicon: Floats

    def take(self, rows: Integers | npt.NDArray[np.bool_]) -> Tokens:
        """Some of the rows."""
        return Tokens._make(column[rows] for column in self)

    @staticmethod
    def concatenate(parts: Iterable[Tokens]) -> Tokens:
        """The rows of all parts, in their order."""
        return Tokens._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


def rows_of_ranges(first: Integers, ranges: Integers) -> tuple[Integers, Integers]:
    """All of first[r] … first[r + 1] − 1 for each range r in turn, and the position in `ranges` each comes from."""
    counts = first[ranges + 1] - first[ranges]
    owner = np.repeat(np.arange(len(ranges)), counts)
    within = np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
    return first[ranges][owner] + within, owner


def best_of_each(keys: Integers, scores: Floats) -> Integers:
    """Index of the highest score among equal keys, one index for each distinct key, in the order of the keys."""
    order = np.argsort(keys)
    keys, scores = keys[order], scores[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    best = np.repeat(np.maximum.reduceat(scores, starts), np.diff(starts, append=len(keys)))
    winners = np.flatnonzero(scores == best)
    winners = winners[np.concatenate(([True], keys[winners[1:]] != keys[winners[:-1]]))]
    return order[winners]
