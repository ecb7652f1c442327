"""The accuracy that the reference's code reports of a word run, read from its metrics.

Per subject, the epochs with the highest validation accuracy, and of these the one with the highest **test** accuracy,
whose test accuracy is reported: the test trials take part in the choice, so the figure is too good.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from neurolect.training.metrics import read_metrics
from neurolect.training.run_files import read_description, write_description

RULE = (
    "reference: per subject the test accuracy of the epoch with the best validation accuracy, of equals the one with "
    "the best test accuracy; test trials took part in the choice"
)


def keep_reference_accuracies(folder: Path) -> float:
    """Add the figures and their rule to the description of a finished run; returns the mean over subjects."""
    description = read_description(folder)
    found = reference_accuracies(read_metrics(folder / "metrics.csv"), list(description["inputs"]))
    description["metrics"] |= found
    description["data"]["reference_accuracy"] = RULE
    write_description(folder, description)
    return found["test/accuracy/reference"]


def reference_accuracies(metrics: Iterable[tuple[int, str, float]], subjects: Sequence[str]) -> dict[str, float]:
    """What the reference reports.

    Args:
        metrics: rows (step, metric, value) of a run of the `reference` protocol.
        subjects: names.

    Returns:
        `test/accuracy/<subject>` for each subject that was tested, and their mean `test/accuracy`, each with
        `/reference` behind it.
    """
    by_step: dict[tuple[int, str], float] = {(step, name): value for step, name, value in metrics}
    steps = sorted({step for step, _ in by_step})
    found: dict[str, float] = {}
    for subject in subjects:
        pairs = [
            (
                round(by_step[step, f"val/accuracy/{subject}"], 4),
                by_step.get((step, f"test/accuracy/{subject}"), -math.inf),
            )
            for step in steps
            if (step, f"val/accuracy/{subject}") in by_step
        ]
        if pairs and max(pairs)[1] > -math.inf:
            found[f"test/accuracy/{subject}/reference"] = max(pairs)[1]
    if found:
        found["test/accuracy/reference"] = sum(found.values()) / len(found)
    return found
