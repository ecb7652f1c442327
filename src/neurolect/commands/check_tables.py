"""What `neurolect data check` prints of each layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from neurolect.data.check import SplitSummary, check_dataset, shared_recordings, shared_sentences
from neurolect.data.seeg.check import SubjectSummary


def show_sessions(path: Path, console: Console) -> tuple[list[str], int]:
    """Print sessions in the T15 layout; returns the problems and the number of trials."""
    table = _table(path, ("session", "split", "trials", "minutes", "words", "features", "phonemes", "corpora"))
    summaries: list[SplitSummary] = []
    corpora = Counter[str]()
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
                _counted(summary.corpora),
            )
            corpora += summary.corpora
    trials, seconds = (sum(getattr(each, name) for each in summaries) for name in ("trials", "seconds"))
    table.add_section()
    table.add_row("all", "", str(trials), f"{seconds / 60:.1f}", "", "", "", _counted(corpora))
    console.print(table)
    shared = shared_sentences(summaries)
    if shared:
        console.print(f"note: {len(shared)} sentences occur in training and in another split, such as '{min(shared)}'")
    problems = [problem for summary in summaries for problem in summary.problems]
    return problems + shared_recordings(summaries), trials


def show_subjects(path: Path, summaries: Iterable[SubjectSummary], console: Console) -> tuple[list[str], int]:
    """Print subjects with field potentials; returns the problems and the number of trials."""
    headings = ("subject", "channels", "Hz", "runs", "trials", "seconds", "words", "repeats")
    table = _table(path, (*headings, "recordings"))
    shown: list[SubjectSummary] = []
    with console.status("reading"):
        for summary in summaries:
            shown.append(summary)
            counts = summary.repetitions.values()
            table.add_row(
                summary.subject,
                str(summary.channels),
                f"{summary.sample_rate:g}",
                str(len(summary.runs)),
                str(summary.runs.total()),
                f"{summary.trial_seconds:g}" if summary.runs else "",
                str(len(summary.repetitions)),
                f"{min(counts)}–{max(counts)}" if counts else "",
                f"{summary.recordings}, {_length(summary.recorded_seconds)}" if summary.recordings else "",
            )
    console.print(table)
    for summary in shown:
        if len(set(summary.repetitions.values())) > 1:
            ranked = summary.repetitions.most_common()
            (most, n_most), (fewest, n_fewest) = ranked[0], ranked[-1]
            line = (
                f"{summary.subject}: {fewest} was said least often, {n_fewest} times, {most} most often, {n_most} times"
            )
            console.print(line, soft_wrap=True)
        for note in summary.notes:
            console.print(f"note: {note}", soft_wrap=True)
    return [problem for summary in shown for problem in summary.problems], sum(each.runs.total() for each in shown)


def _table(path: Path, headings: Iterable[str]) -> Table:
    table = Table(title=str(path), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        left = heading in ("session", "subject", "split", "corpora")
        table.add_column(heading, justify="left" if left else "right", no_wrap=heading in ("session", "subject"))
    return table


def _length(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def _counted(corpora: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in corpora.most_common())
