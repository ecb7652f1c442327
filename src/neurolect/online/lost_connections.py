"""What to do when the Redis server does not answer: wait, say so once, and try again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from neurolect.errors import ConfigError
from neurolect.online.redis_server import NEEDS_EXTRA

_Result = TypeVar("_Result")


def passing() -> tuple[type[Exception], ...]:
    """Errors of a server that is away, starts, is full or cannot write, which may answer later.

    Raises:
        ConfigError: the package `redis` is not installed.
    """
    try:
        from redis.exceptions import ConnectionError, ResponseError, TimeoutError
    except ImportError:
        raise ConfigError(NEEDS_EXTRA) from None
    return ConnectionError, TimeoutError, ResponseError


def until_done(
    action: Callable[[], _Result],
    say: Callable[[str], None],
    error: Exception | None = None,
    every: float = 0.1,
) -> _Result:
    """Do what may be done again until the server answers.

    Args:
        action: asks the server; has the same effect however often it is begun.
        say: is told that the server is waited for, and that it is back.
        error: with which a first try ended already.
        every: seconds between tries.

    Raises:
        ConfigError: the server refuses for good, such as a password that was changed.
    """
    told = False
    while True:
        if error is not None:
            refuse_what_stays(error)
            if not told:
                say(f"waiting for Redis: {error}")
            told = True
            time.sleep(every)
        try:
            result = action()
        except passing() as raised:
            error = raised
            continue
        if told:
            say("Redis answers again")
        return result


def refuse_what_stays(error: Exception) -> None:
    """Raise what trying again does not mend.

    Raises:
        ConfigError: the server refuses for good.
    """
    from redis.exceptions import AuthenticationError, AuthorizationError, ResponseError

    stays = isinstance(error, ResponseError) and not _cannot_write(error)
    if stays or isinstance(error, AuthenticationError | AuthorizationError):
        raise ConfigError(f"redis: {error}") from None


def _cannot_write(error: Exception) -> bool:
    """Whether it is a server with a full memory or disk, or one that has become a replica."""
    from redis.exceptions import OutOfMemoryError, ReadOnlyError

    # The package has no class for a full disk, and leaves the code in the message of what it has no class for.
    return isinstance(error, OutOfMemoryError | ReadOnlyError) or "MISCONF" in str(error)
