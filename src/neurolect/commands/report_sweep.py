"""`neurolect report sweep`."""

from __future__ import annotations

from pathlib import Path


def report_sweep(folder: Path) -> None:
    """Print the accuracies of a sweep by initialisation and subject, and draw them.

    In a subject, accuracy is the mean over seeds; over subjects, the mean of these ± standard error, as the Du-IN paper
    reports it. Writes sweep.html and sweep.png beside the table. Works on a sweep that is not finished.

    Args:
        folder: of the sweep.

    Examples:
        neurolect report sweep sweeps/duin
    """
    from rich import box
    from rich.table import Table

    from neurolect.commands.plain_console import plain_console
    from neurolect.evaluation.sweep_report import write_sweep_report
    from neurolect.evaluation.sweep_statistics import MeanAccuracy

    summary, notes = write_sweep_report(folder)
    console = plain_console()

    def shown(cell: MeanAccuracy | None, of: str) -> str:
        if cell is None:
            return "–"
        error = f" ± {100 * cell.standard_error:.2f}" if cell.number > 1 else ""
        return f"{100 * cell.mean:.2f}{error} ({cell.number} {of}{'s' if cell.number != 1 else ''})"

    table = Table(title="test accuracy, %", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("subject", no_wrap=True)
    for name in summary.initialisations:
        table.add_column(name, justify="right")
    for subject in summary.subjects:
        table.add_row(subject, *(shown(summary.cells.get((subject, name)), "seed") for name in summary.initialisations))
    table.add_section()
    table.add_row(
        "over subjects",
        *(shown(summary.overall.get(name), "subject") for name in summary.initialisations),
        style="bold",
    )
    console.print(table)
    for name, gain in summary.differences.items():
        interval = f" [{100 * gain.low:+.2f}, {100 * gain.high:+.2f}]" if gain.subjects > 1 else ""
        console.print(
            f"{name} over {summary.baseline}: {100 * gain.mean:+.2f} points{interval}, better in {gain.better} of "
            f"{gain.subjects} subjects",
            soft_wrap=True,
        )
    if summary.chance is not None:
        console.print(f"chance: {100 * summary.chance:.2f} %")
    for note in notes:
        console.print(f"note: {note}", soft_wrap=True)
    for row in summary.unfinished:
        if row.state == "failed":
            console.print(f"{row.run}: {row.message}", soft_wrap=True)
    console.print(f"report: {folder / 'sweep.html'}", soft_wrap=True)
