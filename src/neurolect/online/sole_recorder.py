"""Sees that a live decoder has one recorder: two would each get some of its utterances."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from neurolect.errors import ConfigError
from neurolect.online.live_streams import LiveStreams
from neurolect.online.lost_connections import until_done

if TYPE_CHECKING:
    from redis import Redis

_EVERY_SECONDS = 0.5
_FORGOTTEN_SECONDS = 2.0


@contextmanager
def sole_recorder(client: Redis, streams: LiveStreams, say: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Be the recorder of a prefix, to the end of the `with`; one that was killed is forgotten after two seconds.

    Args:
        client: of the server where the decoder is.
        streams: its keys.
        say: is told that the server is waited for.

    Raises:
        ConfigError: another records.
    """
    me, ended = secrets.token_hex(8), Event()
    deadline = time.monotonic() + _FORGOTTEN_SECONDS + _EVERY_SECONDS
    expiry = round(1000 * _FORGOTTEN_SECONDS)

    def begin() -> bool:
        # A first try may have been answered by a connection that was lost.
        return bool(client.set(streams.recorder, me, nx=True, px=expiry)) or _holder(client, streams) == me

    while not until_done(begin, say):
        if time.monotonic() > deadline:
            raise ConfigError(f"another recorder keeps the utterances of {streams.prefix}; a decoder needs just one")
        time.sleep(0.05)

    def renew() -> None:
        from redis.exceptions import RedisError

        while not ended.wait(_EVERY_SECONDS):
            with suppress(RedisError):  # the recorder itself waits for the server, and says so
                if _holder(client, streams) in (None, me):
                    client.set(streams.recorder, me, px=expiry)
        with suppress(RedisError):
            if _holder(client, streams) == me:
                client.delete(streams.recorder)

    thread = Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _holder(client: Redis, streams: LiveStreams) -> str | None:
    value = client.get(streams.recorder)
    return value.decode(errors="replace") if isinstance(value, bytes) else None
