"""A language-model server of one's own: a process that listens at a Redis server, with given search settings."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from neurolect.errors import NeurolectError
from neurolect.online.redis_server import RedisServer

_PROGRAM = """
import os, sys, threading
def end_with_parent():
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=end_with_parent, daemon=True).start()
from neurolect.commands.main import main
sys.exit(main(sys.argv[1:]))
"""
"""The command line in a process that ends when its standard input does, so that however we end it goes too."""


@contextmanager
def lm_child(server: RedisServer, arguments: list[str]) -> Iterator[Callable[[], None]]:
    """A process of `neurolect serve lm`, from when it is ready to the end of the `with`.

    Args:
        server: which Redis it meets clients at.
        arguments: further words of its command line.

    Yields:
        A function that raises NeurolectError if the process is no more.

    Raises:
        NeurolectError: it does not start; it has said why.
    """
    assert server.unix_socket is not None, "it is an embedded one"
    command = [sys.executable, "-c", _PROGRAM, "serve", "lm", f"--redis.unix_socket={server.unix_socket}"]
    # A session of its own, so that Ctrl-C reaches only us, who then end it in order.
    process = subprocess.Popen(
        [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None, "it is a pipe"
        with process.stdout as lines:
            for line in lines:
                if line.startswith("serving"):
                    ready.set()
        # It has ended, ready or not.
        ready.set()

    def require_life() -> None:
        if process.poll() is not None:
            raise NeurolectError("the language-model server has ended; see what it printed")

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        ready.wait()
        if not listener.is_alive():
            process.wait()
        require_life()
        yield require_life
    finally:
        assert process.stdin is not None, "it is a pipe"
        process.stdin.close()
        process.wait()
        listener.join()
