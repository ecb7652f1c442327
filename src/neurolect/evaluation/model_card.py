"""The model card of a run on segments, `README.md` in its folder: what it is, and what it must not be used for."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from neurolect.data.files import written_atomically
from neurolect.data.seeg.layout import Subject
from neurolect.data.seeg.word_data import WordData
from neurolect.data.t15 import Split
from neurolect.errors import NeurolectError
from neurolect.evaluation.pages import render
from neurolect.evaluation.run_data import segment_data_of, word_data_of
from neurolect.evaluation.run_facts import PROTOCOLS, is_simulated, n_parameters, of_step, told_metrics
from neurolect.training.run_files import read_json, read_settings
from neurolect.training.segment_runs import SegmentRun

CARD = "README.md"
_SPLITS: tuple[Split, ...] = ("train", "val", "test")
_PACKAGES = ("neurolect", "torch", "lightning", "numpy", "scipy")
_PURPOSES = {
    "vqvae": "An autoencoder that turns intracranial signals into codes: the first stage of pre-training.",
    "mae": "A model that guesses the codes of hidden stretches of signals: the second stage of pre-training.",
    "words": "A classifier of spoken words from intracranial signals.",
    "phonemes": "A tagger of the initials and finals of spoken Mandarin words from intracranial signals.",
    "alignment": "An encoder of intracranial signals into the space of word embeddings.",
}


@dataclass(frozen=True)
class SubjectRow:
    """What one subject gave: channels, and trials or seconds by split, where the recordings are at hand."""

    name: str
    channels: tuple[str, ...]
    amounts: dict[str, str]
    source: str
    preparation: list[str]


def write_model_card(folder: Path, run: SegmentRun, root: Path | None = None) -> Path:
    """Write the card from what is on disk: description, settings, and the scores of every split that was classified.

    Scores of weights that the run no longer holds are named and not shown.

    Args:
        folder: of the run.
        run: opened from it.
        root: folder of subjects; None is the one the run was trained on. Without recordings, amounts are left out.

    Returns:
        the file.
    """
    settings = read_settings(folder)
    path = folder / CARD
    scores = _scores(folder)
    outdated = [each["name"] for each in scores if not _is_of(run, each)]
    card = render(
        "model_card.md",
        autoescape=False,
        name=folder.resolve().name,
        purpose=_PURPOSES[run.task],
        run=run,
        parameters=n_parameters(run),
        metrics=told_metrics(run),
        simulated=is_simulated(run),
        recordings=Path(run.data["root"]).name if "root" in run.data else "unknown",
        subjects=_subject_rows(run, root),
        protocol=PROTOCOLS.get(str(run.data.get("protocol")), "unknown"),
        split=_split(run.data),
        seeds={"training": settings.get("seed"), "data": run.data.get("seed")},
        started=run.data.get("start_from"),
        teacher=run.data.get("teacher"),
        recipe=yaml.safe_dump(_recipe(settings), sort_keys=False, allow_unicode=True) if settings else "",
        scores=[each for each in scores if each["name"] not in outdated],
        outdated=outdated,
        rule=run.data.get("reference_accuracy"),
        versions={"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    )
    with written_atomically(path) as partial:
        partial.write_text(card, encoding="utf-8")
    return path


def _subject_rows(run: SegmentRun, root: Path | None) -> list[SubjectRow]:
    amounts: list[dict[str, str]] = [{} for _ in run.inputs]
    opened: list[Subject | None] = [None for _ in run.inputs]
    try:
        if run.task in ("vqvae", "mae"):
            segments = segment_data_of(run, root)
            opened = list(segments.opened)
            amounts = [
                {split: _seconds(found[split], segments.sample_rate) for split in _SPLITS}
                for found in segments.stretches
            ]
        else:
            words = word_data_of(run, root)
            if [subject.info.name for subject in words.opened] == run.subjects:
                opened, amounts = list(words.opened), _trials(words)
    except (NeurolectError, OSError):
        # A card is written for runs that have left their recordings behind, too.
        pass
    return [
        SubjectRow(
            name=known.subject,
            channels=known.channels,
            amounts=amount,
            source=subject.info.source if subject else "",
            preparation=subject.info.preparation if subject else [],
        )
        for known, amount, subject in zip(run.inputs, amounts, opened, strict=True)
    ]


def _seconds(stretches: Any, sample_rate: float) -> str:
    return f"{sum(stop - start for _, start, stop in stretches) / sample_rate:,.0f} s"


def _trials(words: WordData) -> list[dict[str, str]]:
    amounts: list[dict[str, str]] = [{} for _ in words.opened]
    for split in _SPLITS:
        trials = words.trials(split)
        for index, amount in enumerate(amounts):
            amount[split] = f"{sum(trial.subject == index for trial in trials):,} trials"
    return amounts


def _split(data: Mapping[str, Any]) -> str:
    names = {"validation_fraction": "validation", "test_fraction": "test"}
    shares = ", ".join(f"{name} {100 * data[key]:g} %" for key, name in names.items() if key in data)
    return shares if data.get("protocol") == "clean" else ""


def _recipe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that make the run, without the places of one machine."""
    kept = {
        key: value for key, value in settings.items() if key not in ("out", "config", "resume", "start_from", "teacher")
    }
    if isinstance(kept.get("data"), dict):
        kept["data"] = {key: value for key, value in kept["data"].items() if key not in ("root", "channels")}
    return kept


def _scores(folder: Path) -> list[dict[str, Any]]:
    """The `scores.json` of classified words, one for each folder of `evaluation`."""
    found = []
    for path in sorted((folder / "evaluation").glob("*/scores.json")):
        scores = read_json(path)
        if "accuracy" in scores:
            found.append({"name": path.parent.name, **scores})
    return found


def _is_of(run: SegmentRun, scores: Mapping[str, Any]) -> bool:
    """Whether scores are of the weights that a run holds; training that was gone on with may have kept others since."""
    return str(scores.get("facts", {}).get("run", "")).endswith(of_step(run))
