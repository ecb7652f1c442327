"""Script that keeps a Valkey server alive until its standard input ends: `valkey_keeper.py PROGRAM FOLDER remove|keep`.

Its parent holds the other end of that pipe, so the server goes however the parent ends, and nothing is left of it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_SYNC_SECONDS = 1.0
"""A loss of power takes no more than what came in so long."""


def keep(program: str, folder: str) -> None:
    """Run the server in a folder, again whenever it dies, until standard input ends."""
    command = [program, "--port", "0", "--unixsocket", "valkey.sock", "--unixsocketperm", "700", "--dir", folder]
    # A file that is appended to before every answer: what was acknowledged survives the server's own death. While the
    # server itself brings that file to the disk it answers without appending, so that is done here.
    command += ["--save", "", "--appendonly", "yes", "--appendfsync", "no", "--loglevel", "warning"]
    ended = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def watch() -> None:
        sys.stdin.buffer.read()
        ended.set()
        for server in running:
            server.terminate()

    def bring_to_the_disk() -> None:
        while not ended.wait(_SYNC_SECONDS):
            for path in Path(folder).glob("appendonlydir/*.aof"):
                with suppress(OSError), path.open("rb") as file:
                    os.fsync(file.fileno())

    for each in (watch, bring_to_the_disk):
        threading.Thread(target=each, daemon=True).start()
    while not ended.is_set():
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, preexec_fn=_end_with_parent)
        running[:] = [server]
        if ended.is_set():
            server.terminate()
        status = server.wait()
        if status > 0 and not ended.is_set():
            # It refused its folder or its file: trying again would refuse again.
            sys.exit(status)
        ended.wait(0.05)


def _end_with_parent() -> None:
    """Have this process killed when the keeper dies; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Keep the server, and remove its folder where it is temporary."""
    program, folder, afterwards = sys.argv[1:]
    # Whoever ends all processes at once ends this one too early: it goes after its parent. A handler, since what is
    # ignored would stay ignored in the server.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: None)
    try:
        keep(program, folder)
    finally:
        if afterwards == "remove":
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
