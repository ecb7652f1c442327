"""What the values of events mean; a stranger may have written them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NoReturn

from neurolect.data.t15 import can_be_session
from neurolect.decoding.options import LARGEST
from neurolect.errors import DataError
from neurolect.online.live_answers import Problem
from neurolect.online.live_input import Event
from neurolect.online.live_state import Held

LONGEST_VALUE = 100_000
"""Characters of a value that are taken; a session's name may have 200."""
_LONGEST_NAME = 200


def changed(held: Held, event: Event) -> Held:
    """What holds after an event of the kind `session`, `block`, `context` or `phrases`.

    Raises:
        DataError: the value is not what it should be.
    """
    if len(event.value) > LONGEST_VALUE:
        raise DataError(f"{event.kind}: {len(event.value)} characters, at most {LONGEST_VALUE} are taken")
    value = event.value.strip()
    if event.kind == "session":
        if not value or len(value) > _LONGEST_NAME or not value.isprintable():
            raise DataError(f"session: a name has 1 to {_LONGEST_NAME} printable characters")
        if not can_be_session(value):
            raise DataError(f"session: '{value[:40]}' cannot be the name of a folder: no slash, no dot at its begin")
        return replace(held, session=value)
    if event.kind == "block":
        if not (value.isdecimal() and len(value) <= 9):
            raise DataError(f"block: '{value[:40]}' is no number of a block")
        return replace(held, block=int(value), block_begins=True)
    if event.kind == "context":
        return replace(held, context=" ".join(value.split()))
    return replace(held, phrases=_phrases(value))


def notes_of(event: Event, entry: str) -> tuple[dict[str, Any], list[Any]]:
    """The JSON object that came with the begin or end of an utterance, and a problem where it is none."""
    try:
        if len(event.value) > LONGEST_VALUE:
            raise DataError(f"{event.kind}: {len(event.value)} characters, at most {LONGEST_VALUE} are taken")
        return _table(event), []
    except DataError as error:
        return {}, [Problem(f"{error}; the utterance goes on without notes", entry, "decoder")]


def _phrases(value: str) -> dict[str, float]:
    phrases = {}
    for phrase, bonus in _table(Event("phrases", value)).items():
        plain = " ".join(phrase.lower().split())
        is_number = isinstance(bonus, int | float) and not isinstance(bonus, bool)
        if not plain or not is_number or abs(bonus) > LARGEST:
            raise DataError(f"phrases: '{phrase[:40]}' has no bonus that is a number up to {LARGEST:g}")
        phrases[plain] = float(bonus)
    return phrases


def _table(event: Event) -> dict[str, Any]:
    if not event.value.strip():
        return {}
    try:
        table = json.loads(event.value, parse_constant=_refuse)
        # It must be text and numbers that others can read again: no halves of characters, nothing infinite.
        json.dumps(table, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise DataError(f"{event.kind}: its value is no JSON object")
    return table


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
