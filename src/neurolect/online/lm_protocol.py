"""What the language-model server and its clients say over Redis: the keys, fields and encodings of Card et al. 2024."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import DataError
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER

Fields = dict[str, bytes | str | int | float]
"""Of a stream entry, as they are written."""

Received = Mapping[bytes, bytes]
"""Of a stream entry, as they are read."""

Kind = Literal["reset", "update", "input", "finalize"]
"""What a client can ask for; each kind has a stream of its own."""

N_CLASSES = len(PHONEMES_LANGUAGE_MODEL_ORDER)

MAX_ENTRY_BYTES = 4_000_000
"""Longest `logits` that is taken: half an hour of frames. A longer one is a mistake, or an attack."""

SEPARATOR = ";"
"""Between the values of `scoring`, so that no word may hold it."""


@dataclass(frozen=True)
class LmStreams:
    """Keys of one session of the language-model server; several share a Redis under several prefixes.

    Args:
        prefix: of all keys; the reference's clients have none.
        input_stream: name of the stream of logits.
        partial_output_stream: name of the stream of partial sentences.
        final_output_stream: name of the stream of finished utterances.
    """

    prefix: str = ""
    input_stream: str = "remote_lm_input"
    partial_output_stream: str = "remote_lm_output_partial"
    final_output_stream: str = "remote_lm_output_final"

    def request(self, kind: Kind) -> str:
        """Stream of one kind of request."""
        names = {
            "reset": "remote_lm_reset",
            "update": "remote_lm_update_params",
            "input": self.input_stream,
            "finalize": "remote_lm_finalize",
        }
        return self.prefix + names[kind]

    def answer(self, kind: Kind) -> str:
        """Stream that says that a request was done; for input, that of the partial sentences."""
        names = {
            "reset": "remote_lm_done_resetting",
            "update": "remote_lm_done_updating_params",
            "input": self.partial_output_stream,
            "finalize": "remote_lm_done_finalizing",
        }
        return self.prefix + names[kind]

    @property
    def final(self) -> str:
        """Stream of finished utterances."""
        return self.prefix + self.final_output_stream

    @property
    def args(self) -> str:
        """Stream of the settings in force, the last entry being the newest."""
        return f"{self.prefix}remote_lm_args"

    @property
    def context(self) -> str:
        """String: what was said before, for the large language model."""
        return f"{self.prefix}contextual_decoding_current_context"

    @property
    def state(self) -> str:
        """Hash of the server's: what it has answered, so that another can go on."""
        return f"{self.prefix}remote_lm_session"

    @property
    def all(self) -> list[str]:
        """Every key of the session."""
        kinds: tuple[Kind, ...] = ("reset", "update", "input", "finalize")
        streams = [key for kind in kinds for key in (self.request(kind), self.answer(kind))]
        return [*streams, self.final, self.args, self.context, self.state]


def read_logits(fields: Received) -> npt.NDArray[np.float32]:
    """The logits (frames, 41) of an entry of the input stream.

    Raises:
        DataError: there are none, or they are no whole frames; the message says what is wrong, not where.
    """
    raw = fields.get(b"logits")
    if raw is None:
        raise DataError("the entry has no 'logits'")
    if not raw:
        raise DataError("the entry has no frames")
    if len(raw) > MAX_ENTRY_BYTES:
        raise DataError(f"{len(raw)} bytes of logits in one entry, at most {MAX_ENTRY_BYTES} are taken")
    if len(raw) % (4 * N_CLASSES):
        raise DataError(f"{len(raw)} bytes are no whole frames of {N_CLASSES} float32 logits")
    return np.frombuffer(raw, dtype="<f4").reshape(-1, N_CLASSES)


def write_logits(logits: npt.NDArray[Any]) -> bytes:
    """Logits (frames, 41), in the language model's order of classes, as the input stream holds them."""
    return np.ascontiguousarray(logits, dtype="<f4").tobytes()


def to_final(hypotheses: Sequence[Hypothesis], context: str) -> Fields:
    """A finished utterance as an entry of the final stream.

    Beside the reference's fields, `confidence` is the best sentence's share of the probability that the totals of all
    give, and `hypotheses` the whole list as JSON. The n-gram score in `scoring` holds the lexicon's and the bonuses,
    as a graph's does.

    Args:
        hypotheses: in the order of preference.
        context: that the large language model was given.
    """
    found = [each for each in hypotheses if math.isfinite(each.total)]
    return {
        "lm_response_final": found[0].text if found else "",
        "scoring": SEPARATOR.join(value for each in found for value in _scored(each)),
        "context_str": context,
        "confidence": repr(_share_of_first([each.total for each in found])),
        "hypotheses": json.dumps([_described(each) for each in hypotheses]),
    }


def from_final(fields: Received) -> list[Hypothesis]:
    """The sentences of an entry of the final stream, of this server or of the reference's, best first.

    The reference's list is sorted by totals, and the best of equal sentences kept, as its own client does. Its n-gram
    scores hold all that is neither acoustic nor a large language model's.

    Raises:
        DataError: the entry is not what either server writes.
    """
    try:
        if b"hypotheses" in fields:
            return [_hypothesis(each) for each in json.loads(fields[b"hypotheses"])] or [_nothing()]
        values = fields.get(b"scoring", b"").decode().split(SEPARATOR)
        scored = [
            Hypothesis(tuple(sentence.split()), *_numbers(acoustic, ngram, total), llm=float(llm))
            for sentence, acoustic, ngram, llm, total in zip(*(values[place::5] for place in range(5)), strict=False)
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError("the final answer is not in the language-model server's format") from None
    best: dict[tuple[str, ...], Hypothesis] = {}
    for each in sorted(scored, key=lambda one: one.total, reverse=True):
        best.setdefault(each.words, each)
    return list(best.values()) or [_nothing()]


def later(one: str, other: str) -> bool:
    """Whether one ID of a stream is behind another of the same stream."""
    return parts_of(one) > parts_of(other)


def is_id(text: str) -> bool:
    """Whether Redis takes this as an ID."""
    parts = re.fullmatch(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", text)
    return parts is not None and all(int(part or 0) < 2**64 for part in parts.groups())


def parts_of(entry_id: str) -> tuple[int, int]:
    """Milliseconds and number of an ID."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def _scored(hypothesis: Hypothesis) -> tuple[str, ...]:
    ngram = hypothesis.ngram + hypothesis.lexicon + hypothesis.bonus
    scores = (hypothesis.acoustic, ngram, hypothesis.llm or 0.0, hypothesis.total)
    return hypothesis.text, *map(repr, map(float, scores))


def _share_of_first(totals: Sequence[float]) -> float:
    if not totals:
        return 0.0
    highest = max(totals)
    shares = [math.exp(total - highest) for total in totals]
    return shares[0] / sum(shares)


def _described(hypothesis: Hypothesis) -> dict[str, Any]:
    # JSON has no infinity; only an utterance without any sentence has one.
    return {**asdict(hypothesis), "total": hypothesis.total if math.isfinite(hypothesis.total) else None}


def _numbers(acoustic: str, ngram: str, total: str) -> tuple[float, float, float, float, float]:
    return float(acoustic), float(ngram), 0.0, 0.0, float(total)


def _hypothesis(said: dict[str, Any]) -> Hypothesis:
    made = Hypothesis(**said)
    return replace(
        made,
        words=tuple(made.words),
        times=tuple((start, end) for start, end in made.times),
        confidence=tuple(made.confidence),
        total=-math.inf if said["total"] is None else float(said["total"]),
    )


def _nothing() -> Hypothesis:
    return Hypothesis((), 0.0, 0.0, 0.0, 0.0, -math.inf)
