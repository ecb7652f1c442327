"""What a reader must know of a run on segments to trust its numbers, in a few words each."""

from __future__ import annotations

from pathlib import Path

from neurolect import __version__
from neurolect.training.run_files import read_settings
from neurolect.training.segment_runs import SegmentRun

PROTOCOLS = {
    "clean": "clean: runs are split in time, the z-score is fitted on what trains, validation alone chooses the epoch",
    "reference": "reference: split, z-score and choice of the epoch as published, which flatters (docs/protocols.md)",
}


def run_facts(folder: Path, run: SegmentRun) -> dict[str, str]:
    """Facts in the order shown."""
    settings = read_settings(folder)
    started = run.data.get("start_from")
    imported = run.data.get("imported")
    origin = f"imported from {imported}" if imported else f"made by '{run.verb}'"
    facts = {
        "run": f"{folder}, {origin}{of_step(run)}",
        "model": f"{type(run.model).__name__}, {n_parameters(run):,} parameters",
        "recordings": f"{run.data.get('root', 'unknown')}{' (simulated)' if is_simulated(run) else ''}",
        "subjects": ", ".join(run.subjects),
        "channels": ", ".join(f"{each.subject}: {len(each.channels)}" for each in run.inputs),
        "segments": f"{run.n_samples / run.sample_rate:g} s at {run.sample_rate:g} Hz",
        "protocol": PROTOCOLS.get(str(run.data.get("protocol")), str(run.data.get("protocol", "unknown"))),
        "seeds": f"training {settings.get('seed', 'unknown')}, data {run.data.get('seed', 'unknown')}",
        "began from": str(started or ("not known" if imported else "random weights")),
    }
    if imported:
        facts["z-score"] = "not known; signals are taken to be z-scored already"
    if run.data.get("teacher"):
        facts["codes of"] = str(run.data["teacher"])
    if "test/accuracy/reference" in run.metrics:
        share = 100 * run.metrics["test/accuracy/reference"]
        facts["test accuracy as published"] = f"{share:.2f} %; {run.data.get('reference_accuracy', '')}"
    return facts | {"neurolect": __version__}


def told_metrics(run: SegmentRun) -> dict[str, float]:
    """What training reported for a run's weights, with epochs counted from 1 as on the terminal."""
    return {name: value + (name == "epoch") for name, value in run.metrics.items()}


def is_simulated(run: SegmentRun) -> bool:
    """Whether a run was trained on simulated recordings."""
    return bool(run.data.get("simulated"))


def n_parameters(run: SegmentRun) -> int:
    """Trainable parameters."""
    return sum(parameter.numel() for parameter in run.model.parameters() if parameter.requires_grad)


def of_step(run: SegmentRun) -> str:
    """Which of training's weights a run holds, as its facts end with it; empty where that is not known."""
    return f", weights of step {run.metrics['step']:.0f}" if "step" in run.metrics else ""
