"""Decoded sentences as tables: all that is known of each trial, and the competition's submission."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from neurolect.data.files import written_atomically
from neurolect.evaluation.decode import DecodedTrial

HEADER = (
    "session", "block", "trial", "corpus", "sentence", "decoded", "phonemes", "decoded_phonemes",
    "total_score", "acoustic_score", "ngram_score", "search_ms",
)  # fmt: skip


def write_predictions(path: Path, trials: Sequence[DecodedTrial]) -> None:
    """One row per trial in the order decoded: where it was recorded, what was said and what was decoded."""
    with written_atomically(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_row(trial) for trial in trials)


def write_submission(path: Path, trials: Sequence[DecodedTrial]) -> None:
    """The file that the Brain-to-Text competition takes: `id,text`, ids counting from 0 in the order decoded."""
    with written_atomically(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "text"))
        writer.writerows((number, trial.text) for number, trial in enumerate(trials))


def _row(decoded: DecodedTrial) -> tuple[object, ...]:
    trial = decoded.trial
    best = decoded.hypotheses[0] if decoded.hypotheses else None
    scores = (best.total, best.acoustic, best.ngram) if best else ("", "", "")
    return (
        trial.session,
        trial.block,
        trial.number,
        trial.corpus or "",
        trial.sentence or "",
        decoded.text,
        " ".join(decoded.spoken_phonemes or ()),
        " ".join(decoded.phonemes),
        *(f"{score:.4f}" if score != "" else "" for score in scores),
        f"{1000 * decoded.search_seconds:.1f}",
    )
