from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_measured(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import processes

    return processes.run_measured


def python(code):
    return [sys.executable, "-I", "-S", "-c", code]


def test_the_peak_of_memory_is_that_of_the_program_however_large_the_caller_is(run_measured):
    held = bytearray(b"x") * 500_000_000
    assert run_measured(["true"]).peak_bytes < 50_000_000
    large = run_measured(python("held = bytearray(b'x') * 100_000_000"))
    assert 100_000_000 < large.peak_bytes < 150_000_000
    assert len(held) == 500_000_000


def test_what_a_program_prints_and_the_time_that_it_takes_are_returned(run_measured):
    done = run_measured(python("import sys, time; time.sleep(0.2); print('out'); print('err', file=sys.stderr)"))
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert done.wall_seconds >= 0.2
    assert 0 < done.cpu_seconds < done.wall_seconds


def test_time_spent_computing_is_cpu_time(run_measured):
    done = run_measured(python("import time\nwhile time.process_time() < 0.3: pass"))
    assert 0.3 <= done.cpu_seconds < 1.0


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (python("import sys; print('a'); sys.exit('no such corpus')"), "status 1: no such corpus"),
        (python("import os; os.kill(os.getpid(), 9)"), "status -9"),
        (["no-such-program"], "No such file or directory: 'no-such-program'"),
    ],
)
def test_a_program_that_fails_ends_the_benchmark_with_its_last_words(run_measured, command, message):
    with pytest.raises(SystemExit, match=message):
        run_measured(command)
