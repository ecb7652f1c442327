"""Classified words as files: a table of the answers, and scores for programs to read."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neurolect.data.files import written_atomically
from neurolect.evaluation.accuracy import accuracy
from neurolect.evaluation.words import ClassifiedWords

HEADER = ("subject", "run", "trial", "said", "answered", "probability", "top_5")


def write_word_predictions(path: Path, words: ClassifiedWords) -> None:
    """One row per trial: where it was recorded, what was said, the answer with its probability, and the five best."""
    with written_atomically(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for trial, ranking, shares in zip(words.trials, words.ranking, words.probabilities, strict=True):
            best = [words.words[place] for place in ranking[:5]]
            writer.writerow(
                (
                    words.subjects[trial.subject],
                    trial.run,
                    trial.trial,
                    trial.word,
                    best[0],
                    f"{shares[ranking[0]]:.4f}",
                    " ".join(best),
                )
            )


def word_scores(words: ClassifiedWords, facts: Mapping[str, str], notes: Sequence[str] = ()) -> dict[str, Any]:
    """What `scores.json` holds: accuracy over all trials, by subject and by word; fractions."""
    return {
        "facts": dict(facts),
        "notes": list(notes),
        "words": len(words.words),
        "chance": words.chance,
        "accuracy": asdict(accuracy(words.right())),
        "top_5": asdict(accuracy(words.right(5))),
        "by_subject": {name: asdict(found) for name, found in words.by_subject.items()},
        "by_word": {word: asdict(found) for word, found in words.by_word.items()},
    }


def write_word_scores(path: Path, words: ClassifiedWords, facts: Mapping[str, str], notes: Sequence[str] = ()) -> None:
    """Write `word_scores` as JSON."""
    with written_atomically(path) as partial:
        scores = json.dumps(word_scores(words, facts, notes), indent=1, ensure_ascii=False)
        partial.write_text(scores + "\n", encoding="utf-8")
