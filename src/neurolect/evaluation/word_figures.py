"""The figures of classified words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from neurolect.evaluation.accuracy import Accuracy
from neurolect.evaluation.figure_style import ACCENT, INK, PAPER, SHADES, WIDTH, in_house_style

_MOST_WITH_COUNTS = 25


@in_house_style
def accuracy_figure(groups: Mapping[str, Accuracy], overall: Accuracy, chance: float) -> Figure:
    """Accuracy of each group with its interval; the band is that of all trials, the dashed line is chance."""
    names = list(groups)
    figure = Figure(figsize=(min(WIDTH, 2 + 0.6 * len(names)), 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.axhspan(100 * overall.low, 100 * overall.high, color=ACCENT, alpha=0.15, linewidth=0)
    axes.axhline(100 * overall.value, color=ACCENT, linewidth=0.9)
    axes.axhline(100 * chance, color=INK, linewidth=0.9, linestyle=(0, (5, 3)))
    bounds = 100 * np.array([(each.low, each.value, each.high) for each in groups.values()])
    axes.errorbar(
        range(len(names)),
        bounds[:, 1],
        np.diff(bounds, axis=1).T,
        fmt="o",
        markersize=4.5,
        color=INK,
        elinewidth=1.1,
        capsize=2.5,
        clip_on=False,
    )
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, None), ylabel="accuracy (%)")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    return figure


@in_house_style
def word_confusion_figure(counts: npt.NDArray[np.int64], words: Sequence[str]) -> Figure:
    """How often each word was taken for each other, shaded by the share of the times that it was said.

    Args:
        counts: (words said, words answered).
        words: their names.
    """
    points = 11 if len(words) > _MOST_WITH_COUNTS else 22
    side = 1.2 + points / 72 * len(words)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, SHADES, vmin=0, vmax=1, interpolation="none")
    if len(words) <= _MOST_WITH_COUNTS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = PAPER if shares[row, column] > 0.5 else INK
                axes.text(column, row, str(count), ha="center", va="center_baseline", fontsize=7, color=colour)
    axes.set_xticks(range(len(words)), words, rotation=90)
    axes.set_yticks(range(len(words)), words)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False, labelsize=6.5)
    axes.set(xlabel="answered", ylabel="said")
    axes.xaxis.set_label_position("top")
    axes.spines[:].set_visible(False)
    return figure
