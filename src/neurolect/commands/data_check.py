"""`neurolect data check`."""

from __future__ import annotations

from pathlib import Path


def data_check(path: Path) -> None:
    """Validate a dataset and print a table of what it holds.

    Every trial of every session is read. Problems are listed below the table, each with its file and trial, and make
    the exit status 2.

    Args:
        path: folder that holds one folder per session.

    Examples:
        neurolect data check data/hdf5_data_final
    """
    from collections import Counter

    from rich import box
    from rich.console import Console
    from rich.table import Table

    from neurolect.data.check import SplitSummary, check_dataset, shared_sentences
    from neurolect.errors import DataError

    console = Console()
    table = Table(title=str(path), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("session", "split", "trials", "minutes", "words", "features", "phonemes", "corpora"):
        left = heading in ("session", "split", "corpora")
        table.add_column(heading, justify="left" if left else "right", no_wrap=heading == "session")
    summaries: list[SplitSummary] = []
    problems: list[str] = []
    trials, seconds, corpora = 0, 0.0, Counter[str]()
    with console.status("reading"):
        for summary in check_dataset(path):
            summaries.append(summary)
            lengths = summary.label_lengths
            table.add_row(
                summary.session,
                summary.split,
                str(summary.trials),
                f"{summary.seconds / 60:.1f}",
                str(summary.words),
                str(summary.features),
                f"{min(lengths)}–{max(lengths)}" if lengths else "none",
                ", ".join(f"{name} {count}" for name, count in summary.corpora.most_common()),
            )
            trials, seconds = trials + summary.trials, seconds + summary.seconds
            corpora += summary.corpora
            problems += summary.problems
    total = ", ".join(f"{name} {count}" for name, count in corpora.most_common())
    table.add_section()
    table.add_row("all", "", str(trials), f"{seconds / 60:.1f}", "", "", "", total)
    console.print(table)
    shared = shared_sentences(summaries)
    if shared:
        console.print(f"note: {len(shared)} sentences occur in training and in another split, such as '{min(shared)}'")
    for problem in problems:
        console.print(f"problem: {problem}", highlight=False, soft_wrap=True, markup=False)
    if problems:
        raise DataError(f"{path}: {len(problems)} problems in {trials} trials")
    console.print("no problems found")
