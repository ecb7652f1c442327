"""Which contacts each prepared channel is made of: differences along a shaft, the common average, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neurolect.data.seeg.contact_names import contact_of, pair_of, plain_name
from neurolect.errors import DataError

Reference = Literal["bipolar", "average", "none"]

FARTHEST_PAIR = 0.02
"""Metres between the two contacts of a pair at most: rows of a grid end where numbers go on."""


@dataclass(frozen=True)
class Derivation:
    """One channel after re-referencing.

    Args:
        name: of the prepared channel, without an amplifier's decorations.
        contact: channel of the file that it is named after.
        subtracted: channel of the file that is taken off it; None with another reference.
    """

    name: str
    contact: str
    subtracted: str | None = None

    def describe(self) -> str:
        """`A1-A2`, or `A1`."""
        return self.name if self.subtracted is None else f"{self.name}-{plain_name(self.subtracted)}"


def derivations(
    channels: Sequence[str],
    reference: Reference,
    unusable: Collection[str] = (),
    positions: Mapping[str, Sequence[float]] | None = None,
) -> list[Derivation]:
    """The channels that a set of contacts gives under a reference.

    A bipolar channel is a contact minus the next one of its shaft, by number: a contact that is missing or unusable
    breaks both pairs it would be in, and so does a gap of more than 20 mm where positions are known. Its name is that
    of the first contact, as in the Du-IN release.

    Args:
        channels: of the file, those that are contacts.
        reference: `bipolar`, `average` over all usable contacts, or `none`.
        unusable: contacts that are marked bad, flat or have gaps.
        positions: channel → (x, y, z) in metres.

    Raises:
        DataError: two contacts have one name or one place, or none is left.
    """
    usable = [channel for channel in channels if channel not in unusable]
    if reference == "bipolar":
        derived = _pairs(usable, positions or {})
    else:
        derived = [Derivation(plain_name(channel), channel) for channel in usable]
    names = Counter(each.name for each in derived)
    for name, count in names.items():
        if count > 1:
            both = ", ".join(each.contact for each in derived if each.name == name)
            raise DataError(f"channel '{name}' occurs {count} times, as {both}: exclude all but one")
    if not derived:
        raise DataError(_nothing_left(reference, channels, usable))
    return derived


def _pairs(usable: Sequence[str], positions: Mapping[str, Sequence[float]]) -> list[Derivation]:
    places: dict[tuple[str, int], str] = {}
    for channel in usable:
        if (contact := contact_of(channel)) is None:
            continue
        if (other := places.setdefault((contact.shaft, contact.number), channel)) != channel:
            raise DataError(f"channels '{other}' and '{channel}' are both contact {contact.number} of {contact.shaft}")
    return [
        Derivation(plain_name(channel), channel, following)
        for (shaft, number), channel in places.items()
        if (following := places.get((shaft, number + 1))) is not None and _near(channel, following, positions)
    ]


def _near(first: str, second: str, positions: Mapping[str, Sequence[float]]) -> bool:
    if first not in positions or second not in positions:
        return True
    return float(np.linalg.norm(np.subtract(positions[first], positions[second]))) <= FARTHEST_PAIR


def _nothing_left(reference: Reference, channels: Sequence[str], usable: Sequence[str]) -> str:
    if not usable:
        return f"none of the {len(channels)} contacts is usable"
    if reference == "bipolar" and any(pair_of(channel) for channel in usable):
        return f"channels such as '{usable[0]}' are differences already: choose reference none"
    return (
        f"no two of the contacts {', '.join(usable[:5])}… follow each other along a shaft: choose reference average or "
        "none"
    )
