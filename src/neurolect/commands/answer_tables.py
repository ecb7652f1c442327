"""The table of what was said and what a live decoder answered."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from neurolect.online.answers import AnsweredTrial, word_error_rate


def print_answers(answered: Sequence[AnsweredTrial], simulated: bool, console: Console) -> None:
    """One row a trial, then the word error rate and how many trials were not answered."""
    table = Table(title="simulated recordings" if simulated else "recordings", box=box.SIMPLE_HEAD)
    for heading in ("said", "decoded"):
        table.add_column(heading, overflow="fold")
    for each in answered:
        table.add_row(each.played.trial.sentence or "", "(no answer)" if each.decoded is None else each.decoded)
    console.print(table)
    rate = word_error_rate(answered)
    if rate is not None:
        of = " of simulated recordings" if simulated else ""
        console.print(f"word error rate{of}: {rate}, {rate.length} words in {rate.trials} trials", soft_wrap=True)
    unanswered = sum(each.decoded is None for each in answered)
    if unanswered:
        console.print(f"note: {unanswered} of {len(answered)} trials were not answered", soft_wrap=True)
