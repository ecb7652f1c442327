"""`neurolect classify`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from neurolect.data.t15 import Split


def classify(
    run: Path,
    split: Split | Literal["all"] = "test",
    data: Path | None = None,
    out: Path | None = None,
    device: str = "auto",
) -> None:
    """Classify the words of a split with a trained run and report accuracy.

    Writes predictions.csv, scores.json and report.html, and renews README.md, the run's model card. Numbers of other
    recordings than the run's own do not go into the card.

    Args:
        run: run folder of `train words`, or of `train alignment`.
        split: `train`, `val` or `test`, as the run's own protocol and seed split the trials; `all` scores other
            recordings whole.
        data: folder of subjects; by default the one the run was trained on. Any other is split anew, so that trials
            which the run was trained on may be among its test trials.
        out: folder to write to; by default `evaluation/<split>` in the run folder. Other recordings need one outside.
        device: `auto`, `cpu`, `cuda:0`, …

    Examples:
        neurolect classify runs/001/words
        neurolect classify runs/001/words --split val --device cpu
        neurolect classify runs/001/words --data new/seeg --split all --out new/scores
    """
    from rich.console import Console
    from rich.progress import Progress

    from neurolect.commands.plain_console import plain_console
    from neurolect.commands.tables import print_accuracies
    from neurolect.errors import ConfigError
    from neurolect.evaluation.accuracy import accuracy
    from neurolect.evaluation.model_card import write_model_card
    from neurolect.evaluation.pages import SIMULATED
    from neurolect.evaluation.run_data import is_own_data, word_data_of
    from neurolect.evaluation.run_facts import run_facts
    from neurolect.evaluation.word_files import write_word_predictions, write_word_scores
    from neurolect.evaluation.word_report import write_word_report
    from neurolect.evaluation.words import classify_words
    from neurolect.training.runs import load_segments

    trained = load_segments(run, device=device)
    own = data is None or is_own_data(trained, data)
    if own and split == "all":
        raise ConfigError(
            "--split all is for other recordings, named with --data: the run was trained on most of its own"
        )
    if not own and (out is None or out.resolve().is_relative_to(run.resolve())):
        raise ConfigError(f"{data} is not what the run was trained on: name a folder outside the run with --out")
    words = word_data_of(trained, data)
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("classifying", total=len(words.trials(split)))
        found = classify_words(trained, words, split, lambda number: bar.advance(task, number))
    facts = run_facts(run, trained) | {"split": split, "trials": f"{len(found.trials):,}"}
    if data is not None:
        facts["recordings"] = f"{data}{' (simulated)' if words.simulated else ''}"
    notes = [SIMULATED] if words.simulated else []
    if not own:
        how = "scored whole" if split == "all" else "split anew"
        notes.append(
            f"{data} is not the folder that the run was trained on. It was {how}: trials that the run was trained on "
            "may be among these."
        )
    left_out = [subject for subject in trained.subjects if subject not in found.subjects]
    if left_out:
        notes.append(f"Not in these recordings: {', '.join(left_out)}.")
    folder = out or run / "evaluation" / split
    folder.mkdir(parents=True, exist_ok=True)
    write_word_predictions(folder / "predictions.csv", found)
    write_word_scores(folder / "scores.json", found, facts, notes)
    step = trained.metrics.get("step")
    write_word_report(folder / "report.html", f"{run.name}: {split}", facts, found, run, step, notes)
    card = write_model_card(run, trained) if own else None

    console = plain_console()
    print_accuracies({"all subjects": accuracy(found.right()), **found.by_subject}, console)
    if len(found.words) > 5:
        console.print(f"among the five best: {accuracy(found.right(5))}")
    console.print(f"chance: {100 * found.chance:.2f} %, one of {len(found.words)} words")
    for note in notes:
        console.print(f"note: {note}", soft_wrap=True)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True)
    if card is not None:
        console.print(f"model card: {card}", soft_wrap=True)
