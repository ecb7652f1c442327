"""What the name of a contact says: its shaft and its number along it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PREFIX = re.compile(r"(?:POL|S?EEG|ECOG|IEEG)[ :.]+(?=\S)", re.IGNORECASE)
_SUFFIX = re.compile(r"[ _]*-[ _]*(?:REF|ORG|AVG?|AVE|CAR|GND)$", re.IGNORECASE)
_NUMBER_LAST = re.compile(r"(?P<shaft>(?:.*[^\W\d_]|.*[^\W\d_]['`´’]+))[ _.-]?(?P<number>\d+)")
_NUMBER_INSIDE = re.compile(r"(?P<before>[^\W\d]+(?:_[^\W\d_]+)*)_(?P<number>\d+)_(?P<after>[^\W\d_]+(?:_[^\W\d_]+)*)")
_PAIR = re.compile(r"(?P<first>.+?) ?[-–] ?(?P<second>.+)")


@dataclass(frozen=True)
class Contact:
    """One contact of an electrode; numbers count from the tip of a shaft."""

    shaft: str
    number: int


def plain_name(channel: str) -> str:
    """A channel's name without what amplifiers add: `POL A1`, `EEG A1-Ref` and `A1` are all `A1`."""
    name = " ".join(channel.split())
    return _SUFFIX.sub("", _PREFIX.sub("", name, count=1)).strip() or name


def contact_of(channel: str) -> Contact | None:
    """The contact that a channel is named after; None for what is no contact, or is a pair of contacts already.

    Understood are a shaft's letters with or without an apostrophe, then a number: `A1`, `L'1`, `TI'3`, `LAH10`, `B_02`,
    `LFP_RIGHT_0`; and a number between underscores: `ECOG_L_1_SMC_AT` is number 1 of `ECOG_L_SMC_AT`.
    """
    name = plain_name(channel)
    if found := _NUMBER_LAST.fullmatch(name):
        return None if pair_of(name) else Contact(found["shaft"], int(found["number"]))
    if found := _NUMBER_INSIDE.fullmatch(name):
        return Contact(f"{found['before']}_{found['after']}", int(found["number"]))
    return None


def pair_of(channel: str) -> tuple[str, str] | None:
    """The names of both contacts of a channel that is a difference already: `A1-A2` → `A1`, `A2`."""
    if not (found := _PAIR.fullmatch(plain_name(channel))):
        return None
    both = found["first"], found["second"]
    return both if all(_NUMBER_LAST.fullmatch(name) for name in both) else None
