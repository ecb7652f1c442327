"""What waits to be sent to one browser: little, however slowly it reads, and never without a sentence."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Payload = str | bytes

LATEST = ("status", "partial")
"""Kinds of which only the last matters."""
DISPLAY = ("features", "phonemes")
"""Kinds of which a slow browser loses the oldest."""
MAX_WAITING = 256
MAX_DISPLAY_WAITING = 20


@dataclass(frozen=True)
class Outgoing:
    """A message as it is sent, made once for all browsers.

    Args:
        kind: one of `LATEST` or `DISPLAY`; any other kind is never lost.
        payload: text or binary WebSocket message.
    """

    kind: str
    payload: Payload


class Outbox:
    """Queue of one browser, of bounded length.

    When a browser lags by more than `MAX_WAITING` messages that may not be lost, they are replaced by a snapshot of
    everything, made when it reads again.

    Args:
        snapshot: makes it.
    """

    def __init__(self, snapshot: Callable[[], str]) -> None:
        self._snapshot = snapshot
        self._snapshot_due = True
        self._kept: deque[Payload] = deque()
        self._latest: dict[str, Payload] = {}
        self._display = {kind: deque[Payload](maxlen=MAX_DISPLAY_WAITING) for kind in DISPLAY}
        self._any = asyncio.Event()
        self._any.set()

    def __len__(self) -> int:
        return len(self._kept) + len(self._latest) + sum(map(len, self._display.values())) + self._snapshot_due

    def put(self, message: Outgoing) -> None:
        """Add a message; never waits."""
        if message.kind in LATEST:
            self._latest[message.kind] = message.payload
        elif message.kind in DISPLAY:
            self._display[message.kind].append(message.payload)
        elif not self._snapshot_due:
            self._keep(message)
        self._any.set()

    async def next(self) -> Payload:
        """The next message, as soon as there is one: what may not be lost first."""
        while True:
            await self._any.wait()
            payload = self._take()
            if payload is not None:
                return payload
            self._any.clear()

    def _keep(self, message: Outgoing) -> None:
        if message.kind == "sentence":
            # What waits was said before the sentence ended, and would be shown after it.
            self._latest.pop("partial", None)
        self._kept.append(message.payload)
        if len(self._kept) > MAX_WAITING:
            self._begin_again()

    def _begin_again(self) -> None:
        self._kept.clear()
        self._latest.clear()
        self._snapshot_due = True

    def _take(self) -> Payload | None:
        if self._snapshot_due:
            self._begin_again()
            self._snapshot_due = False
            return self._snapshot()
        if self._kept:
            return self._kept.popleft()
        for kind in LATEST:
            if kind in self._latest:
                return self._latest.pop(kind)
        return next((each.popleft() for each in self._display.values() if each), None)
