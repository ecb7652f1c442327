"""The one reader of Redis: looks twenty times a second at what is new and says it to the hub."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from neurolect.errors import DataError, in_a_line
from neurolect.online.live_answers import PhonemeFrames
from neurolect.online.live_input import Bins, read_input
from neurolect.online.live_streams import LiveStreams, Received
from neurolect.online.monitor import messages
from neurolect.online.monitor.display_frames import FeatureScale, phoneme_messages
from neurolect.online.monitor.hub import MAX_PROBLEMS, MAX_SENTENCES
from neurolect.online.monitor.messages import Message
from neurolect.online.monitor.outbox import Outgoing

if TYPE_CHECKING:
    from redis import Redis

Entries = list[tuple[bytes, Received]]
Said = list[Message | Outgoing]

_EVERY_SECONDS = 0.05
_RETRY_SECONDS = 0.5
_NEWEST = {"input": 40, "phonemes": 100, "partials": 1}
"""Streams of which only the newest entries are read: what a heat map has no time to show is left out."""
_ALL = {"sentences": messages.sentence, "corrections": messages.correction, "problems": messages.problem}
"""Streams of which every entry is read."""
_REMEMBERED = {"sentences": MAX_SENTENCES, "corrections": 10 * MAX_SENTENCES, "problems": MAX_PROBLEMS}
_READ_AT_ONCE = 200
_NOTHING_THERE = ("WRONGTYPE", "invalid start ID")
"""How Redis's answer begins where a key is of another type, or its last entry has the last ID there is."""
_MAX_FEATURES = 65_536
_MAX_CLASSES = 4_096


class Feed:
    """Reads until it is told to stop, whatever stands in the streams and whether or not the server is there.

    Args:
        client: of the server.
        streams: what is read.
        say: is given what is new.
    """

    def __init__(self, client: Redis, streams: LiveStreams, say: Callable[[Said], None]) -> None:
        self._client, self._streams, self._say = client, streams, say
        self._last: dict[str, bytes] = {}
        self._status: bytes | None = None
        self._scale = FeatureScale(0)

    def run(self, stop: threading.Event) -> None:
        """Look, say, wait; after a lost connection everything is read again, so that nothing is missed."""
        from redis.exceptions import RedisError

        reached = False
        while not stop.is_set():
            try:
                said = self.news() if reached else self.everything()
                reached = True
            except RedisError as error:
                said = [{"type": "redis", "connected": False, "text": in_a_line(error)}]
                reached = False
            if said:
                self._say(said)
            stop.wait(_EVERY_SECONDS if reached else _RETRY_SECONDS)

    def everything(self) -> Said:
        """What a page needs that knows nothing.

        Raises:
            RedisError: the server is away.
        """
        self._last.clear()
        self._status = None
        pipeline = self._client.pipeline(transaction=False)
        for name, count in _REMEMBERED.items():
            pipeline.xrevrange(self._key(name), count=count)
        known: Said = []
        for name, reply in zip(_REMEMBERED, _replies(pipeline), strict=True):
            known += self._read(name, (reply or [])[::-1])
        return [{"type": "all", "messages": known}, *self.news()]

    def news(self) -> Said:
        """What has come since this was last asked.

        Raises:
            RedisError: the server is away.
        """
        pipeline = self._client.pipeline(transaction=False)
        pipeline.get(self._streams.status)
        for name, count in _NEWEST.items():
            pipeline.xrevrange(self._key(name), min=_after(self._last.get(name)), count=count)
        for name in _ALL:
            pipeline.xrange(self._key(name), min=_after(self._last.get(name)), count=_READ_AT_ONCE)
        status, *replies = _replies(pipeline)
        said = self._read_status(status)
        for name, reply in zip((*_NEWEST, *_ALL), replies, strict=True):
            said += self._read(name, (reply or [])[:: -1 if name in _NEWEST else 1])
        return said

    def _key(self, name: str) -> str:
        return str(getattr(self._streams, name))

    def _read(self, name: str, entries: Entries) -> Said:
        if not entries:
            return []
        self._last[name] = entries[-1][0]
        if name == "input":
            return self._features(entries)
        if name == "phonemes":
            return self._phonemes(entries)
        read = messages.partial if name == "partials" else _ALL[name]
        said: Said = []
        for entry, fields in entries:
            place = f"{self._key(name)} {entry.decode()}"
            try:
                said.append(read(entry.decode(), fields))
            except DataError as error:
                said.append(_problem(place, f"{place}: {error}"))
        return said

    def _read_status(self, raw: bytes | None) -> Said:
        if raw is None or raw == self._status:
            return []
        self._status = raw
        try:
            said = messages.status(raw)
        except DataError as error:
            return [_problem(self._streams.status, f"{self._streams.status}: {error}")]
        n_features = said["n_features"]
        if isinstance(n_features, int) and 0 < n_features <= _MAX_FEATURES and n_features != self._scale.n_features:
            self._scale = FeatureScale(n_features)
        return [said]

    def _features(self, entries: Entries) -> Said:
        if not self._scale.n_features:
            return []
        bins = []
        for _, fields in entries:
            try:
                said = read_input(fields, self._scale.n_features)
            except DataError:
                # The decoder says what is wrong with it.
                continue
            if isinstance(said, Bins):
                bins.append(said.features)
        return [Outgoing("features", self._scale.message(np.concatenate(bins)))] if bins else []

    def _phonemes(self, entries: Entries) -> Said:
        frames: list[PhonemeFrames] = []
        problems: Said = []
        for entry, fields in entries:
            place = f"{self._streams.phonemes} {entry.decode()}"
            try:
                each = PhonemeFrames.from_fields(fields)
            except (KeyError, ValueError, OverflowError):
                problems.append(_problem(place, f"{place}: these are no phoneme probabilities"))
                continue
            n_frames, n_classes = each.probabilities.shape
            counts = (each.utterance, each.first_frame, each.first_frame + n_frames)
            if 0 < n_classes <= _MAX_CLASSES and n_frames and all(0 <= count < 2**32 for count in counts):
                frames.append(each)
        return problems + [Outgoing("phonemes", each) for each in phoneme_messages(frames)]


def _replies(pipeline: Any) -> list[Any]:
    """Of one round trip; None where a key is no stream, or no string."""
    from redis.exceptions import ResponseError

    replies: list[Any] = pipeline.execute(raise_on_error=False)
    for number, reply in enumerate(replies):
        if isinstance(reply, ResponseError) and str(reply).startswith(_NOTHING_THERE):
            replies[number] = None
        elif isinstance(reply, Exception):
            raise reply
    return replies


def _after(entry: bytes | None) -> str:
    """The beginning of a range that goes on behind an entry; None is from the first."""
    return "-" if entry is None else f"({entry.decode()}"


def _problem(place: str, text: str) -> Message:
    return {"type": "problem", "id": place, "part": "monitor", "text": text}
