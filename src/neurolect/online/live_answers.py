"""What a live decoder answers, and what persons and other parts say of its answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurolect.online.live_streams import Fields, Received

EndedBy = Literal["event", "silence", "source", "length"]

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)
"""What the `from_fields` of an answer raise where the entry is something else, which a stranger may have written."""


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
