"""What all browsers are shown, and the way from the one reader of Redis to each of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from neurolect.online.monitor.messages import Message
from neurolect.online.monitor.outbox import Outbox, Outgoing

MAX_SENTENCES = 200
MAX_PROBLEMS = 100
MAX_BROWSERS = 64


class Hub:
    """State that a browser is shown when it joins, and the outboxes of those that are there; lives in one event loop.

    Args:
        exports: whether recordings can be exported.
    """

    def __init__(self, exports: bool = False) -> None:
        self.exports = exports
        self.sentences: dict[int, Message] = {}
        self._problems: dict[str, Message] = {}
        self._redis: Message = {"type": "redis", "connected": False, "text": "not yet reached"}
        self._status: Message | None = None
        self._status_came = 0.0
        self._partial: Message | None = None
        self._outboxes: set[Outbox] = set()

    @property
    def is_full(self) -> bool:
        """Whether one more browser would be too many."""
        return len(self._outboxes) >= MAX_BROWSERS

    @contextmanager
    def joined(self) -> Iterator[Outbox]:
        """An outbox that begins with a snapshot and is filled until the end of `with`."""
        outbox = Outbox(self.snapshot)
        self._outboxes.add(outbox)
        try:
            yield outbox
        finally:
            self._outboxes.discard(outbox)

    def snapshot(self) -> str:
        """Everything but the heat maps, as JSON."""
        return _json(
            {
                "type": "snapshot",
                "exports": self.exports,
                "redis": self._redis,
                "status": self._status,
                "status_age": time.monotonic() - self._status_came,
                "partial": self._partial,
                "sentences": list(self.sentences.values()),
                "problems": list(self._problems.values()),
            }
        )

    def take(self, messages: Iterable[Message | Outgoing]) -> None:
        """Remember and pass on what the reader has read: messages, and heat maps as they are sent."""
        for message in messages:
            if isinstance(message, Outgoing):
                self._send(message)
            elif message["type"] == "all":
                self._begin(message)
            elif self._remember(message):
                self._send(Outgoing(message["type"], _json(message)))

    def _begin(self, message: Message) -> None:
        """Take what a Redis that was just reached holds in place of what was known."""
        self.sentences.clear()
        self._problems.clear()
        self._partial = None
        self._redis = {"type": "redis", "connected": True, "text": ""}
        for each in message["messages"]:
            self._remember(each)
        self._send(Outgoing("snapshot", self.snapshot()))

    def _remember(self, message: Message) -> bool:
        """Returns whether it says something new."""
        kind = message["type"]
        if kind == "redis":
            known, self._redis = self._redis, message
            return known != message
        if kind == "status":
            self._status, self._status_came = message, time.monotonic()
        elif kind == "partial":
            if message["utterance"] == next(reversed(self.sentences), None):
                return False
            self._partial = message
        elif kind == "sentence":
            self._partial = None
            _add(self.sentences, message["utterance"], message, MAX_SENTENCES)
        elif kind == "correction":
            if message["utterance"] not in self.sentences:
                return False
            self.sentences[message["utterance"]]["correction"] = message["text"]
        elif kind == "problem":
            if self._problems.get(message["id"]) == message:
                return False
            _add(self._problems, message["id"], message, MAX_PROBLEMS)
        return True

    def _send(self, message: Outgoing) -> None:
        for outbox in self._outboxes:
            outbox.put(message)


def _add(known: dict[Any, Message], key: Any, message: Message, most: int) -> None:
    known.pop(key, None)
    known[key] = message
    while len(known) > most:
        del known[next(iter(known))]


def _json(message: Message) -> str:
    return json.dumps(message, allow_nan=False, separators=(",", ":"))
