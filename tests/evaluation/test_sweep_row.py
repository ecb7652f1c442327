from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
import time

from neurolect.evaluation.sweep_row import LOG, Processes, RowTask, read_outcome, run_row

HOLD = "import sys, time; sys.stdin.readline(); time.sleep({seconds})"


def hold_lock(run, seconds):
    """A process that has inherited the lock of a run folder, as one that has outlived its sweep."""
    run.mkdir(parents=True)
    with (run / ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD.format(seconds=seconds)], pass_fds=(file.fileno(),), stdin=subprocess.PIPE
        )
    process.stdin.write(b"\n")
    process.stdin.flush()
    return process


def test_a_row_waits_for_a_process_that_still_works_on_its_folder(tmp_path):
    run = tmp_path / "run"
    holder = hold_lock(run, seconds=1.5)
    outcome = run_row(RowTask(run, ("--no_such_setting=1",)))
    assert holder.poll() is not None
    assert not outcome.succeeded
    assert "no_such_setting" in outcome.message
    assert outcome.seconds > 1.5
    assert str(read_outcome(run)) == str(outcome)
    assert "no_such_setting" in (run / LOG).read_text(encoding="utf-8")


def test_a_row_that_waits_can_be_stopped(tmp_path):
    holder = hold_lock(tmp_path / "run", seconds=60)
    processes = Processes()
    timer = threading.Timer(0.3, processes.stop)
    timer.start()
    started = time.monotonic()
    try:
        outcome = run_row(RowTask(tmp_path / "run", ()), processes)
    finally:
        holder.kill()
        holder.wait()
    assert time.monotonic() - started < 20
    assert outcome.message == "ended by SIGTERM"


def test_an_outcome_that_was_never_written_is_none(tmp_path):
    assert read_outcome(tmp_path) is None
    (tmp_path / "outcome.json").write_text("{", encoding="utf-8")
    assert read_outcome(tmp_path) is None
