"""Numbers of bins: which were heard before, and which are missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurolect.errors import DataError
from neurolect.online.live_input import Bins

_SOURCES = 64
"""Sources whose numbers are remembered, those heard last."""

_LARGEST_FEATURE = 1e9
"""A larger one would make the network's sums infinite."""


def admitted(numbers: Mapping[str, int], bins: Bins) -> tuple[int | None, Mapping[str, int], str]:
    """The first of some bins that was not heard before, and what is to be said of their numbers.

    Args:
        numbers: of the bin that comes next, by source.
        bins: as they come.

    Returns:
        That bin's number, None where all were heard before; the numbers after these bins; and a line about bins that
        are missing or come again, or nothing.

    Raises:
        DataError: a feature is no measurement.
    """
    if np.abs(bins.features).max() > _LARGEST_FEATURE:
        raise DataError(f"a feature above {_LARGEST_FEATURE:g}, which nothing measures")
    source = f"of source '{bins.source[:40]}'"
    expected = numbers.get(bins.source, bins.first)
    following = bins.first + len(bins.features)
    if following <= expected:
        return None, numbers, f"bins from {bins.first} {source} come again and are left out"
    others = [each for each in numbers.items() if each[0] != bins.source]
    said = f"{bins.first - expected} bins are missing before bin {bins.first} {source}" if bins.first > expected else ""
    return max(bins.first, expected), dict([*others[1 - _SOURCES :], (bins.source, following)]), said
