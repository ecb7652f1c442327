"""Which Redis or Valkey server the online parts meet at."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from neurolect.errors import ConfigError, require_at_least

if TYPE_CHECKING:
    from redis import Redis

NEEDS_EXTRA = "live use needs 'pip install neurolect[online]'"

_ANSWER_SECONDS = 5.0
"""After which a server is away; older versions of the package would wait for ever. No command here takes as long."""


@dataclass(frozen=True)
class RedisServer:
    """A Redis (6.2 or newer) or Valkey server; with none named, `$REDIS_URL`, and without that one of our own.

    Args:
        url: `redis://host:6379/0`, `rediss://…` with TLS, or `unix:///path`.
        host: name or address, instead of a URL.
        port: with a host.
        db: number of the database, with a host or a socket.
        unix_socket: path of a socket, instead of a host.
        username: of an access list, with a password.
        password_env: environment variable that holds the password, which thus stands on no command line.

    Raises:
        ConfigError: two servers are named, or the variable is not set.
    """

    url: str | None = None
    host: str | None = None
    port: int = 6379
    db: int = 0
    unix_socket: Path | None = None
    username: str | None = None
    password_env: str | None = None

    def __post_init__(self) -> None:
        named = [name for name in ("url", "host", "unix_socket") if getattr(self, name) is not None]
        if len(named) > 1:
            raise ConfigError(f"redis: give {named[0]} or {named[1]}, not both")
        require_at_least(1, "redis.port", self.port)
        require_at_least(0, "redis.db", self.db)
        if self.url is not None:
            _parts(self.url)
        if self.password_env is not None and self.password_env not in os.environ:
            raise ConfigError(f"redis: password_env names {self.password_env}, which is not set")

    @property
    def address(self) -> str | None:
        """URL without a password, for messages; None where no server is named."""
        if self.unix_socket is not None:
            return f"unix://{quote(str(self.unix_socket.absolute()))}?db={self.db}"
        if self.host is not None:
            host = f"[{self.host}]" if ":" in self.host else self.host
            return f"redis://{host}:{self.port}/{self.db}"
        url = self.url or os.environ.get("REDIS_URL")
        if url is None:
            return None
        parts = _parts(url)
        settings = urlencode([(name, value) for name, value in parse_qsl(parts.query) if not name.endswith("password")])
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=settings))

    def client(self) -> Redis:
        """A client that has not yet spoken to the server, and repeats nothing by itself.

        What is sent twice would be done twice; whoever sends decides what may be repeated.

        Raises:
            ConfigError: no server is named, or the package `redis` is not installed.
        """
        try:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise ConfigError(NEEDS_EXTRA) from None
        if self.address is None:
            raise ConfigError("redis: name a server with --url, --host or --unix_socket, or in REDIS_URL")
        url = (
            self.url or os.environ.get("REDIS_URL") if self.host is None and self.unix_socket is None else self.address
        )
        secrets = {"username": self.username} if self.username else {}
        if self.password_env is not None:
            secrets["password"] = os.environ[self.password_env]
        assert url is not None, "an address is named"
        try:
            return Redis.from_url(
                url,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=_ANSWER_SECONDS,
                socket_connect_timeout=_ANSWER_SECONDS,
                **secrets,
            )
        except ValueError as error:
            raise ConfigError(f"redis: {self.address}: {error}") from None


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in ("redis", "rediss", "unix"):
        # It may hold a password.
        raise ConfigError(
            "redis: the URL must begin with redis://, rediss:// or unix://, with a host or path behind it"
        )
    return parts


@contextmanager
def reached(server: RedisServer, say: Callable[[str], None]) -> Iterator[Redis]:
    """A client of the named server, once it answers; where none is named, of a Valkey that ends with this process.

    Args:
        server: which one.
        say: is told the address of a server that was started, or that another is being waited for.

    Raises:
        ConfigError: the server refuses the name or password, or there is none to start.
    """
    if server.address is not None:
        yield wait_for(server, say)
        return
    from neurolect.online.embedded_valkey import EmbeddedValkey

    with EmbeddedValkey() as valkey:
        say(f"started a Valkey server; others reach it with --unix_socket {valkey.socket}")
        yield wait_for(valkey.server, say)


def wait_for(server: RedisServer, say: Callable[[str], None], every: float = 1.0) -> Redis:
    """A client of a named server, as soon as it answers.

    Args:
        server: which one.
        say: is told, once, that it does not answer yet.
        every: seconds between tries.

    Raises:
        ConfigError: it refuses the name or password, or is no Redis.
    """
    client = server.client()
    from redis.exceptions import AuthenticationError, BusyLoadingError, ConnectionError, ResponseError, TimeoutError

    told = False
    while True:
        try:
            client.ping()
            return client
        except (AuthenticationError, ResponseError) as error:
            if isinstance(error, AuthenticationError) and not client.connection_pool.connection_kwargs.get("password"):
                needs = "needs a password: name the variable that holds it with --password_env"
                raise ConfigError(f"redis: {server.address} {needs}") from None
            raise ConfigError(f"redis: {server.address}: {error}") from None
        except (BusyLoadingError, ConnectionError, TimeoutError):
            if not told:
                say(f"waiting for {server.address}")
            told = True
            time.sleep(every)
