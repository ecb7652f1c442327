"""Numbers of bins: which were heard before, and which are missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurolect.errors import DataError
from neurolect.online.live_input import Bins

_SOURCES = 64
"""Sources whose numbers are remembered, those heard last."""

LONGEST_GAP = 180_000
"""Bins that may be missing at once: an hour of them. A number further ahead is rather a corrupt one, and if it were
believed, all later bins would be ones that come again."""

_LARGEST_FEATURE = 1e9
"""A larger one would make the network's sums infinite."""


def admitted(
    numbers: Mapping[str, int], bins: Bins, doubted: tuple[str, int] | None = None
) -> tuple[int | None, Mapping[str, int], str]:
    """The first of some bins that was not heard before, and what is to be said of their numbers.

    Args:
        numbers: of the bin that comes next, by source.
        bins: as they come.
        doubted: source and number that go on from bins that were refused just before; two in a row are believed.

    Returns:
        That bin's number, None where all were heard before; the numbers after these bins; and a line about bins that
        are missing or come again, or nothing.

    Raises:
        DataError: a feature is no measurement, or the number is implausibly far ahead.
    """
    if np.abs(bins.features).max() > _LARGEST_FEATURE:
        raise DataError(f"a feature above {_LARGEST_FEATURE:g}, which nothing measures")
    source = f"of source '{bins.source[:40]}'"
    expected = numbers.get(bins.source, bins.first)
    if bins.first - expected > LONGEST_GAP and (bins.source, bins.first) != doubted:
        raise DataError(f"first is {bins.first}, more than an hour after bin {expected} {source}, and is left out")
    following = bins.first + len(bins.features)
    if following <= expected:
        return None, numbers, f"bins from {bins.first} {source} come again and are left out"
    others = [each for each in numbers.items() if each[0] != bins.source]
    said = f"{bins.first - expected} bins are missing before bin {bins.first} {source}" if bins.first > expected else ""
    return max(bins.first, expected), dict([*others[1 - _SOURCES :], (bins.source, following)]), said
