"""From a run and recordings to everything that is reported about a split."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from neurolect.data.dataset import SpeechData
from neurolect.data.files import written_atomically
from neurolect.data.t15 import MissingValues, Split, find_sessions
from neurolect.decoding.logits_file import LogitsFile
from neurolect.errors import DataError
from neurolect.evaluation.decode import DecodedTrial
from neurolect.evaluation.predictions import write_predictions, write_submission
from neurolect.evaluation.report import write_report
from neurolect.evaluation.scores import Scores, phoneme_scores, word_scores, word_scores_keeping_hyphens
from neurolect.training.runs import Run


@dataclass(frozen=True)
class Evaluation:
    """A decoded split and its error rates.

    Args:
        trials: in the order decoded.
        scores: phoneme and word error rates; empty where the recordings have no labels.
    """

    trials: list[DecodedTrial]
    scores: list[Scores]

    @classmethod
    def of(cls, trials: Iterable[DecodedTrial]) -> Evaluation:
        """Decode what is still undecoded and count."""
        trials = list(trials)
        scores = (phoneme_scores(trials), word_scores(trials), word_scores_keeping_hyphens(trials))
        return cls(trials, [each for each in scores if each is not None])

    @property
    def search_milliseconds(self) -> float:
        """Median CPU time of a sentence's word search."""
        times = sorted(trial.search_seconds for trial in self.trials)
        return 1000 * times[len(times) // 2] if times else 0.0

    def write(self, out: Path, run: Run, title: str, facts: Mapping[str, str], notes: Sequence[str] = ()) -> None:
        """Write predictions.csv, submission.csv, scores.json and report.html to a folder."""
        out.mkdir(parents=True, exist_ok=True)
        write_predictions(out / "predictions.csv", self.trials)
        write_submission(out / "submission.csv", self.trials)
        with written_atomically(out / "scores.json") as partial:
            result = {
                "facts": dict(facts),
                "scores": {each.name: asdict(each) for each in self.scores},
                "search_milliseconds": self.search_milliseconds,
            }
            partial.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        write_report(out / "report.html", title, facts, self.scores, self.trials, run.alphabet, run.patching, notes)

    def write_logits(self, out: Path) -> None:
        """Write every trial's logits to logits.npz and what was said to sentences.txt, a line for each trial."""
        logits = np.concatenate([trial.logits for trial in self.trials])
        LogitsFile(logits, np.array([len(trial.logits) for trial in self.trials])).write(out / "logits.npz")
        sentences = ["" if trial.trial.sentence is None else trial.trial.sentence for trial in self.trials]
        with written_atomically(out / "sentences.txt") as partial:
            partial.write_text("".join(" ".join(each.split()) + "\n" for each in sentences), encoding="utf-8")


def recordings_of(
    run: Run,
    root: Path | None,
    split: Split,
    sessions: Sequence[str] | None = None,
    missing: MissingValues | None = None,
) -> SpeechData:
    """The sessions of a folder that a run has day layers for and that have the split, in the run's order.

    Args:
        run: the trained run.
        root: folder of sessions; None is the one the run was trained on.
        split: which files.
        sessions: keep only these.
        missing: what to do with NaN and infinite features; None does what the run was trained with.

    Raises:
        DataError: no session is left, a named one is not there, or the run does not say where its data were.
    """
    if root is None:
        if "root" not in run.data:
            raise DataError("the run does not say where its recordings are; name the folder with --data")
        root = Path(run.data["root"])
        if not root.is_dir():
            raise DataError(f"{root}: the recordings of the run are not there any more; name their folder with --data")
    found = {session.name: session for session in find_sessions(root) if session.has(split)}
    for name in sessions or ():
        if name not in found or name not in run.sessions:
            raise DataError(f"{root}: session {name} has no data_{split}.hdf5, or the run has no day layer for it")
    chosen = [name for name in run.sessions if name in found and (sessions is None or name in sessions)]
    if not chosen:
        known = f"{', '.join(run.sessions[:3])}{', …' if len(run.sessions) > 3 else ''}"
        raise DataError(f"{root}: no session with data_{split}.hdf5 that the run has a day layer for ({known})")
    missing = missing or run.data.get("missing", "refuse")
    return SpeechData(root, sessions=chosen, feature_blocks=run.feature_blocks, missing=missing)


def sessions_left_out(run: Run, root: Path, split: Split) -> list[str]:
    """Sessions that have the split but no day layer in the run."""
    return [session.name for session in find_sessions(root) if session.has(split) and session.name not in run.sessions]
