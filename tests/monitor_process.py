"""`neurolect monitor` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def wait_until(true, seconds: float = 30.0):
    """Returns what `true` returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


class RunningMonitor:
    """The process, where it listens, and what it printed to stderr."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url
        self.errors: list[str] = []
        self._reader = threading.Thread(target=lambda: self.errors.extend(process.stderr), daemon=True)
        self._reader.start()

    @property
    def place(self) -> str:
        """Host and port."""
        return self.url.split("/")[2]

    def end(self, signal: int) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(signal)
        status = self.process.wait(30)
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return status


@contextmanager
def running_monitor(socket: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[RunningMonitor]:
    """A monitor of the server at a socket, on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "neurolect", "monitor", "--port", "0", "--unix_socket", str(socket), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    said = process.stdout.readline()
    assert said.startswith("monitor: http://"), process.stderr.read()
    monitor = RunningMonitor(process, said.split()[-1])
    try:
        yield monitor
    finally:
        if process.poll() is None:
            monitor.end(15)
