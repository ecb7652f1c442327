"""Programs in processes of their own: the time and memory that one takes, and what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# A process begins with the peak of memory of the one that starts it, so that is one as small as can be.
STARTER = """
import json, os, sys, time

begin = time.perf_counter()
os.set_inheritable(int(sys.argv[1]), False)
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - begin
found = [os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss * 1024]
with os.fdopen(int(sys.argv[1]), "w") as report:
    json.dump(found, report)
"""


@dataclass(frozen=True)
class FinishedProcess:
    """What a program took and printed; peak memory is that of the largest process, mapped files included."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    stdout: str
    stderr: str


def run_measured(command: Sequence[str | Path]) -> FinishedProcess:
    """Run a program to its end.

    Its peak of memory is its own, however large the caller is; about 10 MB are the least that is seen.

    Raises:
        SystemExit: the program failed; with the last line that it wrote to its standard error.
    """
    arguments = [str(argument) for argument in command]
    reading, writing = os.pipe()
    with os.fdopen(reading) as report:
        try:
            starter = subprocess.run(
                [sys.executable, "-I", "-S", "-c", STARTER, str(writing), *arguments],
                capture_output=True,
                text=True,
                pass_fds=[writing],
            )
        finally:
            os.close(writing)
        found = report.read()
    status, cpu_seconds, wall_seconds, peak_bytes = json.loads(found) if found else (starter.returncode, 0, 0, 0)
    if status != 0:
        last_line = "".join(starter.stderr.splitlines()[-1:])
        raise SystemExit(f"{' '.join(arguments)}: status {status}: {last_line}")
    return FinishedProcess(cpu_seconds, wall_seconds, peak_bytes, starter.stdout, starter.stderr)
