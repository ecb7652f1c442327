"""The report of a classified split: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from neurolect.evaluation.accuracy import Accuracy, accuracy
from neurolect.evaluation.curves import curves_figure, panels_of, read_curves
from neurolect.evaluation.pages import percent, svg, write_page
from neurolect.evaluation.word_figures import accuracy_figure, word_confusion_figure
from neurolect.evaluation.words import ClassifiedWords

_MOST_CONFUSIONS = 20


def write_word_report(
    path: Path,
    title: str,
    facts: Mapping[str, str],
    words: ClassifiedWords,
    run: Path,
    step: float | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write accuracies, confusions and the course of training.

    Args:
        path: the file; an older one is replaced only once the new one is complete.
        title: heading.
        facts: what a reader must know to trust the numbers.
        words: the classified trials.
        run: run folder, for its `metrics.csv`.
        step: of training, that the weights are from.
        notes: what must be read before any number.
    """
    overall = accuracy(words.right())
    write_page(
        path,
        "word_report.html",
        title,
        facts,
        notes,
        filters={"interval": _interval},
        overall=overall,
        top_5=accuracy(words.right(5)),
        words=words,
        subjects=_subjects(words, overall),
        confusion_figure=_confusion_figure(words),
        confusions=most_confused(words)[:_MOST_CONFUSIONS],
        errors=overall.trials - overall.correct,
        curves=_curves(run, step),
    )


def most_confused(words: ClassifiedWords) -> list[tuple[str, str, int, int]]:
    """(said, answered, count, times said) of the words that were taken for others, most frequent first."""
    said, answered = np.nonzero(words.confusions * ~np.eye(len(words.words), dtype=np.bool_))
    found = [
        (words.words[one], words.words[other], int(words.confusions[one, other]), int(words.confusions[one].sum()))
        for one, other in zip(said, answered, strict=True)
    ]
    return sorted(found, key=lambda each: -each[2])


def _interval(found: Accuracy) -> str:
    return f"{percent(found.low)} to {percent(found.high)}"


def _subjects(words: ClassifiedWords, overall: Accuracy) -> Markup:
    described = ", ".join(f"{name} {percent(found.value)} %" for name, found in words.by_subject.items())
    figure = accuracy_figure(words.by_subject, overall, words.chance)
    return svg(figure, "subjects", f"Accuracy of each subject with its 95 % interval: {described}")


def _confusion_figure(words: ClassifiedWords) -> Markup:
    description = f"How often each of {len(words.words)} words was taken for each other"
    return svg(word_confusion_figure(words.confusions, words.words), "confusions", description)


def _curves(run: Path, step: float | None) -> Markup | None:
    panels = panels_of(read_curves(run), [("loss", "loss"), ("accuracy", "accuracy")])
    return svg(curves_figure(panels, step), "curves", "Loss and accuracy over training steps") if panels else None
