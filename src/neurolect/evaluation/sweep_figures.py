"""The figure of a sweep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neurolect.data.files import written_atomically
from neurolect.evaluation.figure_style import ACCENT, INK, MUTED, WIDTH, in_house_style
from neurolect.evaluation.sweep_statistics import SweepSummary


@in_house_style
def sweep_figure(summary: SweepSummary) -> Figure:
    """Accuracy of every subject by initialisation, a line for each subject, and mean ± standard error over them."""
    names = [name for name in summary.initialisations if name in summary.overall]
    figure = Figure(figsize=(min(WIDTH, 2.5 + 1.6 * len(names)), 4.2), layout="constrained")
    axes = figure.add_subplot()
    for subject in summary.subjects:
        places = [place for place, name in enumerate(names) if (subject, name) in summary.cells]
        heights = [100 * summary.cells[subject, names[place]].mean for place in places]
        axes.plot(places, heights, color=MUTED, linewidth=0.7, marker="o", markersize=3.5, alpha=0.8, clip_on=False)
        if places:
            axes.annotate(
                subject, (places[-1], heights[-1]), (5, 2), textcoords="offset points", va="bottom", fontsize=6.5,
                color=MUTED,
            )  # fmt: skip
    means = [summary.overall[name] for name in names]
    axes.errorbar(
        np.arange(len(names)) - 0.12,
        [100 * each.mean for each in means],
        np.nan_to_num([100 * each.standard_error for each in means]),
        fmt="o",
        color=ACCENT,
        markersize=7,
        elinewidth=1.6,
        capsize=4,
        clip_on=False,
    )
    if summary.chance is not None:
        axes.axhline(100 * summary.chance, color=INK, linewidth=0.9, linestyle=(0, (5, 3)))
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.5, max(len(names), 1) - 0.4), ylim=(0, None), ylabel="test accuracy (%)")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    return figure


def save_sweep_figure(path: Path, summary: SweepSummary) -> None:
    """Write `sweep_figure` as a PNG on white."""
    with written_atomically(path) as partial:
        sweep_figure(summary).savefig(partial, format="png", dpi=150, facecolor="white")
