"""The report of a run on segments: the course of training, and what the model has learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from neurolect.data.seeg.layout import find_subjects
from neurolect.errors import DataError, NeurolectError
from neurolect.evaluation.curves import curves_figure, panels_of, read_curves
from neurolect.evaluation.pages import SIMULATED, svg, write_page
from neurolect.evaluation.pretraining_figures import (
    codebook_figure,
    importance_figure,
    reconstruction_figure,
    spectrum_figure,
)
from neurolect.evaluation.reconstruction import Reconstruction, reconstruct
from neurolect.evaluation.run_data import segment_data_of
from neurolect.evaluation.run_facts import is_simulated, run_facts, told_metrics
from neurolect.training.segment_runs import SegmentRun

REPORT = "report.html"
_PANELS = (
    ("loss", "loss"),
    ("reconstruction", "reconstruction loss"),
    ("accuracy", "accuracy"),
    ("correlation", "correlation"),
    ("codes_used", "codes used"),
    ("perplexity", "perplexity of codes"),
)


def write_run_report(folder: Path, run: SegmentRun, root: Path | None = None) -> list[str]:
    """Write `report.html` into a run folder.

    Args:
        folder: of the run, for its `metrics.csv` and its settings.
        run: opened from it.
        root: folder of subjects; None is the one the run was trained on. Without recordings, reconstructions and
            regions are left out.

    Returns:
        what has to be said beside the report.
    """
    notes = [SIMULATED] if is_simulated(run) else []
    reconstruction = None
    if run.task == "vqvae":
        try:
            reconstruction = reconstruct(run, segment_data_of(run, root))
        except NeurolectError as error:
            notes.append(f"Nothing was reconstructed: {error}")
    panels = panels_of(read_curves(folder), _PANELS)
    importance = channel_importance(run)
    known = regions(run, root)
    write_page(
        folder / REPORT,
        "run_report.html",
        f"{folder.name}: {run.verb}",
        run_facts(folder, run),
        notes,
        metrics=told_metrics(run),
        curves=[
            svg(
                curves_figure(panels[start : start + 3], run.metrics.get("step")),
                f"curves{start}",
                "Metrics over steps",
            )
            for start in range(0, len(panels), 3)
        ],
        reconstruction=reconstruction,
        figures=_figures(run, reconstruction),
        importance=importance,
        regions=known,
        importance_figure=svg(
            importance_figure(importance, known), "importance", "Weight of each channel in the subject's layer"
        )
        if importance
        else None,
    )
    return notes


def channel_importance(run: SegmentRun) -> dict[str, dict[str, float]]:
    """Subject → channel → mean size of the weights that leave it; empty where the model has no such layer."""
    measure = getattr(getattr(run.model, "encoder", None), "channel_importance", None)
    if measure is None:
        return {}
    with torch.inference_mode():
        weights = measure().float().cpu().numpy()
    return {
        each.subject: dict(zip(each.channels, map(float, row), strict=False))
        for each, row in zip(run.inputs, weights, strict=True)
    }


def regions(run: SegmentRun, root: Path | None = None) -> dict[str, dict[str, str]]:
    """Subject → channel → region, as far as the recordings are at hand and say."""
    folder = root or (Path(run.data["root"]) if "root" in run.data else None)
    try:
        there = find_subjects(folder, run.subjects) if folder else []
    except DataError:
        return {}
    return {subject.info.name: dict(subject.info.regions) for subject in there}


def _figures(run: SegmentRun, found: Reconstruction | None) -> Mapping[str, object]:
    if found is None:
        return {}
    ordered = np.sort(found.code_counts)[::-1]
    return {
        "examples": svg(
            reconstruction_figure(found.examples, run.sample_rate),
            "examples",
            f"Recorded and reconstructed signals of {len(found.examples)} channels",
        ),
        "spectrum": svg(spectrum_figure(found), "spectrum", "Power of recorded and reconstructed signals"),
        "codes": svg(
            codebook_figure(found.code_counts),
            "codes",
            f"{found.codes_used} of {len(ordered)} codes are used, the most frequent {ordered[0]} times",
        ),
    }
