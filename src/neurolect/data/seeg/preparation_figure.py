"""A picture of what preparing a subject's signals did: spectra before and after, and which contacts were used."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurolect.data.files import written_atomically
from neurolect.data.seeg.contact_names import contact_of, plain_name
from neurolect.data.seeg.conversion import prepared_channels
from neurolect.data.seeg.conversion_plan import RunPlan, SubjectPlan

_CHANNELS = 16
_SECONDS = 2.0


def draw_preparation(plan: SubjectPlan, path: Path) -> Path:
    """Draw the spectra of a subject's first recording and the map of its shafts as one PNG.

    Spectra are the median over the first 16 channels and over windows of two seconds; the band between the quartiles
    of channels is shaded.

    Args:
        plan: of the subject.
        path: of the picture, replaced if it is there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    run = plan.runs[0]
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    spectra, shafts = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_spectra(spectra, run, plan)
    _draw_shafts(shafts, run)
    figure.suptitle(f"{plan.info.name} ({run.raw.name})", fontsize=10)
    with written_atomically(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=130)
    return path


def _draw_spectra(axes: Any, run: RunPlan, plan: SubjectPlan) -> None:
    rows = [run.raw.channels.index(each.contact) for each in run.derived[:_CHANNELS]]
    before = _spectra((run.raw.read([row])[0] for row in rows), run.raw.sample_rate)
    after = _spectra(islice(prepared_channels(run, plan.preparation), _CHANNELS), plan.info.sample_rate)
    for (frequencies, power), rate, label in (
        (before, run.raw.sample_rate, "as recorded"),
        (after, plan.info.sample_rate, "prepared"),
    ):
        (line,) = axes.loglog(frequencies, np.median(power, axis=0), linewidth=1.2, label=f"{label}, {rate:g} Hz")
        low, high = np.quantile(power, (0.25, 0.75), axis=0)
        axes.fill_between(frequencies, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    # Beyond the stop band there is only rounding, which would squeeze the rest.
    shown = np.median(before[1], axis=0)
    axes.set_ylim(max(shown.min() * 1e-3, 1e-12), shown.max() * 10)
    axes.set(xlabel="Hz", ylabel="µV² / Hz")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _spectra(
    signals: Iterable[npt.NDArray[np.float32]], rate: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequencies in Hz without 0, and the power density (channels, frequencies) of signals that come one by one."""
    from scipy.signal import welch

    powers = []
    for signal in signals:
        length = min(round(_SECONDS * rate), len(signal))
        frequencies, power = welch(signal.astype(np.float64), rate, nperseg=length, average="median")
        powers.append(np.maximum(power[1:], 1e-30))
    return frequencies[1:], np.stack(powers)


def _draw_shafts(axes: Any, run: RunPlan) -> None:
    used_contacts = (name for each in run.derived for name in (each.contact, each.subtracted) if name)
    shown = dict.fromkeys([*(run.raw.channels[row] for row in run.raw.contact_rows()), *used_contacts])
    contacts = {plain_name(name): contact for name in shown if (contact := contact_of(name)) is not None}
    names = list(dict.fromkeys(contact.shaft for contact in contacts.values()))
    used = {each.name for each in run.derived}
    for chosen, colour, label in ((False, "0.8", "contact"), (True, "C1", "first contact of a prepared channel")):
        places = [
            (contact.number, names.index(contact.shaft))
            for name, contact in contacts.items()
            if (name in used) is chosen
        ]
        if places:
            axes.scatter(*zip(*places, strict=True), s=14, color=colour, label=label)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set(xlabel="contact, counted from the tip", ylabel="shaft")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
