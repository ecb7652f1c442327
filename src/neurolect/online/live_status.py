"""What a live decoder is and how it fares, told every second."""

from __future__ import annotations

import json
import secrets
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from neurolect.errors import ConfigError
from neurolect.online.live_streams import LiveStreams

if TYPE_CHECKING:
    from redis import Redis

_EVERY_SECONDS = 1.0
_MOST_COUNTED = 1000
_LATENCIES = 1000


class LiveStatus:
    """Renews the status from `with` to the end of it, from a thread of its own, while words are searched or rescored.

    Args:
        client: of the server.
        streams: the decoder's keys.
        facts: what does not change.

    Raises:
        ConfigError: another decoder renews it.
    """

    def __init__(self, client: Redis, streams: LiveStreams, facts: Mapping[str, Any]) -> None:
        self._client = client
        self._streams = streams
        self._facts = {**facts, "server": secrets.token_hex(8)}
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._ended = Event()
        self._thread = Thread(target=self._renew, daemon=True)
        self.position = "0-0"
        self.changing: dict[str, Any] = {}
        _refuse_another(client, streams)

    def __enter__(self) -> LiveStatus:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def answered(self, latency_ms: float) -> None:
        """Count the time of one answer."""
        self._latencies.append(latency_ms)

    def _renew(self) -> None:
        from redis.exceptions import RedisError

        while True:
            ended = self._ended.is_set()
            with suppress(RedisError):  # the decoder itself waits for the server, and says so
                self._client.set(self._streams.status, json.dumps(self._told(ended)))
            if ended:
                return
            self._ended.wait(_EVERY_SECONDS)

    def _told(self, ended: bool) -> dict[str, Any]:
        seconds, microseconds = self._client.time()
        latencies = np.array(self._latencies or [0.0])
        quantiles = {"p50": np.quantile(latencies, 0.5), "p99": np.quantile(latencies, 0.99), "max": latencies.max()}
        return {
            **self._facts,
            **self.changing,
            "queue": self._queue(),
            "latency_ms": {name: round(float(value), 3) for name, value in quantiles.items()},
            "time": seconds + microseconds / 1e6,
            "ended": ended,
        }

    def _queue(self) -> int:
        """Entries that wait, as far as they are worth counting."""
        waiting, after = 0, self.position
        while waiting < _MOST_COUNTED:
            page: Any = self._client.xrange(self._streams.input, min=f"({after}", count=100)
            if not page:
                break
            waiting, after = waiting + len(page), page[-1][0].decode()
        return waiting


def read_status(client: Redis, streams: LiveStreams) -> dict[str, Any] | None:
    """The last status that was told, or None."""
    told: Any = client.get(streams.status)
    try:
        status = json.loads(told or "null")
    except (ValueError, RecursionError):
        return None
    return status if isinstance(status, dict) else None


def _refuse_another(client: Redis, streams: LiveStreams) -> None:
    """See that no other decoder is alive: one that was killed has left a status that is not renewed."""
    first = read_status(client, streams)
    deadline = time.monotonic() + 2.5 * _EVERY_SECONDS
    while first is not None and not first.get("ended"):
        now, _ = client.time()
        told = first.get("time")
        is_old = not isinstance(told, int | float) or now - told > 2.5 * _EVERY_SECONDS
        if is_old or time.monotonic() > deadline:
            return
        status = read_status(client, streams) or {}
        if status.get("ended"):
            return
        if status.get("time") != told:
            raise ConfigError(f"another decoder ({status.get('run')}) serves {streams.prefix}; use another prefix")
        time.sleep(0.05)
