"""Real trials of Brain-to-Text '25 with what the released model made of them: read, parted, turned into posteriors.

The trials are not part of neurolect. They hold the model's greedy phonemes and its phoneme n-best with
log-probabilities; its logits are not published, so they are rebuilt from these strings and from phoneme confusions of
other recordings (participant T12, two other models); see `neurolect.decoding.pseudo_posteriors`.

Sessions are put in order, and every second one, beginning with the first, is the tuning half; the others are reported.
The halves are not equally hard: all random-word and OpenWebText trials happen to fall into the tuning half.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurolect.decoding.logits_file import LogitsFile
from neurolect.decoding.pseudo_posteriors import PhonemeErrors, rebuild_logits
from neurolect.text.alphabet import PHONEMES
from neurolect.text.error_rates import ErrorCounts
from neurolect.text.normalise import normalise_for_evaluation

TRIALS = Path(__file__).parents[2] / "shared" / "real" / "t15_val_dev.csv"
CONFUSIONS = "t12_phonemes_dev.json"
PROMPTS = "transcripts_train.txt"

Row = dict[str, str]


def read_halves(path: Path) -> dict[str, list[Row]]:
    """Trials of a file in halves."""
    with path.open(newline="", encoding="utf-8") as file:
        return halves(list(csv.DictReader(file)))


def halves(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Trials of the 1st, 3rd, … session as `tuning`, of the 2nd, 4th, … as `reported`."""
    tuning = set(sorted({row["session"] for row in rows})[::2])
    return {
        "tuning": [row for row in rows if row["session"] in tuning],
        "reported": [row for row in rows if row["session"] not in tuning],
    }


def spoken(rows: Sequence[Row]) -> list[str]:
    """What was said, as error rates compare it."""
    return [normalise_for_evaluation(row["sentence"]) for row in rows]


def read_confusions(path: Path) -> PhonemeErrors:
    """Phoneme confusions of the two models of T12."""
    trials = json.loads(path.read_text(encoding="utf-8"))
    models = ("gru", "transformer")
    return PhonemeErrors.estimate(
        [trial[f"true_seqs_{model}"] for model in models for trial in trials],
        [trial[f"decoded_seqs_{model}"] for model in models for trial in trials],
    )


def posteriors(rows: Sequence[Row], confusions: PhonemeErrors) -> LogitsFile:
    """Rebuilt logits of every trial, one after the other."""
    rebuilt = [
        rebuild_logits(
            PHONEMES.encode(row["greedy"].split()),
            [(score, PHONEMES.encode(text.split())) for score, text in json.loads(row["nbest"] or "[]")],
            confusions,
        )
        for row in rows
    ]
    return LogitsFile(np.concatenate(rebuilt), np.array([len(each) for each in rebuilt]))


def unseen_prompts(path: Path, halves: dict[str, list[Row]]) -> list[str]:
    """Sentences that participants were asked to say in training, but for those that a trial of either half has."""
    measured = {sentence for rows in halves.values() for sentence in spoken(rows)}
    prompts = map(normalise_for_evaluation, path.read_text(encoding="utf-8").splitlines())
    return [sentence for sentence in prompts if sentence and sentence not in measured]


def fewer_errors(before: ErrorCounts, after: ErrorCounts) -> ErrorCounts:
    """Errors that are gone in each trial, so that their rate and its interval are those of the difference."""
    kinds = ("substitutions", "insertions", "deletions")
    return ErrorCounts(*(getattr(before, kind) - getattr(after, kind) for kind in kinds), before.lengths)
