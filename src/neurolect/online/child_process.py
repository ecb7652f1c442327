"""A verb of the command line in a process of its own, which goes when we go."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from neurolect.errors import NeurolectError

_PROGRAM = """
import os, signal, sys, threading, time
def end_with_parent():
    os.read(0, 1)
    # That it was ended is no news to whoever reads what it prints.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    os._exit(1)
threading.Thread(target=end_with_parent, daemon=True).start()
from neurolect.commands.main import main
sys.exit(main(sys.argv[1:]))
"""
"""The command line in a process that ends when its standard input does, so that however we end it goes too."""


@contextmanager
def child(
    words: Sequence[str], ready: str, say: Callable[[str], None] = lambda _: None
) -> Iterator[Callable[[], None]]:
    """A process of `neurolect …`, from when it is ready to the end of the `with`.

    Args:
        words: of its command line.
        ready: how the line begins that says it is.
        say: is told every line that it prints.

    Yields:
        A function that raises NeurolectError if the process is no more.

    Raises:
        NeurolectError: it does not start; it has said why.
    """
    # A session of its own, so that Ctrl-C reaches only us, who then end it in order.
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    is_ready: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def listen() -> None:
        assert process.stdout is not None, "it is a pipe"
        try:
            with process.stdout as lines:
                for line in lines:
                    say(line.rstrip("\n"))
                    if line.startswith(ready):
                        is_ready.put(True)
        finally:
            is_ready.put(False)

    def require_life() -> None:
        if process.poll() is not None:
            raise NeurolectError(f"'neurolect {' '.join(words[:2])}' has ended; see what it printed")

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert process.stdin is not None, "it is a pipe"
    try:
        if not is_ready.get():
            # Nobody reads what it prints any more, so it ends, if it has not yet.
            process.stdin.close()
            process.wait()
        require_life()
        yield require_life
    finally:
        process.stdin.close()
        process.wait()
        listener.join()
