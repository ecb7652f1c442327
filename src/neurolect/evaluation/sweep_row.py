"""The work behind one row of a sweep: train, then classify, each as a process of its own."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from neurolect.data.files import written_atomically
from neurolect.training.run_files import DESCRIPTION

LOG = "sweep.log"
OUTCOME = "outcome.json"
_LOCK = ".lock"
_SECONDS_TO_LEAVE = 60.0


@dataclass(frozen=True)
class RowTask:
    """What to do for one row.

    Args:
        run: the run folder.
        train: arguments of `neurolect train words`, without `--out` and `--resume`.
        classify: further arguments of `neurolect classify RUN --split test`.
        environment: variables of the processes, besides this one's.
    """

    run: Path
    train: tuple[str, ...]
    classify: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """What follows `neurolect train words`."""
        return [*self.train, "--out", str(self.run), "--resume"]


@dataclass(frozen=True)
class RowOutcome:
    """What became of it: accuracies as fractions, or a message that says why there are none."""

    seconds: float
    val_accuracy: float = float("nan")
    test_accuracy: float = float("nan")
    words: int = 0
    message: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether there are accuracies."""
        return not self.message


class Processes:
    """The processes that are running for rows, so that all can be ended together."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()

    def run(self, command: list[str], environment: dict[str, str], log: IO[bytes], lock: int) -> int:
        """Run a command to its end, what it prints going to a file; returns its status, negative for a signal.

        It inherits the lock, which so outlives this process if that is killed.
        """
        with self._guard:
            if self.stopped.is_set():
                return -signal.SIGTERM
            # In a session of its own it gets no Ctrl-C from the terminal but one signal, from `stop`.
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, pass_fds=(lock,),
                start_new_session=True,
            )  # fmt: skip
            self._running.add(process)
        try:
            return process.wait()
        except BaseException:
            _end([process])
            raise
        finally:
            with self._guard:
                self._running.discard(process)

    def stop(self) -> None:
        """Have all of them leave, and kill the ones that do not within a minute."""
        with self._guard:
            self.stopped.set()
            running = list(self._running)
        _end(running)


def run_row(task: RowTask, processes: Processes | None = None) -> RowOutcome:
    """Train to the end, going on where an earlier attempt was, and classify the test split.

    What is printed goes to `sweep.log` in the run folder, the outcome to `outcome.json`. A process of a killed sweep
    that still works on the folder is waited for.
    """
    processes = processes or Processes()
    started = time.monotonic()
    task.run.mkdir(parents=True, exist_ok=True)
    (task.run / OUTCOME).unlink(missing_ok=True)
    steps = (
        ["train", "words", *task.words],
        ["classify", str(task.run), "--split", "test", *task.classify],
    )
    with _lock(task.run / _LOCK, processes.stopped) as lock, (task.run / LOG).open("ab") as log:
        message = ""
        for step in steps:
            begin = log.tell()
            status = processes.run([sys.executable, "-m", "neurolect", *step], _environment(task), log, lock)
            if status:
                message = _last_message(task.run / LOG, begin, status)
                break
    seconds = time.monotonic() - started
    outcome = RowOutcome(seconds, message=message) if message else _read_results(task.run, seconds)
    with written_atomically(task.run / OUTCOME) as partial:
        partial.write_text(json.dumps(asdict(outcome)) + "\n", encoding="utf-8")
    return outcome


def read_outcome(run: Path) -> RowOutcome | None:
    """What `run_row` left in a run folder, or None where it did not come to its end."""
    try:
        return RowOutcome(**json.loads((run / OUTCOME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _environment(task: RowTask) -> dict[str, str]:
    # Lightning would take the variables of the job that a row runs in for those of a launcher of its own.
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SUBMITIT_"))}
    return outer | task.environment


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _SECONDS_TO_LEAVE
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _lock(path: Path, stopped: threading.Event) -> Iterator[int]:
    """Hold a file that one process, and what it starts, can hold at a time; yields its descriptor."""
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stopped.wait(0.5):
                    break
        yield file.fileno()


def _read_results(run: Path, seconds: float) -> RowOutcome:
    try:
        metrics: dict[str, Any] = json.loads((run / DESCRIPTION).read_text(encoding="utf-8"))["metrics"]
        scores = json.loads((run / "evaluation" / "test" / "scores.json").read_text(encoding="utf-8"))
        # Under the reference protocol, training has found the figure that the reference's code would report.
        test = metrics.get("test/accuracy/reference", scores["accuracy"]["value"])
        return RowOutcome(seconds, float(metrics["val/accuracy"]), float(test), int(scores["words"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return RowOutcome(seconds, message=f"no accuracy in the run folder: {type(error).__name__} {error}")


def _last_message(log: Path, begin: int, status: int) -> str:
    if status < 0:
        killed = " (the system may have run out of memory)" if status == -signal.SIGKILL else ""
        return f"ended by {signal.Signals(-status).name}{killed}"
    with log.open("rb") as file:
        file.seek(begin)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("neurolect: error: ")]
    return (errors or lines or [f"exit status {status}, and nothing was printed"])[-1].removeprefix(
        "neurolect: error: "
    )
