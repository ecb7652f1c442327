"""What is sent to a live decoder: bins, and events between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError
from neurolect.online.live_streams import Fields, Received

EventKind = Literal["utterance_start", "utterance_end", "session", "block", "context", "phrases"]

MAX_ENTRY_BYTES = 4_000_000
"""Longest `features` that is taken: 39 s of 512 features. A longer one is a mistake, or an attack."""

MAX_SOURCE = 1000
"""Characters of a source; the state and every sentence hold it."""


@dataclass(frozen=True)
class Bins:
    """Consecutive bins of features.

    Args:
        features: (bins, features) float32.
        first: number of the first bin, counted from 0 by its source.
        source: names one unbroken recording; what is sent again is known by its source and number.
        sent: when it was sent, in seconds since 1970 by the sender's clock.
    """

    features: npt.NDArray[np.float32]
    first: int
    source: str
    sent: float

    def to_fields(self) -> Fields:
        """As an entry of the input stream; the features are little-endian float32, bin after bin."""
        features = np.ascontiguousarray(self.features, dtype="<f4").tobytes()
        return {"features": features, "first": self.first, "source": self.source, "sent": self.sent}


@dataclass(frozen=True)
class Event:
    """Something that happens between two bins.

    `utterance_start` and `utterance_end` bound a trial, and their value is empty or a JSON object that is kept with it
    (`{"trial": 3, "sentence": "the cue"}`). `session` names the day layer, `block` begins a block (its number),
    `context` is what was said before, for the large language model, and `phrases` a JSON object of phrases and their
    bonuses, as in `Guidance`; these four hold from the next utterance on.

    Args:
        kind: which.
        value: text, as said above.
        sent: when, in seconds since 1970 by the sender's clock.
    """

    kind: EventKind
    value: str = ""
    sent: float = 0.0

    def to_fields(self) -> Fields:
        """As an entry of the input stream."""
        return {"event": self.kind, "value": self.value, "sent": self.sent}


def require_kind(kind: str) -> None:
    """See that there is such an event.

    Raises:
        DataError: there is not.
    """
    if kind not in get_args(EventKind):
        raise DataError(f"event '{kind[:40]}' is none of {', '.join(get_args(EventKind))}")


def read_input(fields: Received, n_features: int) -> Bins | Event:
    """An entry of the input stream.

    Args:
        fields: as read.
        n_features: of each bin.

    Raises:
        DataError: it is neither bins nor an event; says what is wrong, not where.
    """
    if b"event" in fields:
        kind = _text(fields, b"event")
        require_kind(kind)
        return Event(kind, _text(fields, b"value"), _sent(fields))  # type: ignore[arg-type]
    if b"features" not in fields:
        raise DataError("the entry has neither 'features' nor 'event'")
    raw = fields[b"features"]
    if len(raw) > MAX_ENTRY_BYTES:
        raise DataError(f"{len(raw)} bytes of features in one entry, at most {MAX_ENTRY_BYTES} are taken")
    if not raw or len(raw) % (4 * n_features):
        raise DataError(f"{len(raw)} bytes are no whole bins of {n_features} float32 features")
    features = np.frombuffer(raw, dtype="<f4").reshape(-1, n_features)
    if not np.isfinite(features).all():
        bin_, column = (int(each[0]) for each in np.nonzero(~np.isfinite(features)))
        raise DataError(f"bin {bin_} of the entry, feature {column}: {features[bin_, column]}")
    first = _number(fields, b"first")
    if not 0 <= first < 2**63 or first != int(first):
        raise DataError(f"first is {first:g}, it must be the number of a bin")
    source = _text(fields, b"source")
    if len(source) > MAX_SOURCE:
        raise DataError(f"source has {len(source)} characters, at most {MAX_SOURCE} are taken")
    return Bins(features, int(first), source, _sent(fields))


def _text(fields: Received, name: bytes) -> str:
    try:
        return fields.get(name, b"").decode()
    except UnicodeDecodeError:
        raise DataError(f"{name.decode()} is not text in UTF-8") from None


def _number(fields: Received, name: bytes) -> float:
    try:
        value = float(fields[name])
    except (KeyError, ValueError):
        raise DataError(f"{name.decode()} is missing or not a number") from None
    if not np.isfinite(value):
        raise DataError(f"{name.decode()} is {value}")
    return value


def _sent(fields: Received) -> float:
    """It is only told: what cannot be read is none, and costs no one an utterance."""
    try:
        sent = float(fields.get(b"sent", b""))
    except ValueError:
        return 0.0
    return sent if np.isfinite(sent) else 0.0
