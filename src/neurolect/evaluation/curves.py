"""What `metrics.csv` of a run says over the course of training, as curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from neurolect.evaluation.figure_style import ACCENT, INK, WIDTH, in_house_style
from neurolect.training.metrics import read_metrics

_COLOURS = {"train": ACCENT, "val": INK}
_NAMES = {"train": "training", "val": "validation"}


@dataclass(frozen=True)
class Curve:
    """One metric over steps.

    Args:
        name: as logged, such as `val/loss`.
        steps: of the run.
        values: at them.
    """

    name: str
    steps: list[int]
    values: list[float]


def read_curves(run: Path) -> dict[str, Curve]:
    """The metrics of a run folder by name; none where it has no `metrics.csv`, as an imported run."""
    path = run / "metrics.csv"
    curves: dict[str, Curve] = {}
    for step, name, value in read_metrics(path) if path.exists() else ():
        curve = curves.setdefault(name, Curve(name, [], []))
        curve.steps.append(step)
        curve.values.append(value)
    return curves


@in_house_style
def curves_figure(panels: Sequence[tuple[str, Sequence[Curve]]], chosen: float | None = None) -> Figure:
    """One panel a metric, training beside validation where both are known.

    Args:
        panels: label of the axis, and the curves in it; at least one.
        chosen: step of the weights that the run keeps, marked by a dashed line.
    """
    figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
    for axes, (label, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for curve in curves:
            split = curve.name.partition("/")[0]
            axes.plot(
                curve.steps,
                curve.values,
                color=_COLOURS.get(split, INK),
                linewidth=1.2,
                marker="o" if len(curve.steps) < 2 else None,
                label=_NAMES.get(split, split),
            )
        if chosen is not None:
            axes.axvline(chosen, color=INK, linewidth=0.8, linestyle=(0, (5, 3)))
        axes.set(title=label, xlabel="training steps")
        axes.grid(axis="y")
        axes.legend(frameon=False, fontsize=7.5)
    return figure


def panels_of(curves: dict[str, Curve], metrics: Sequence[tuple[str, str]]) -> list[tuple[str, list[Curve]]]:
    """Panels for those of the metrics that the run has.

    Args:
        curves: of a run.
        metrics: name without its split, such as `loss`, and label of the panel.
    """
    panels = []
    for name, label in metrics:
        found = [curves[f"{split}/{name}"] for split in ("train", "val") if f"{split}/{name}" in curves]
        if found:
            panels.append((label, found))
    return panels
