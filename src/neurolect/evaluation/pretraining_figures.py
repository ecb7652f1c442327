"""The figures of pre-training: reconstructions, spectra, codes, and what channels weigh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from neurolect.evaluation.figure_style import ACCENT, INK, SMALL, WIDTH, in_house_style
from neurolect.evaluation.reconstruction import Example, Reconstruction


@in_house_style
def reconstruction_figure(examples: Sequence[Example], sample_rate: float) -> Figure:
    """Signals and what the model made of them, one panel for each of at least one example."""
    figure = Figure(figsize=(WIDTH, 1.25 * len(examples) + 0.4), layout="constrained")
    panels = figure.subplots(len(examples), 1, sharex=True, squeeze=False)[:, 0]
    for axes, example in zip(panels, examples, strict=True):
        seconds = np.arange(len(example.truth)) / sample_rate
        axes.plot(seconds, example.truth, color=INK, linewidth=0.5, label="recorded")
        axes.plot(seconds, example.reconstruction, color=ACCENT, linewidth=0.9, label="reconstructed")
        axes.set_title(
            f"{example.subject}, {example.channel}, segment {example.segment}: r = {example.correlation:.2f}",
            fontsize=SMALL,
        )
    panels[0].legend(frameon=False, fontsize=7.5, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.35))
    panels[-1].set(xlabel="seconds", xlim=(0, len(examples[0].truth) / sample_rate))
    return figure


@in_house_style
def spectrum_figure(found: Reconstruction) -> Figure:
    """Power over frequency of signals and reconstructions, averaged over channels, both axes logarithmic."""
    figure = Figure(figsize=(WIDTH / 2, 2.8), layout="constrained")
    axes = figure.add_subplot()
    # A constant has no power at 0 Hz, and a logarithmic axis no place for it.
    shown = found.frequencies > 0
    for power, colour, label in (
        (found.power, INK, "recorded"),
        (found.reconstructed_power, ACCENT, "reconstructed"),
    ):
        axes.loglog(found.frequencies[shown], np.maximum(power[shown], 1e-12), color=colour, linewidth=1.1, label=label)
    axes.set(xlabel="Hz", ylabel="power (z² per Hz)")
    for axis in (axes.xaxis, axes.yaxis):
        # Mathematical text would stand in the page as it is written.
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.legend(frameon=False, fontsize=7.5)
    axes.grid()
    axes.set_axisbelow(True)
    return figure


@in_house_style
def codebook_figure(counts: npt.NDArray[np.int64]) -> Figure:
    """How often each code (codes,) is used, most frequent first."""
    figure = Figure(figsize=(WIDTH / 2, 2.8), layout="constrained")
    axes = figure.add_subplot()
    ordered = np.sort(counts)[::-1]
    shares = 100 * ordered / max(ordered.sum(), 1)
    axes.fill_between(np.arange(1, len(shares) + 1), shares, color=ACCENT, alpha=0.75, step="mid", linewidth=0)
    axes.set(xlabel="codes, most frequent first", ylabel="% of tokens", xlim=(0.5, len(counts) + 0.5), ylim=(0, None))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    return figure


@in_house_style
def importance_figure(
    importance: Mapping[str, Mapping[str, float]], regions: Mapping[str, Mapping[str, str]]
) -> Figure:
    """What each channel weighs in the subject's layer, a panel a subject, the largest first.

    Args:
        importance: subject → channel → mean size of its weights; at least one subject.
        regions: subject → channel → anatomical region, for those that are known.
    """
    figure = Figure(figsize=(WIDTH, 2.2 * len(importance) + 0.3), layout="constrained")
    panels = figure.subplots(len(importance), 1, squeeze=False)[:, 0]
    for axes, (subject, weights) in zip(panels, importance.items(), strict=True):
        channels = sorted(weights, key=lambda channel: -weights[channel])
        known = regions.get(subject, {})
        names = [f"{channel}, {known[channel]}" if channel in known else channel for channel in channels]
        axes.bar(range(len(channels)), [weights[channel] for channel in channels], color=ACCENT, alpha=0.75, width=0.7)
        crowded = len(channels) > 8
        axes.set_xticks(range(len(channels)), names, rotation=90 if crowded else 0, fontsize=6 if crowded else SMALL)
        axes.set_title(subject, fontsize=SMALL)
        axes.set(xlim=(-0.7, len(channels) - 0.3))
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    return figure
