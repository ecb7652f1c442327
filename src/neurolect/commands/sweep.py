"""`neurolect sweep`."""

from __future__ import annotations

from pathlib import Path

from neurolect.evaluation.sweep_pools import Cluster, JobSettings


def sweep(
    root: Path,
    out: Path,
    recipe: Path | None = None,
    subjects: list[str] | None = None,
    initialisations: list[str] | None = None,
    seeds: list[int] | None = None,
    set: list[str] | None = None,
    attempts: int = 2,
    workers: int = 1,
    threads: int | None = None,
    gpus: list[int] | None = None,
    cluster: Cluster | None = None,
    job: JobSettings = JobSettings(),
) -> None:
    """Train and classify words for subjects × initialisations × seeds, as one table that can be gone on with.

    Each row of OUT/sweep.csv is `neurolect train words … --out OUT/subject/initialisation/seed` and then
    `neurolect classify` of its test split, processes of their own. A row that fails is kept with its last message, the
    sweep goes on, and its exit status is 2. The same call goes on after an interruption: finished rows stay, others
    resume.

    Args:
        root: folder of the subjects, as for `train words`.
        out: folder of the table and of the runs.
        recipe: YAML file with settings of `train words`.
        subjects: names; by default all in the folder, each trained alone.
        initialisations: `scratch`, and `name=FOLDER` for a run to start from, with `{subject}` in it for the subject;
            by default scratch alone.
        seeds: by default the six of the reference, 42 and 0 to 4.
        set: further settings of `train words`, each key=value.
        attempts: how often a row is tried; a larger number in a later call tries failed rows again.
        workers: rows at once: processes on this machine, or jobs of the cluster.
        threads: of each process; by default the processors are divided among the workers.
        gpus: numbers of GPUs that the workers take in turn; by default each takes what it finds.
        cluster: `slurm`, or `local` for submitit's own processes (extra `cluster`); by default no cluster.
        job: what the cluster is asked for, for each row.

    Examples:
        neurolect sweep data/seeg --recipe configs/duin_words.yaml --out sweeps/duin --workers 2
        neurolect sweep data/seeg --out sweeps/duin --initialisations scratch mae=runs/{subject}/mae --seeds 0 1 2
        neurolect sweep data/seeg --out sweeps/duin --set trainer.epochs=50 --cluster slurm --workers 32 --job.gpus 1
    """
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from neurolect.commands.arguments import read_arguments
    from neurolect.commands.plain_console import plain_console
    from neurolect.commands.train_words import train_words
    from neurolect.data.seeg.layout import find_subjects
    from neurolect.errors import NeurolectError
    from neurolect.evaluation.sweep import SCRATCH, SweepPlan, read_initialisations, run_sweep
    from neurolect.evaluation.sweep_pools import ClusterPool, LocalPool, Pool
    from neurolect.evaluation.sweep_table import TABLE, SweepRow, read_table

    plan = SweepPlan(
        root=root,
        subjects=[subject.info.name for subject in find_subjects(root, subjects)],
        initialisations=read_initialisations(initialisations or [SCRATCH]),
        seeds=seeds or [42, 0, 1, 2, 3, 4],
        recipe=recipe,
        settings=set or [],
    )
    # What no row could be trained with is said once, before any.
    read_arguments("train words", train_words, plan.task(plan.rows[0], out).words)
    pool: Pool = ClusterPool(cluster, out, workers, job) if cluster else LocalPool(workers, threads, gpus)
    console = plain_console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        known = read_table(out / TABLE) if (out / TABLE).exists() else []
        before = sum(row.state == "finished" for row in known if row.run in {each.run for each in plan.rows})
        task = bar.add_task("rows", total=len(plan.rows), completed=before)

        def show(row: SweepRow) -> None:
            if row.state == "finished":
                told = f"test {100 * row.test_accuracy:.2f} %, validation {100 * row.val_accuracy:.2f} %"
            elif row.state == "running":
                told = "begins"
            else:
                told = f"{'failed' if row.state == 'failed' else 'fails, will be tried again'}: {row.message}"
            bar.console.print(f"{row.run}: {told}", soft_wrap=True)
            bar.advance(task, row.state in ("finished", "failed"))

        table = run_sweep(plan, out, pool, attempts, show)
    finished = [row for row in table.rows if row.state == "finished"]
    failed = [table[row.run] for row in plan.rows if table[row.run].state == "failed"]
    print(f"{out}: {len(finished)} of {len(table.rows)} rows finished; 'neurolect report sweep {out}' sums them up")
    if failed:
        raise NeurolectError(
            f"{len(failed)} of {len(plan.rows)} rows failed, such as {failed[0].run}: {failed[0].message}"
        )
