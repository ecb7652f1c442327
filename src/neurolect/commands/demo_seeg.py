"""`neurolect demo seeg`."""

from __future__ import annotations

from pathlib import Path


def demo_seeg(out: Path = Path("demo-seeg"), seed: int = 0, workers: int = 2) -> None:
    """Simulate sEEG of two people, train the stages of Du-IN, compare where classifiers begin.

    Everything is done by the other verbs, and each is shown as you would type it. The recordings are simulated and the
    trainings short: the accuracies say that the parts work together, and nothing about real speech.

    Args:
        out: folder to write; recordings, runs and sweep of an earlier demo in it are replaced.
        seed: of the simulation and of the trainings.
        workers: classifiers that are trained at once.

    Examples:
        neurolect demo seeg
        neurolect demo seeg --out /tmp/demo-seeg --seed 3
    """
    import shlex
    from importlib.resources import as_file, files

    from neurolect.commands.demo_folder import begin_demo
    from neurolect.commands.main import call
    from neurolect.commands.plain_console import plain_console

    console = plain_console()
    recordings, runs, table = out / "recordings", out / "runs", out / "sweep"
    begin_demo(out, "recordings", "runs", "sweep")

    def step(*words: str | Path) -> None:
        typed = [str(word) for word in words]
        console.print(f"\n$ neurolect {shlex.join(typed)}", style="bold", soft_wrap=True)
        call(typed)

    subjects = ("sim01", "sim02")
    seeds = f"--seed={seed}"
    with as_file(files("neurolect.commands")) as here:
        word_list, vqvae, mae, words = (
            here / f"demo_seeg_{name}" for name in ("words.csv", "vqvae.yaml", "mae.yaml", "words.yaml")
        )
        size = ("--subjects=2", "--runs=5", "--repetitions=6", "--minutes=15", "--channels=10", "--difficulty=0.5")
        step("simulate", "seeg", recordings, "--words", word_list, *size, seeds)
        step("data", "check", recordings)
        for subject in subjects:
            data = ("--data.root", recordings, "--data.subjects", subject, f"--data.seed={seed}", seeds)
            first, second = runs / subject / "vqvae", runs / subject / "mae"
            step("pretrain", "vqvae", "--config", vqvae, *data, "--out", first)
            step("report", "run", first)
            step("pretrain", "mae", "--config", mae, *data, "--teacher", first, "--out", second)
            step("report", "run", second)
        beginnings = ("scratch", *(f"{name}={runs}/{{subject}}/{name}" for name in ("vqvae", "mae")))
        rows = ("--seeds", str(seed), "--workers", str(workers))
        step("sweep", recordings, "--recipe", words, "--initialisations", *beginnings, *rows, "--out", table)
    console.print("\nSimulated recordings, test trials; docs/duin.md says how the recipes were chosen:")
    step("report", "sweep", table)
