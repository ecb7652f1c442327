"""A live decoder between the streams of a Redis server."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neurolect.errors import DataError
from neurolect.online.live_answers import Partial, Problem, Sentence
from neurolect.online.live_decoder import LiveDecoder
from neurolect.online.live_input import Bins, Event, read_input
from neurolect.online.live_publisher import LivePublisher, is_after, milliseconds_of
from neurolect.online.live_status import LiveStatus
from neurolect.online.live_streams import LiveStreams, Received
from neurolect.online.lost_connections import until_done
from neurolect.online.utterance_keeper import Output

if TYPE_CHECKING:
    from redis import Redis

_AT_A_TIME = 64
"""Entries that are read at once."""

_STATE_SECONDS = 1.0
"""While nobody speaks, the state is written so often."""


class LiveServer:
    """Reads, decodes and publishes, until it is told to stop; what it had not finished is read again when it begins.

    Args:
        client: of the server.
        streams: the decoder's keys.
        decoder: goes on from the publisher's state.
        publisher: of the same streams.
        status: is kept up to date.
        say: is told of problems, and of sentences.
        behind_seconds: a lag of so much is said aloud, and what waits is then taken together.
    """

    def __init__(
        self,
        client: Redis,
        streams: LiveStreams,
        decoder: LiveDecoder,
        publisher: LivePublisher,
        status: LiveStatus,
        say: Callable[[str], None],
        behind_seconds: float = 1.0,
    ) -> None:
        self._client = client
        self._streams = streams
        self._decoder = decoder
        self._publisher = publisher
        self._status = status
        self._say = say
        self._behind_ms = 1000 * behind_seconds
        self._behind = False
        self._lag_ms = 0.0
        self._position = decoder.state.position
        last: Any = until_done(lambda: client.xrevrange(streams.input, count=1), say)
        self._before = last[0][0].decode() if last else self._position
        # A lag up to this is of the start: of what came before, any.
        self._excused_ms = math.inf if is_after(self._before, self._position) else 0.0
        self._told_before = False
        self._written = self._kept = decoder.state
        self._learned = decoder.learned
        self._kept_at = -math.inf
        self._bins = self._problems = 0
        self._tell_status()

    def run(self, stopped: Callable[[], bool] = lambda: False, block_ms: int = 200) -> None:
        """Serve until `stopped` says so, which is asked at least every `block_ms`."""
        while not stopped():
            self.step(block_ms)

    def step(self, block_ms: int = 0) -> int:
        """Take what has come, or what comes first within so many milliseconds; gives how many entries that were."""
        read: Any = until_done(
            lambda: self._client.xread({self._streams.input: self._position}, _AT_A_TIME, block_ms or None), self._say
        )
        entries = [(entry.decode(), fields) for entry, fields in read[0][1]] if read else []
        lag_ms = self._publisher.milliseconds() - milliseconds_of(entries[0][0]) if entries else 0.0
        self._follow(max(0.0, lag_ms), bool(entries) and not is_after(entries[0][0], self._before))
        bins: list[tuple[str, Bins]] = []
        for entry, fields in entries:
            message = self._read(fields)
            if isinstance(message, Bins):
                bins.append((entry, message))
            if bins and not (isinstance(message, Bins) and (self._behind or self._catches_up)):
                self._take(bins)
                bins = []
            if isinstance(message, Event):
                self._publish(self._decoder.tell(entry, message), entry)
            elif isinstance(message, DataError):
                self._publish(self._decoder.refuse(entry, message), entry)
        if bins:
            self._take(bins)
        self._keep_state()
        return len(entries)

    def announce(self, outputs: list[Output]) -> None:
        """Publish what no entry is the cause of."""
        self._publish(outputs, self._position)

    def _read(self, fields: Received) -> Bins | Event | DataError:
        try:
            return read_input(fields, self._decoder.tools.encoder.n_features)
        except DataError as error:
            return error

    def _take(self, bins: list[tuple[str, Bins]]) -> None:
        self._bins += sum(len(each.features) for _, each in bins)
        self._publish(self._decoder.push(bins), bins[-1][0])

    def _publish(self, outputs: list[Output], entry: str) -> None:
        self._position = entry
        state = None
        if any(isinstance(each, Sentence) for each in outputs):
            self._written = state = self._decoder.state
        published = self._publisher.publish(outputs, entry, state)
        for output in published:
            if isinstance(output, Partial) and not self._excused_ms:
                self._status.answered(output.latency_ms)
            elif isinstance(output, Problem):
                self._problems += 1
                self._say(f"problem: {_in_a_line(output.text)}")
            elif isinstance(output, Sentence):
                self._say(f"{output.utterance}: {output.text}")
        self._tell_status()
        # After the sentence is out: it may take a while.
        self._decoder.settle()
        if self._decoder.learned is not self._learned:
            self._tell_learning()

    def _keep_state(self) -> None:
        """Write the state where it has moved on without a sentence, and take away what lies before it."""
        state = self._decoder.state
        if state.utterances > self._written.utterances:
            # It has learned from the last sentence.
            self._publisher.publish([], self._position, state)
            self._written = state
        # Our own clock, since the server's may be set back.
        now = time.monotonic()
        if now < self._kept_at + _STATE_SECONDS or state.position == self._kept.position:
            return
        if state.position != self._written.position:
            self._publisher.publish([], self._position, state)
            self._written = state
        self._publisher.trim(state)
        self._kept, self._kept_at = state, now

    @property
    def _catches_up(self) -> bool:
        """With what came before the server began, which is no falling behind."""
        return self._excused_ms > 0 and self._told_before

    def _follow(self, lag_ms: float, came_before: bool) -> None:
        if came_before:
            if lag_ms > self._behind_ms and not self._told_before:
                self._told_before = True
                self._say("reading again what came before")
        elif lag_ms < self._behind_ms / 2:
            self._excused_ms = 0.0
        else:
            # What came while it caught up waited for that; a lag that grows from there on is one of its own.
            self._excused_ms = min(self._excused_ms, lag_ms + self._behind_ms) if self._excused_ms else 0.0
        self._lag_ms = 0.0 if lag_ms < self._excused_ms else lag_ms
        if lag_ms > max(self._behind_ms, self._excused_ms) and not self._behind:
            self._behind = True
            self._excused_ms = 0.0
            said = f"the decoder is {lag_ms / 1000:.1f} s behind; it drops nothing and takes what waits together"
            self.announce([Problem(said, "", "decoder")])
        elif self._behind and lag_ms < self._behind_ms / 2:
            self._behind = False
            self._say("the decoder has caught up")
        self._tell_status()

    def _tell_learning(self) -> None:
        before, self._learned = self._learned, self._decoder.learned
        for session, count in self._learned.items():
            if count != before.get(session):
                sentences = "1 sentence" if count == 1 else f"{count} sentences"
                self._say(f"session {session}: its day layer has learned from {sentences}")
        self._tell_status()

    def _tell_status(self) -> None:
        decoder, open_ = self._decoder, self._decoder.utterance
        utterances = decoder.state.utterances
        self._status.position = self._position
        self._status.changing = {
            "session": decoder.session,
            "utterance": utterances if open_ is None else open_.number,
            "in_utterance": open_ is not None and (open_.listener is None or open_.listener.begun),
            "sentences": utterances,
            "lag_ms": round(self._lag_ms, 3),
            "behind": self._behind,
            "bins": self._bins,
            "adapted": decoder.learned.get(decoder.session, 0),
            "problems": self._problems,
        }


def _in_a_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
