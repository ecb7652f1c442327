"""What live decoding says over Redis: names of the streams, and every message that goes through them.

All that a sender sends is in one stream, in one order, so that whoever reads it again gets the same sentences.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError

Fields = dict[str, bytes | str | int | float]
"""Of a stream entry, as they are written."""

Received = Mapping[bytes, bytes]
"""Of a stream entry, as they are read."""

EventKind = Literal["utterance_start", "utterance_end", "session", "block", "context", "phrases"]
EndedBy = Literal["event", "silence", "source", "length"]

MAX_ENTRY_BYTES = 4_000_000
"""Longest `features` that is taken: 39 s of 512 features. A longer one is a mistake, or an attack."""

MAX_SOURCE = 1000
"""Characters of a source; the state and every sentence hold it."""

RECORDER = "recorder"
"""Consumer group on the sentences, for whom the input of an utterance is kept until it is acknowledged."""

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)
"""What the `from_fields` of a message raise where the entry is something else, which a stranger may have written."""


@dataclass(frozen=True)
class LiveStreams:
    """Keys of one live decoder; several share a server under several prefixes.

    Args:
        prefix: of all keys.
    """

    prefix: str = "neurolect:"

    @property
    def input(self) -> str:
        """Stream of `Bins` and `Event`, in the order in which they are sent."""
        return f"{self.prefix}input"

    @property
    def phonemes(self) -> str:
        """Stream of `PhonemeFrames`."""
        return f"{self.prefix}phonemes"

    @property
    def partials(self) -> str:
        """Stream of `Partial`."""
        return f"{self.prefix}partials"

    @property
    def sentences(self) -> str:
        """Stream of `Sentence`: each finished utterance once."""
        return f"{self.prefix}sentences"

    @property
    def corrections(self) -> str:
        """Stream of `Correction`."""
        return f"{self.prefix}corrections"

    @property
    def problems(self) -> str:
        """Stream of `Problem`."""
        return f"{self.prefix}problems"

    @property
    def status(self) -> str:
        """JSON string: what the decoder is and how it fares, renewed every second."""
        return f"{self.prefix}status"

    @property
    def state(self) -> str:
        """Hash from which a decoder that was killed is gone on with."""
        return f"{self.prefix}state"


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
        if kind not in get_args(EventKind):
            raise DataError(f"event '{kind[:40]}' is none of {', '.join(get_args(EventKind))}")
        return Event(kind, _text(fields, b"value"), _number(fields, b"sent", 0.0))  # type: ignore[arg-type]
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
    first = _number(fields, b"first", None)
    if first < 0 or first != int(first):
        raise DataError(f"first is {first:g}, it must be the number of a bin")
    source = _text(fields, b"source")
    if len(source) > MAX_SOURCE:
        raise DataError(f"source has {len(source)} characters, at most {MAX_SOURCE} are taken")
    return Bins(features, int(first), source, _number(fields, b"sent", 0.0))


@dataclass(frozen=True)
class Word:
    """A word of an answer, in seconds since the utterance's first bin; partial answers have no confidence."""

    text: str
    start: float
    end: float
    confidence: float | None = None


@dataclass(frozen=True)
class PhonemeFrames:
    """Probabilities of the classes in consecutive frames.

    Args:
        utterance: its number.
        first_frame: within the utterance.
        probabilities: (frames, classes), in the order of the alphabet in the status.
    """

    utterance: int
    first_frame: int
    probabilities: npt.NDArray[np.float32]

    def to_fields(self) -> Fields:
        """As an entry of the phonemes' stream."""
        frames, classes = self.probabilities.shape
        return {
            "utterance": self.utterance,
            "first_frame": self.first_frame,
            "frames": frames,
            "classes": classes,
            "probabilities": np.ascontiguousarray(self.probabilities, dtype="<f4").tobytes(),
        }

    @classmethod
    def from_fields(cls, fields: Received) -> PhonemeFrames:
        """From an entry of the phonemes' stream."""
        shape = int(fields[b"frames"]), int(fields[b"classes"])
        probabilities = np.frombuffer(fields[b"probabilities"], dtype="<f4").reshape(shape)
        return cls(int(fields[b"utterance"]), int(fields[b"first_frame"]), probabilities)


@dataclass(frozen=True)
class Partial:
    """The best words so far, which later frames may still change.

    Args:
        utterance: its number.
        text: the words.
        words: the same with times.
        frames: of the utterance, so far.
        input: last entry of the input stream that it has heard.
        sent: when that entry was sent, by the sender's clock.
        latency_ms: from the arrival of that entry at the server to this answer, by the server's clock.
    """

    utterance: int
    text: str
    words: tuple[Word, ...]
    frames: int
    input: str
    sent: float
    latency_ms: float

    def to_fields(self) -> Fields:
        """As an entry of the partials' stream: JSON."""
        return {"partial": json.dumps(asdict(self))}

    @classmethod
    def from_fields(cls, fields: Received) -> Partial:
        """From an entry of the partials' stream."""
        said = json.loads(fields[b"partial"])
        return cls(**{**said, "words": tuple(Word(**each) for each in said["words"])})


@dataclass(frozen=True)
class Sentence:
    """A finished utterance.

    Args:
        utterance: its number, counted from 1 under this prefix.
        text: the best sentence.
        words: the same with times and confidences.
        alternatives: other sentences with their totals, best first.
        total: of the best sentence.
        session: whose day layer was used.
        block: number of the block, None before the first.
        ended_by: an event, silence, the end of its source, or that it had become too long.
        n_bins: of the utterance.
        n_frames: of the utterance.
        first_bin: number of its first bin in its source.
        source: of its bins.
        first_input: first entry of the input stream that holds a bin of it.
        last_input: last one.
        context: that the large language model was given.
        notes: what came with `utterance_start` and `utterance_end`.
        problems: what went wrong without ending it, such as a second pass that ran out of memory.
        latency_ms: from the arrival of the entry that ended it to this answer, by the server's clock.
    """

    utterance: int
    text: str
    words: tuple[Word, ...]
    alternatives: tuple[tuple[str, float], ...]
    total: float
    session: str
    block: int | None
    ended_by: EndedBy
    n_bins: int
    n_frames: int
    first_bin: int
    source: str
    first_input: str
    last_input: str
    context: str
    notes: dict[str, Any]
    problems: tuple[str, ...]
    latency_ms: float

    def to_fields(self) -> Fields:
        """As an entry of the sentences' stream: JSON."""
        return {"sentence": json.dumps(asdict(self))}

    @classmethod
    def from_fields(cls, fields: Received) -> Sentence:
        """From an entry of the sentences' stream."""
        said = json.loads(fields[b"sentence"])
        said["words"] = tuple(Word(**each) for each in said["words"])
        said["alternatives"] = tuple((text, total) for text, total in said["alternatives"])
        said["problems"] = tuple(said["problems"])
        return cls(**said)


@dataclass(frozen=True)
class Correction:
    """What was really said in a finished utterance, by a person who knows; the last one about an utterance holds.

    Args:
        utterance: its number.
        text: the sentence.
        sent: when, in seconds since 1970.
    """

    utterance: int
    text: str
    sent: float

    def to_fields(self) -> Fields:
        """As an entry of the corrections' stream."""
        return {"utterance": self.utterance, "text": self.text, "sent": self.sent}

    @classmethod
    def from_fields(cls, fields: Received) -> Correction:
        """From an entry of the corrections' stream."""
        return cls(int(fields[b"utterance"]), fields[b"text"].decode(), float(fields[b"sent"]))


@dataclass(frozen=True)
class Problem:
    """Something that a person should know of; decoding goes on.

    Args:
        text: one line.
        input: entry of the input stream that it is about, or empty.
        part: who says so: `decoder`, `recorder`, `monitor`.
    """

    text: str
    input: str
    part: str

    def to_fields(self) -> Fields:
        """As an entry of the problems' stream."""
        return {"text": self.text, "input": self.input, "part": self.part}

    @classmethod
    def from_fields(cls, fields: Received) -> Problem:
        """From an entry of the problems' stream."""
        return cls(*(fields[name].decode() for name in (b"text", b"input", b"part")))


def _text(fields: Received, name: bytes) -> str:
    try:
        return fields.get(name, b"").decode()
    except UnicodeDecodeError:
        raise DataError(f"{name.decode()} is not text in UTF-8") from None


def _number(fields: Received, name: bytes, default: float | None) -> float:
    try:
        value = float(fields[name]) if default is None or name in fields else default
    except (KeyError, ValueError):
        raise DataError(f"{name.decode()} is missing or not a number") from None
    if not np.isfinite(value):
        raise DataError(f"{name.decode()} is {value}")
    return value
