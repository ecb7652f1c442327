"""What the page is told as JSON, made of what stands in Redis, where anything may stand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from neurolect.errors import DataError, in_a_line
from neurolect.online.live_answers import Correction, Partial, Problem, Sentence, Word
from neurolect.online.live_streams import Received

Message = dict[str, Any]
"""With the key `type`; holds only what JSON can."""

MAX_TEXT = 10_000
"""Longest text that is shown, in characters."""
_MAX_JSON_BYTES = 1_000_000
_MAX_WORDS = 1_000
_MAX_ALTERNATIVES = 20
_MAX_LIST = 4_096
_WRONG = (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)

STATUS_TEXTS = ("run", "session", "weights", "lm")
STATUS_NUMBERS = (
    "n_features seconds_per_bin seconds_per_frame lookahead_seconds utterance sentences lag_ms queue bins problems time"
).split()
STATUS_SWITCHES = ("simulated", "in_utterance", "behind")
_LATENCIES = ("p50", "p99", "max")


def sentence(entry: str, fields: Received) -> Message:
    """A finished utterance; its `correction` is what a person says was said, None before anyone does.

    Raises:
        DataError: it is none; says what is wrong, not where.
    """
    said = _read(Sentence.from_fields, fields, "sentence")
    cue = said.notes.get("sentence") if isinstance(said.notes, dict) else None
    return {
        "type": "sentence",
        "id": entry,
        "utterance": _count(said.utterance, "utterance"),
        "text": _text(said.text, "text"),
        "words": _words(said.words),
        "alternatives": [
            {"text": _text(text, "alternative"), "total": _number_or_none(total)}
            for text, total in said.alternatives[:_MAX_ALTERNATIVES]
        ],
        "session": _text(said.session, "session"),
        "block": _number_or_none(said.block),
        "ended_by": _text(said.ended_by, "ended_by"),
        "bins": _number_or_none(said.n_bins),
        "latency_ms": _number_or_none(said.latency_ms),
        "problems": [_text(each, "problem") for each in said.problems[:_MAX_ALTERNATIVES]],
        "cue": cue[:MAX_TEXT] if isinstance(cue, str) else None,
        "correction": None,
    }


def partial(entry: str, fields: Received) -> Message:
    """The words so far.

    Raises:
        DataError: it is none.
    """
    said = _read(Partial.from_fields, fields, "partial")
    return {
        "type": "partial",
        "id": entry,
        "utterance": _count(said.utterance, "utterance"),
        "text": _text(said.text, "text"),
        "words": _words(said.words),
        "latency_ms": _number_or_none(said.latency_ms),
    }


def correction(entry: str, fields: Received) -> Message:
    """What a person says was said.

    Raises:
        DataError: it is none.
    """
    said = _read(Correction.from_fields, fields, "text")
    return {
        "type": "correction",
        "id": entry,
        "utterance": _count(said.utterance, "utterance"),
        "text": _text(said.text, "text"),
    }


def problem(entry: str, fields: Received) -> Message:
    """Something that a person should know of.

    Raises:
        DataError: it is none.
    """
    said = _read(Problem.from_fields, fields, "text")
    return {"type": "problem", "id": entry, "part": said.part[:100], "text": said.text[:MAX_TEXT]}


def status(raw: bytes) -> Message:
    """The decoder's own words about itself; what is missing or of another type is None.

    Raises:
        DataError: it is no JSON object.
    """
    if len(raw) > _MAX_JSON_BYTES:
        raise DataError(f"{len(raw)} bytes, at most {_MAX_JSON_BYTES} are taken")
    try:
        said = json.loads(raw)
    except _WRONG:
        raise DataError("it is no JSON") from None
    if not isinstance(said, dict):
        raise DataError("it is no JSON object")
    latency = said.get("latency_ms")
    latency = latency if isinstance(latency, dict) else {}
    return {
        "type": "status",
        **{name: _text_or_none(said.get(name)) for name in STATUS_TEXTS},
        **{name: _number_or_none(said.get(name)) for name in STATUS_NUMBERS},
        **{name: said.get(name) is True for name in STATUS_SWITCHES},
        "blank": _class_or_none(said.get("blank")),
        "silence": _class_or_none(said.get("silence")),
        "latency_ms": {name: _number_or_none(latency.get(name)) for name in _LATENCIES},
        "symbols": [_text_or_none(each) or "?" for each in _list(said.get("symbols"))],
        "feature_arrays": [
            [each[0][:100], int(each[1]), int(each[2])]
            for each in _list(said.get("feature_arrays"))
            if _is_feature_array(each)
        ],
    }


def _read(from_fields: Callable[[Received], Any], fields: Received, holds_most: str) -> Any:
    size = len(fields.get(holds_most.encode(), b""))
    if size > _MAX_JSON_BYTES:
        raise DataError(f"{size} bytes, at most {_MAX_JSON_BYTES} are taken")
    try:
        return from_fields(fields)
    except KeyError as error:
        raise DataError(f"{error.args[0]!r:.60} is missing") from None
    except json.JSONDecodeError:
        raise DataError("it is no JSON") from None
    except _WRONG as error:
        raise DataError(in_a_line(error)) from None


def _words(words: tuple[Word, ...]) -> list[Message]:
    return [
        {"text": _text(each.text, "word"), "confidence": _number_or_none(each.confidence)}
        for each in words[:_MAX_WORDS]
    ]


def _count(value: Any, name: str) -> int:
    # Larger ones are not exact in a browser.
    if type(value) is not int or not 0 <= value < 2**53:
        raise DataError(f"{name} is no number of an utterance")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{name} is no text")
    return value[:MAX_TEXT]


def _text_or_none(value: Any) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) else None


def _number_or_none(value: Any) -> float | None:
    # Browsers read neither NaN nor infinity.
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        return None
    return value if math.isfinite(value) else None


def _class_or_none(value: Any) -> int | str | None:
    return value if type(value) is int and 0 <= value < _MAX_LIST else _text_or_none(value)


def _list(value: Any) -> list[Any]:
    return value[:_MAX_LIST] if isinstance(value, list) else []


def _is_feature_array(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and isinstance(value[0], str)
        and all(type(each) is int and 0 <= each < 2**31 for each in value[1:])
    )
