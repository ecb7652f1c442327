"""The recordings that a run on segments was trained on, opened again with the run's own subjects and splits."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.seeg.layout import find_subjects
from neurolect.data.seeg.segment_data import SegmentData
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.data.seeg.word_data import WordData
from neurolect.data.seeg.word_splits import trials_of
from neurolect.errors import ConfigError, DataError
from neurolect.training.segment_runs import VERBS, SegmentRun

_OF_A_SPLIT = ("protocol", "seed", "validation_fraction", "test_fraction", "missing")
_OF_SEGMENTS = (*_OF_A_SPLIT, "source", "segment_seconds")


def word_data_of(run: SegmentRun, root: Path | None = None) -> WordData:
    """The trials that a run was trained on, or those of another folder, split as the run's were.

    Args:
        run: knows words.
        root: another folder of subjects; those that the run does not know are left out.

    Raises:
        ConfigError: the run knows no words, or does not say where its trials are.
        DataError: the folder has none of the run's subjects, or none of its words.
    """
    if not run.words:
        raise ConfigError(f"a run of '{run.verb}' knows no words; '{VERBS['words']}' makes one that does")
    folder = _root(run, root)
    known = _known(run, folder)
    data = WordData(
        root=folder,
        subjects=[each.subject for each in known],
        channels={each.subject: list(each.channels) for each in known},
        word_list=run.words,
        **{name: run.data[name] for name in _OF_A_SPLIT if name in run.data},
    )
    if not any(word in run.words for subject in data.opened for word in trials_of(subject).words):
        hint = "; 'import duin --words' names those of a checkpoint" if "imported" in run.data else ""
        raise DataError(f"{folder}: none of the run's words occurs ('{run.words[0]}' … '{run.words[-1]}'){hint}")
    return data


def is_own_data(run: SegmentRun, root: Path) -> bool:
    """Whether a folder is the one that a run was trained on."""
    return "root" in run.data and Path(run.data["root"]).resolve() == root.resolve()


def segment_data_of(run: SegmentRun, root: Path | None = None) -> SegmentData:
    """The recordings that a run was pre-trained on, or those of another folder, split as the run's were.

    Args:
        run: of pre-training.
        root: another folder, with all of the run's subjects.

    Raises:
        ConfigError: the run does not say where its recordings are.
        DataError: the folder lacks a subject.
    """
    folder = _root(run, root)
    return SegmentData(
        root=folder,
        subjects=run.subjects,
        channels={each.subject: list(each.channels) for each in run.inputs},
        **{name: run.data[name] for name in _OF_SEGMENTS if name in run.data},
    )


def _root(run: SegmentRun, root: Path | None) -> Path:
    if root is None and "root" not in run.data:
        raise ConfigError("the run does not say where its recordings are; name the folder with --data")
    return root or Path(run.data["root"])


def _known(run: SegmentRun, folder: Path) -> list[SubjectInput]:
    there = {subject.info.name for subject in find_subjects(folder)}
    known = [each for each in run.inputs if each.subject in there]
    if not known:
        raise DataError(f"{folder}: has none of the run's subjects ({', '.join(run.subjects)})")
    return known
