"""The figures of an evaluation, each a matplotlib `Figure` that no global state knows of."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurolect.data.files import written_atomically
from neurolect.data.frames import Patching
from neurolect.data.t15 import BIN_SECONDS
from neurolect.decoding.hypotheses import Logits
from neurolect.evaluation.decode import DecodedTrial
from neurolect.evaluation.figure_style import ACCENT, INK, PAPER, POINTS, RULE, SHADES, SMALL, WIDTH, in_house_style
from neurolect.evaluation.scores import Scores
from neurolect.text.alphabet import Alphabet

_CLASS_POINTS = 9.5
_MOST_CLASSES = 60
_MOST_CONFUSED = 12


@in_house_style
def rates_figure(scores: Sequence[Scores]) -> Figure:
    """Error rates with intervals by session, sessions equally spaced, one panel per kind of error rate.

    The place of a session without a rate stays empty; the line and the band are the rate over all trials.
    """
    sessions = list(dict.fromkeys(session for score in scores for session in score.by_session))
    upright = len(sessions) > 6
    label_inches = 0.3 + (0.08 * max(map(len, sessions)) if upright else 0)
    figure = Figure(figsize=(WIDTH, 2.1 * len(scores) + label_inches), layout="constrained")
    panels = figure.subplots(len(scores), 1, sharex=True, squeeze=False)[:, 0]
    for panel, score in zip(panels, scores, strict=True):
        _draw_rates(panel, score, sessions)
    every = -(-len(sessions) // 70) or 1
    panels[-1].set_xticks(range(0, len(sessions), every), sessions[::every])
    if upright:
        for label in panels[-1].get_xticklabels():
            label.set(rotation=90, rotation_mode="anchor", ha="right", va="center")
    panels[-1].set_xlim(-0.6, max(len(sessions), 1) - 0.4)
    return figure


def _draw_rates(axes: Axes, score: Scores, sessions: Sequence[str]) -> None:
    axes.set_title(f"{score.name[:1].upper()}{score.name[1:]} (%)")
    overall = score.overall
    if np.isfinite(overall.rate):
        axes.axhspan(100 * overall.low, 100 * overall.high, color=ACCENT, alpha=0.15, linewidth=0)
        axes.axhline(100 * overall.rate, color=ACCENT, linewidth=0.9, linestyle=(0, (5, 3)))
    found = {place: score.by_session[name] for place, name in enumerate(sessions) if name in score.by_session}
    found = {place: rate for place, rate in found.items() if np.isfinite(rate.rate)}
    bounds = 100 * np.array([(rate.low, rate.rate, rate.high) for rate in found.values()]).reshape(-1, 3)
    # A percentile interval of few trials may lie to one side of the rate.
    bars = np.maximum(np.diff(bounds, axis=1).T, 0)
    if found:
        axes.errorbar(
            list(found),
            bounds[:, 1],
            bars,
            fmt="o",
            markersize=4.5,
            color=INK,
            elinewidth=1.1,
            capsize=2.5,
            clip_on=False,
        )
    axes.set_ylim(0, 1.08 * np.nanmax([1, 100 * overall.high, *bounds[:, 1:].ravel()]))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y")
    axes.set_axisbelow(True)


@in_house_style
def example_figure(decoded: DecodedTrial, alphabet: Alphabet, patching: Patching, titled: bool = False) -> Figure:
    """The probability of every class in every frame of one trial, the greedy answer written above it.

    A frame stands at the middle of the patch of bins that it saw. Of a large alphabet only the most probable classes
    are drawn. A trial without frames gives axes that say so.

    Args:
        decoded: the trial, logits (frames, classes).
        alphabet: names the classes.
        patching: how bins became frames.
        titled: write sentences and spoken phonemes above.
    """
    step = (patching.stride if patching.size else 1) * BIN_SECONDS
    first = max(patching.size, 1) * BIN_SECONDS / 2
    n_frames = len(decoded.logits)
    end = max(decoded.trial.n_bins * BIN_SECONDS, first + n_frames * step)
    emitted = [(first + step * frame, alphabet.symbols[index]) for frame, index in emissions(decoded.logits, alphabet)]
    rows = _rows_without_overlap(emitted, points_per_second=(WIDTH - 1.6) * POINTS / end)
    probabilities = _softmax(decoded.logits)
    classes = np.sort(np.argsort(-probabilities.max(axis=0, initial=0), kind="stable")[:_MOST_CLASSES])

    points_above = 8 + 10 * (max(rows, default=-1) + 1)
    title = _example_title(decoded) if titled else ""
    height = _CLASS_POINTS * max(len(classes), 8)
    points = height + points_above + 14 * len(title.splitlines()) + 45
    figure = Figure(figsize=(WIDTH, points / POINTS), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, pad=points_above)
    if n_frames:
        extent = (first - step / 2, first + (n_frames - 0.5) * step, len(classes) - 0.5, -0.5)
        shown = probabilities[:, classes].T
        image = axes.imshow(shown, SHADES, vmin=0, vmax=1, aspect="auto", interpolation="none", extent=extent)
        figure.colorbar(image, label="probability", fraction=0.012, pad=0.012, aspect=30, anchor=(0, 0), shrink=0.4)
    else:
        axes.text(0.5, 0.5, "no frames: the trial is shorter than one patch", ha="center", transform=axes.transAxes)
    axes.set(xlim=(0, end), xlabel="seconds from the start of the trial")
    axes.set_yticks(range(len(classes)), [_shown(alphabet.symbols[index]) for index in classes])
    axes.tick_params(axis="y", length=0, labelsize=7)
    above_axes = axes.get_xaxis_transform()
    for (seconds, symbol), row in zip(emitted, rows, strict=True):
        foot = 1 + (4 + 10 * row) / height
        axes.plot([seconds, seconds], [1, foot], color=RULE, linewidth=0.6, transform=above_axes, clip_on=False)
        axes.text(seconds, foot, _shown(symbol), ha="center", va="bottom", fontsize=SMALL, transform=above_axes)
    return figure


def save_example_figure(path: Path, trial: DecodedTrial, alphabet: Alphabet, patching: Patching) -> None:
    """Write `example_figure` with its sentences as a PNG on white."""
    figure = example_figure(trial, alphabet, patching, titled=True)
    with written_atomically(path) as partial:
        figure.savefig(partial, format="png", dpi=150, facecolor="white")


def emissions(logits: Logits, alphabet: Alphabet) -> list[tuple[int, int]]:
    """Frame and class of each greedily decoded symbol: where a run of one best class begins, blanks left out."""
    if not len(logits):
        return []
    best = np.asarray(logits).argmax(axis=-1)
    begins = np.concatenate(([True], best[1:] != best[:-1]))
    return [(int(frame), int(best[frame])) for frame in np.flatnonzero(begins & (best != alphabet.blank))]


def _softmax(logits: Logits) -> npt.NDArray[np.float64]:
    scores = np.asarray(logits, dtype=np.float64)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def _shown(symbol: str) -> str:
    return "space" if symbol == " " else symbol


def _rows_without_overlap(labels: Iterable[tuple[float, str]], points_per_second: float) -> list[int]:
    """The lowest row for each label, labels in order of time, in which it does not touch the one before."""
    rows: list[int] = []
    ends: list[float] = []
    for seconds, symbol in labels:
        half = (0.68 * SMALL * len(_shown(symbol)) + 3) / 2
        middle = seconds * points_per_second
        row = next((row for row, end in enumerate(ends) if end <= middle - half), len(ends))
        ends[row : row + 1] = [middle + half]
        rows.append(row)
    return rows


def _example_title(decoded: DecodedTrial) -> str:
    parts = {
        "said": decoded.trial.sentence,
        "decoded": decoded.text if decoded.hypotheses else None,
        "spoken phonemes": None if decoded.spoken_phonemes is None else " ".join(decoded.spoken_phonemes),
    }
    return "\n".join(textwrap.fill(f"{name}: {text}", 120) for name, text in parts.items() if text is not None)


@in_house_style
def confusion_figure(confusions: Counter[tuple[str, str]]) -> Figure:
    """How often one symbol was decoded as another, for the symbols of the most frequent confusions.

    Args:
        confusions: (spoken, decoded) → count, "" for no symbol, as `count_confusions` gives them.
    """
    involved: set[str] = set()
    for (spoken, heard), _ in ranked(confusions):
        if len(involved | {spoken, heard} - {""}) <= _MOST_CONFUSED:
            involved |= {spoken, heard} - {""}
    symbols = [*sorted(involved), ""]
    counts = np.array([[confusions[spoken, heard] for heard in symbols] for spoken in symbols])
    most = max(counts.max(), 1)
    figure = Figure(figsize=(0.8 + 0.33 * len(symbols), 0.8 + 0.28 * len(symbols)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(counts / most, SHADES, vmin=0, vmax=1, aspect="auto", interpolation="none")
    for (row, column), count in np.ndenumerate(counts):
        colour = PAPER if count > most / 2 else INK
        text = str(count) if count else "·"
        axes.text(column, row, text, ha="center", va="center_baseline", fontsize=7, color=colour)
    names = [_shown(symbol) for symbol in symbols[:-1]]
    axes.set_xticks(range(len(symbols)), [*names, "deleted"])
    axes.set_yticks(range(len(symbols)), [*names, "inserted"])
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False, labelsize=7)
    axes.set(xlabel="decoded as", ylabel="said")
    axes.xaxis.set_label_position("top")
    axes.spines[:].set_visible(False)
    return figure


def ranked(confusions: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    """Confusions, most frequent first; those of one count in the order of their symbols."""
    return sorted(confusions.items(), key=lambda item: (-item[1], item[0]))


@in_house_style
def search_time_figure(milliseconds: Sequence[float]) -> Figure:
    """Histogram of the time that the word search took per sentence, its median marked; at least one time."""
    figure = Figure(figsize=(WIDTH, 2.0), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(milliseconds, bins=min(40, max(8, len(milliseconds) // 5)), color=ACCENT, alpha=0.75)
    median = float(np.median(milliseconds))
    axes.axvline(median, color=INK, linewidth=1.1, linestyle=(0, (5, 3)))
    axes.text(
        median, 1.02, f"median {median:.1f} ms", ha="center", fontsize=SMALL, transform=axes.get_xaxis_transform()
    )
    axes.set(xlabel="milliseconds per sentence", ylabel="sentences")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    return figure
