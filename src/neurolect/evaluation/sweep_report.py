"""The report of a sweep: one HTML file and one figure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from neurolect import __version__
from neurolect.evaluation.pages import SIMULATED, svg, write_page
from neurolect.evaluation.sweep import SETTINGS
from neurolect.evaluation.sweep_figures import save_sweep_figure, sweep_figure
from neurolect.evaluation.sweep_statistics import SweepSummary, summarise
from neurolect.evaluation.sweep_table import TABLE, read_table
from neurolect.training.run_files import DESCRIPTION, read_json


def write_sweep_report(folder: Path) -> tuple[SweepSummary, list[str]]:
    """Sum up the table of a sweep, finished or not, in `sweep.html` and `sweep.png` beside it.

    Returns:
        the sums, and what must be read beside them.

    Raises:
        DataError: the folder holds no table of a sweep.
    """
    rows = read_table(folder / TABLE)
    summary = summarise(rows)
    notes = _notes(folder, summary)
    drawn = None
    if summary.overall:
        save_sweep_figure(folder / "sweep.png", summary)
        means = ", ".join(f"{name} {100 * each.mean:.2f} %" for name, each in summary.overall.items())
        drawn = svg(sweep_figure(summary), "sweep", f"Test accuracy by initialisation, mean over subjects: {means}")
    write_page(
        folder / "sweep.html",
        "sweep_report.html",
        f"{folder.name}: sweep",
        _facts(folder, summary),
        notes,
        summary=summary,
        figure=drawn,
    )
    return summary, notes


def _states(summary: SweepSummary) -> str:
    """How many rows have no accuracy yet, and why, in words; empty where all have."""
    counts = Counter(row.state for row in summary.unfinished)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def _facts(folder: Path, summary: SweepSummary) -> dict[str, str]:
    facts = {
        "subjects": ", ".join(summary.subjects),
        "seeds": ", ".join(map(str, summary.seeds)),
        "initialisations": ", ".join(summary.initialisations),
    }
    path = folder / SETTINGS
    if path.is_file():
        settings = read_json(path)
        started = {name: pattern for name, pattern in settings.get("initialisations", {}).items() if pattern}
        facts |= {f"{name} starts from": pattern for name, pattern in started.items()}
        facts["recordings"] = str(settings.get("root", "unknown"))
        facts["settings"] = ", ".join(settings.get("settings", ())) or "those of the recipe"
    if summary.chance is not None:
        facts["chance"] = f"{100 * summary.chance:.2f} %"
    return facts | {"neurolect": __version__}


def _notes(folder: Path, summary: SweepSummary) -> list[str]:
    notes = []
    data = _data_of_first_run(folder, summary)
    if data.get("simulated"):
        notes.append(SIMULATED)
    if data.get("reference_accuracy"):
        notes.append(f"Accuracies as published ({data['reference_accuracy']}).")
    if summary.unfinished:
        notes.append(f"Rows without an accuracy: {_states(summary)}. Means are over those that are finished.")
    return notes


def _data_of_first_run(folder: Path, summary: SweepSummary) -> dict[str, Any]:
    """What the first run of the sweep says of its data; all runs share recordings and protocol."""
    for subject, initialisation in summary.cells:
        for path in sorted((folder / subject / initialisation).glob(f"*/{DESCRIPTION}")):
            return dict(read_json(path).get("data", {}))
    return {}
