"""Tables that several verbs print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from neurolect.evaluation.accuracy import Accuracy
from neurolect.evaluation.scores import Scores
from neurolect.text.error_rates import ErrorRate


def print_scores(scores: Sequence[Scores], console: Console) -> None:
    """One table per kind of error: all trials, then each session, then each corpus where there are several.

    Of scores that agree, such as word error rates under two normalisations, only the first is shown.
    """
    shown = {score.overall: score for score in reversed(scores)}
    for score in reversed(shown.values()):
        table = Table(title=score.name, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("trials of", no_wrap=True)
        for heading in ("error %", "95 % interval", "sub", "ins", "del", "length", "trials"):
            table.add_column(heading, justify="right")
        table.add_row("all sessions", *_cells(score.overall))
        for groups in (score.by_session, score.by_corpus):
            table.add_section()
            for name, rate in groups.items() if len(groups) > 1 else ():
                table.add_row(name, *_cells(rate))
        console.print(table)


def print_accuracies(groups: Mapping[str, Accuracy], console: Console) -> None:
    """One row a group, all trials first; a second row that says the same is left out."""
    table = Table(title="accuracy", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("trials of", no_wrap=True)
    for heading in ("accuracy %", "95 % interval", "right", "trials"):
        table.add_column(heading, justify="right")
    for name, found in list(groups.items())[: None if len(groups) > 2 else 1]:
        interval = f"{100 * found.low:.2f} – {100 * found.high:.2f}"
        table.add_row(name, f"{100 * found.value:.2f}", interval, str(found.correct), str(found.trials))
    console.print(table)


def _cells(rate: ErrorRate) -> list[str]:
    counts = (rate.substitutions, rate.insertions, rate.deletions, rate.length, rate.trials)
    return [f"{100 * rate.rate:.2f}", f"{100 * rate.low:.2f} – {100 * rate.high:.2f}", *map(str, counts)]
