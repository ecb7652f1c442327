"""The example on monkey reaches as words: what each part sees, and one short run where the recordings are at hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT.parent / "shared" / "real" / "m1_multiday"


def _import_example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses, and the examples themselves, look each other up by name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


m1_targets = _import_example("m1_targets")
example = _import_example("m1_words")


@pytest.fixture
def day(rng: np.random.Generator) -> m1_targets.Day:
    """Forty reaches, one every fifty bins; the fourth is not rewarded."""
    go = np.arange(5, 2005, 50)
    rates = rng.poisson(2.0, (2010, 4)).astype(np.float32)
    return m1_targets.Day("Day0", rates, go, go + 25, np.arange(40, dtype=np.int32) % 8 + 1, np.arange(40) != 3)


def test_trials_are_rewarded_reaches_from_their_go_cue(day, tmp_path):
    data = example.write_reaches(day, tmp_path)
    trials = example.open_subject(tmp_path / example.SUBJECT).trials
    assert trials.signals.shape == (39, 4, 32)
    np.testing.assert_array_equal(trials.signals[3].T, day.rates[205:237])
    assert trials.words[:5] == ["1", "2", "3", "5", "6"]
    assert data.sample_rate == 20


def test_pre_training_sees_nothing_after_the_last_training_trial(day, tmp_path):
    data = example.write_reaches(day, tmp_path / "reaches")
    example.write_unlabelled(day, data, tmp_path / "unlabelled", seed=0)
    recording = example.open_subject(tmp_path / "unlabelled" / example.SUBJECT).recordings[0]
    held_out = [each.trial for split in ("val", "test") for each in data.trials(split)]
    onsets = example.open_subject(tmp_path / "reaches" / example.SUBJECT).trials.onsets
    assert recording.n_samples * example.BIN_SECONDS <= min(onsets[held_out])


def test_few_labels_are_the_first_of_training_and_leave_the_other_parts(day, tmp_path):
    data = example.write_reaches(day, tmp_path)
    few = example.FewLabels(tmp_path, validation_fraction=0.15, test_fraction=0.3, n_labels=8)
    assert few.trials("train") == data.trials("train")[:8]
    assert few.trials("test") == data.trials("test")
    assert sum(len(batch) for batch in few.training_epoch(0)) == 8


def test_recordings_that_are_not_there_are_named_with_exit_status_2(tmp_path, capsys):
    assert example.main(["--data", str(tmp_path)]) == 2
    assert f"{tmp_path / 'Day0.mat'}: no such file" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not at hand")
def test_a_short_run_names_most_targets_of_the_same_day(capsys):
    assert example.main(["--epochs", "20", "--seeds", "0", "--labels"]) == 0
    shown = capsys.readouterr().out
    accuracies = [int(line.split("│")[3]) for line in shown.splitlines() if line.startswith("│ all")]
    assert len(accuracies) == 3
    assert min(accuracies) > 80
