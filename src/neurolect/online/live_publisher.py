"""What a live decoder publishes, written exactly once, and what nobody needs any more, taken away."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurolect.errors import ConfigError
from neurolect.online.live_answers import UNREADABLE, Partial, PhonemeFrames, Problem, Sentence
from neurolect.online.live_state import BEGINNING, LiveState
from neurolect.online.live_streams import RECORDER, Fields, LiveStreams
from neurolect.online.lost_connections import until_done
from neurolect.online.utterance_keeper import Output

if TYPE_CHECKING:
    from redis import Redis

_LONGEST = {PhonemeFrames: 5_000, Partial: 5_000, Problem: 1_000}
_SENTENCES = 10_000
_CLOCK_MS = 1000


class LivePublisher:
    """Writes outputs and the state to go on from, in transactions of which each is done once, whatever dies.

    From when it is made, no publisher that was made before it under the same keys writes any more.

    Args:
        client: of the server.
        streams: the decoder's keys.
        say: is told that the server is waited for.
    """

    def __init__(self, client: Redis, streams: LiveStreams, say: Callable[[str], None]) -> None:
        self._client = client
        self._streams = streams
        self._say = say
        self._name = secrets.token_hex(8)
        self._batches = 0
        self._layers_written: object = None
        self._clock = 0.0
        self._clock_read = -math.inf
        stored: Any = until_done(self._take_over, say)
        self.state = LiveState.from_fields(stored)
        self._published = int(stored.get(b"published", 0))

    def publish(self, outputs: Sequence[Output], entry: str, state: LiveState | None = None) -> list[Output]:
        """Write outputs, as far as they were not written before, and the state that comes with them.

        Args:
            outputs: in their order; their latencies are found here.
            entry: of the input stream, whose arrival they are an answer to.
            state: to go on from once they are written; None leaves the one that is there.

        Returns:
            What was written.

        Raises:
            ConfigError: another publisher has taken over, and nothing was written.
        """
        unheard = [each for each in outputs if not isinstance(each, Sentence) or each.utterance > self._published]
        if not unheard and state is None:
            return []
        now = self.milliseconds()
        timed = [_timed(each, entry, now) for each in unheard]
        self._batches += 1
        fields: Fields = {"batch": f"{self._name}:{self._batches}"}
        if state is not None:
            fields |= state.to_fields()
            if state.layers is self._layers_written:
                del fields["layers"]
        numbers = [each.utterance for each in timed if isinstance(each, Sentence)]
        if numbers:
            self._published = max(numbers)
            fields["published"] = self._published
        until_done(lambda: self._write(timed, fields), self._say)
        if state is not None:
            self._layers_written = state.layers
        return timed

    def trim(self, state: LiveState) -> None:
        """Take from the streams what neither this decoder, should it begin again, nor the recorder needs."""
        until_done(lambda: self._trim(state), self._say)

    def _take_over(self) -> Any:
        transaction = self._client.pipeline(transaction=True)
        transaction.hset(self._streams.state, "batch", f"{self._name}:0")
        transaction.hgetall(self._streams.state)
        return transaction.execute()[-1]

    def _write(self, outputs: Sequence[Output], fields: Fields) -> None:
        from redis.exceptions import WatchError

        state, batch = self._streams.state, str(fields["batch"]).encode()
        while True:
            with self._client.pipeline(transaction=True) as transaction, suppress(WatchError):
                transaction.watch(state)  # type: ignore[no-untyped-call]
                last: Any = transaction.hget(state, "batch")
                # After a lost connection nobody else knows whether the server had done it.
                if last == batch:
                    return
                # None: the server has forgotten everything.
                if last is not None and not last.startswith(f"{self._name}:".encode()):
                    raise ConfigError(f"another decoder has taken over {self._streams.prefix}")
                transaction.multi()
                for each in outputs:
                    stream, longest = self._stream_of(each), _LONGEST.get(type(each))
                    transaction.xadd(stream, each.to_fields(), maxlen=longest, approximate=True)  # type: ignore[arg-type]
                transaction.hset(state, mapping=fields)  # type: ignore[arg-type]
                transaction.execute()
                return

    def _stream_of(self, output: Output) -> str:
        streams = self._streams
        kinds = {PhonemeFrames: streams.phonemes, Partial: streams.partials, Sentence: streams.sentences}
        return kinds.get(type(output), streams.problems)

    def milliseconds(self) -> float:
        """The server's clock, since 1970; it is looked at once a second, and followed by our own in between."""
        now = 1000 * time.monotonic()
        if now > self._clock_read + _CLOCK_MS:
            seconds, microseconds = until_done(self._client.time, self._say)
            self._clock_read, self._clock = now, 1000 * seconds + microseconds / 1000
        return self._clock + now - self._clock_read

    def _trim(self, state: LiveState) -> None:
        unrecorded = _first_unrecorded(self._client, self._streams)
        unneeded = [_after(state.position)] + ([] if unrecorded is None else [unrecorded])
        self._client.xtrim(self._streams.input, minid="{}-{}".format(*min(unneeded)), approximate=False)
        if unrecorded is None:
            self._client.xtrim(self._streams.sentences, maxlen=_SENTENCES, approximate=True)


def milliseconds_of(entry: str) -> float:
    """When an entry arrived, by the server's clock."""
    return float(_numbers(entry)[0])


def is_after(entry: str, other: str) -> bool:
    """Whether an entry came after another of the same stream."""
    return _numbers(entry) > _numbers(other)


def _timed(output: Output, entry: str, now: float) -> Output:
    if isinstance(output, Partial):
        return replace(output, latency_ms=_since(output.input, now))
    if isinstance(output, Sentence):
        heard = output.last_input if output.ended_by in ("silence", "length") else entry
        return replace(output, latency_ms=_since(heard, now))
    return output


def _since(entry: str, now: float) -> float:
    # The server's clock may have been set back since.
    return round(max(0.0, now - milliseconds_of(entry)), 3)


def _first_unrecorded(client: Redis, streams: LiveStreams) -> tuple[int, int] | None:
    """First entry of the first sentence that the recorder has not acknowledged; None too where there is no recorder."""
    if not client.exists(streams.sentences):
        return None
    groups: Any = client.xinfo_groups(streams.sentences)
    for group in groups:
        if group["name"] == RECORDER.encode():
            pending: Any = client.xpending(streams.sentences, RECORDER)
            since = pending["min"] if pending["pending"] else b"(" + group["last-delivered-id"]
            found: Any = client.xrange(streams.sentences, min=since, count=1)
            try:
                return _numbers(Sentence.from_fields(found[0][1]).first_input) if found else None
            except UNREADABLE:
                # A stranger wrote it; until the recorder has passed over it, everything stays.
                return _numbers(BEGINNING)
    return None


def _numbers(entry: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry.partition("-")
    return int(milliseconds), int(sequence or 0)


def _after(entry: str) -> tuple[int, int]:
    milliseconds, sequence = _numbers(entry)
    return milliseconds, sequence + 1
