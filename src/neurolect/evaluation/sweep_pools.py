"""Where the rows of a sweep run: processes of this machine, or jobs of a cluster."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, Self

from neurolect.errors import ConfigError, NeurolectError, require_at_least
from neurolect.evaluation.sweep_row import OUTCOME, Processes, RowOutcome, RowTask, read_outcome, run_row

if TYPE_CHECKING:
    from submitit import AutoExecutor, Job

Cluster = Literal["slurm", "local"]
_JOBS = "jobs"


class Pool(Protocol):
    """Runs tasks beside each other; leaving it ends what still runs."""

    @property
    def n_slots(self) -> int:
        """How many tasks run at once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def start(self, task: RowTask, job: str) -> str:
        """Begin a task, or find it again in the cluster's job of an earlier sweep; returns the job's number."""
        ...

    def ended(self) -> Iterator[tuple[Path, RowOutcome]]:
        """Run folder and outcome of the tasks that ended since the last call, after waiting a moment for one."""
        ...


class LocalPool:
    """Processes of this machine.

    Args:
        workers: tasks at once.
        threads: of each; None divides the processors among the workers.
        gpus: numbers of GPUs that the workers take in turn; None leaves the choice to each.
    """

    def __init__(self, workers: int, threads: int | None = None, gpus: list[int] | None = None) -> None:
        require_at_least(1, "workers", workers)
        self.n_slots = workers
        self._threads = threads or max(1, len(os.sched_getaffinity(0)) // workers)
        self._devices: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        for slot in range(workers):
            self._devices.put(gpus[slot % len(gpus)] if gpus else None)
        self._processes = Processes()
        self._executor = ThreadPoolExecutor(workers)
        self._ended: queue.SimpleQueue[tuple[Path, RowOutcome]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.stop()
        self._executor.shutdown(cancel_futures=True)

    def start(self, task: RowTask, job: str) -> str:
        """Begin a task."""
        self._executor.submit(self._run, task)
        return ""

    def ended(self) -> Iterator[tuple[Path, RowOutcome]]:
        """See `Pool`."""
        try:
            yield self._ended.get(timeout=0.5)
            while True:
                yield self._ended.get_nowait()
        except queue.Empty:
            return

    def _run(self, task: RowTask) -> None:
        device = self._devices.get()
        environment = {"OMP_NUM_THREADS": str(self._threads)}
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = str(device)
        started = time.monotonic()
        try:
            outcome = run_row(replace(task, environment=environment | task.environment), self._processes)
        # Whatever it is, a row without an outcome would be waited for without end.
        except Exception as error:
            fault = f"{type(error).__name__}: {' '.join(str(error).split())}"
            outcome = RowOutcome(time.monotonic() - started, message=fault)
        finally:
            self._devices.put(device)
        if not self._processes.stopped.is_set():
            self._ended.put((task.run, outcome))


@dataclass(frozen=True)
class JobSettings:
    """What a cluster is asked for, for each row.

    Args:
        partition: of SLURM; None is the cluster's default.
        minutes: after which a job is ended; its row then goes on from its last checkpoint in the next attempt.
        memory_gb: gigabytes.
        cpus: processors.
        gpus: graphics processors.
        account: of SLURM, where one has to be named.
        poll_seconds: from one look at the jobs to the next.
    """

    partition: str | None = None
    minutes: int = 720
    memory_gb: float = 16.0
    cpus: int = 4
    gpus: int = 0
    account: str | None = None
    poll_seconds: float = 10.0


class ClusterPool:
    """Jobs of a cluster, through submitit.

    Args:
        cluster: `slurm`, or `local` for submitit's own processes on this machine.
        folder: of the sweep, on a disk that the nodes share; submitit's files go to its `jobs`.
        workers: jobs at once.
        settings: of each job.

    Raises:
        NeurolectError: submitit is not installed, or finds no SLURM.
    """

    def __init__(self, cluster: Cluster, folder: Path, workers: int, settings: JobSettings) -> None:
        require_at_least(1, "workers", workers)
        self.n_slots = workers
        self._settings = settings
        self._folder = folder.absolute() / _JOBS
        self._executor = _executor(cluster, self._folder, settings)
        self._cluster = cluster
        self._jobs: dict[Path, Job[RowOutcome]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for job in self._jobs.values():
            job.cancel(check=False)

    def start(self, task: RowTask, job: str) -> str:
        """Submit a task, unless the job of an earlier sweep is still at it."""
        found = self._alive(job) if job else None
        if found is None:
            (task.run / OUTCOME).unlink(missing_ok=True)
            here = replace(
                task,
                run=task.run.absolute(),
                environment={"OMP_NUM_THREADS": str(self._settings.cpus)} | task.environment,
            )
            found = self._executor.submit(run_row, here)
        self._jobs[task.run] = found
        return str(found.job_id)

    def ended(self) -> Iterator[tuple[Path, RowOutcome]]:
        """See `Pool`."""
        done = [run for run, job in self._jobs.items() if job.done()]
        for run in done:
            job = self._jobs.pop(run)
            yield run, read_outcome(run) or RowOutcome(0.0, message=_why(job))
        if not done:
            time.sleep(self._settings.poll_seconds)

    def _alive(self, number: str) -> Job[RowOutcome] | None:
        import submitit

        kind = submitit.SlurmJob if self._cluster == "slurm" else submitit.LocalJob
        job: Job[RowOutcome] = kind(self._folder, number)
        return job if job.state.upper() in ("PENDING", "RUNNING", "CONFIGURING", "REQUEUED") else None


def _executor(cluster: Cluster, folder: Path, settings: JobSettings) -> AutoExecutor:
    try:
        import submitit
    except ImportError:
        raise ConfigError("--cluster needs submitit: pip install 'neurolect[cluster]'") from None
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        executor.update_parameters(
            name="neurolect",
            timeout_min=settings.minutes,
            mem_gb=settings.memory_gb,
            cpus_per_task=settings.cpus,
            gpus_per_node=settings.gpus or None,
            tasks_per_node=1,
            nodes=1,
        )
        asked = {"slurm_partition": settings.partition, "slurm_account": settings.account}
        executor.update_parameters(**{name: value for name, value in asked.items() if value is not None})
    except (RuntimeError, ValueError, NameError) as error:
        raise NeurolectError(f"submitit: {' '.join(str(error).split())}") from None
    return executor


def _why(job: Job[RowOutcome]) -> str:
    lines = [line.strip() for line in (job.stderr() or "").splitlines() if line.strip()]
    return f"job {job.job_id} ended as {job.state} without an outcome{f': {lines[-1]}' if lines else ''}"
