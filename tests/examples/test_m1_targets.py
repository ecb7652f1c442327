"""The example on monkey recordings: how sequences are cut, and one short run where the recordings are at hand."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT.parent / "shared" / "real" / "m1_multiday"


def _import_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("m1_targets", ROOT / "examples" / "m1_targets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules["m1_targets"] = module
    spec.loader.exec_module(module)
    return module


m1 = _import_example()


@pytest.fixture
def day(rng: np.random.Generator) -> m1.Day:
    """Twenty reaches of six bins, one every ten bins; the third is not rewarded and the last channel is silent."""
    rates = rng.poisson(2.0, (200, 4)).astype(np.float32)
    rates[:, 3] = 0
    rewarded = np.arange(20) != 2
    go = np.arange(2, 202, 10)
    return m1.Day("Day0", rates, go, go + 6, np.arange(20, dtype=np.int32) % 8 + 1, rewarded)


def test_every_run_of_rewarded_reaches_is_a_sequence_to_train_on():
    rewarded = np.array([True, True, False, True, True, True])
    assert m1.sequences(rewarded, range(6), 2, overlap=True) == [range(2), range(3, 5), range(4, 6)]


def test_sequences_side_by_side_begin_again_after_a_reach_without_reward():
    rewarded = np.array([True, False, True, True, True, True, True])
    assert m1.sequences(rewarded, range(7), 2, overlap=False) == [range(2, 4), range(4, 6)]


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 40), st.integers(0, 40), st.integers(1, 5), st.booleans())
def test_sequences_are_rewarded_and_inside_their_part(rewarded, start, stop, length, overlap):
    part = range(start, min(stop, len(rewarded)))
    found = m1.sequences(np.array(rewarded, dtype=bool), part, length, overlap)
    assert all(len(reaches) == length and set(reaches) <= set(part) for reaches in found)
    assert all(rewarded[reach] for reaches in found for reach in reaches)
    used = [reach for reaches in found for reach in reaches]
    assert overlap or len(used) == len(set(used))


def test_a_sequence_lasts_from_its_first_go_cue_to_its_last_end(day):
    mean, std = day.mean_and_std
    first = m1.trials(day, "test")[0]
    assert (first.session, first.number, first.labels.tolist()) == ("Day0", 14, [7, 8, 1])
    np.testing.assert_allclose(first.features, (day.rates[142:168] - mean) / std, rtol=1e-6)


def test_training_takes_two_to_four_reaches_and_the_rest_three(day):
    assert {len(trial.labels) for trial in m1.trials(day, "train")} == {2, 3, 4}
    assert {len(trial.labels) for split in ("val", "test") for trial in m1.trials(day, split)} == {3}


def test_the_parts_of_a_day_are_in_order_and_share_no_reach(day):
    assert [day.parts[split] for split in ("train", "val", "test")] == [range(11), range(11, 14), range(14, 20)]


def test_adapting_on_fewer_reaches_takes_the_first_and_leaves_the_other_parts(day):
    fewer = replace(day, n_training=4)
    assert fewer.parts == {**day.parts, "train": range(4)}


def test_what_comes_after_the_training_part_does_not_change_training_features(day):
    rates = day.rates.copy()
    rates[day.end[10] :] += 5
    for before, after in zip(m1.trials(day, "train"), m1.trials(replace(day, rates=rates), "train"), strict=True):
        np.testing.assert_array_equal(before.features, after.features)


def test_features_can_be_scaled_as_another_day_was(day):
    louder = replace(day, rates=2 * day.rates)
    mean, std = day.mean_and_std
    features = m1.trials(louder, "test", z_scored_as=day)[0].features
    np.testing.assert_allclose(features, (2 * day.rates[142:168] - mean) / std, rtol=1e-6)


def test_a_silent_channel_is_zero_and_not_nan(day):
    assert all((trial.features[:, 3] == 0).all() for trial in m1.trials(day, "train"))


def test_the_best_constant_answer_is_the_middle_of_the_sequences():
    assert m1.best_constant([[1, 2, 3], [1, 2, 4], [1, 5, 3]]) == [1, 2, 3]


def test_exchanged_answers_are_counted_against_every_other_sequence():
    counts = m1.exchanged([[1, 2], [1, 3], [4, 4]], [[1, 2], [1, 3], [4, 4]])
    assert counts.errors.tolist() == [1 + 2, 1 + 2, 2 + 2]
    assert counts.lengths.tolist() == [4, 4, 4]


def test_recordings_that_are_not_there_are_named_with_exit_status_2(tmp_path, capsys):
    assert m1.main(["--data", str(tmp_path)]) == 2
    assert f"{tmp_path / 'Day0.mat'}: no such file; --data names" in capsys.readouterr().err


def test_a_file_of_another_kind_is_named_with_exit_status_2(tmp_path, capsys):
    (tmp_path / "Day0.mat").write_bytes(b"no MATLAB file, but long enough to have a header " * 10)
    assert m1.main(["--data", str(tmp_path)]) == 2
    assert f"{tmp_path / 'Day0.mat'}: not a MATLAB file" in capsys.readouterr().err


def test_one_reach_is_too_few_to_adapt_on(capsys):
    with pytest.raises(SystemExit) as exit_:
        m1.main(["--adapt", "1"])
    assert exit_.value.code == 2
    assert "a sequence has at least 2 reaches" in capsys.readouterr().err


@pytest.mark.skipif(not (RECORDINGS / "Day16.mat").is_file(), reason="the monkey recordings are not here")
def test_a_short_run_on_the_recordings_beats_chance_and_reports_every_condition(tmp_path, capsys):
    figure, out = tmp_path / "bars.png", tmp_path / "rates.json"
    assert m1.main(["--data", str(RECORDINGS), "--quick", "--figure", str(figure), "--json", str(out)]) == 0
    rates = json.loads(out.read_text(encoding="utf-8"))["target_error_rate"]
    assert list(rates) == [
        "chance: constant answer",
        "chance: exchanged answers",
        "day 0",
        "day 16, nothing changed",
        "day 16, z-scored anew",
        "day 16, new day layer",
        "day 16, all weights tuned",
        "day 16, trained alone",
    ]
    chance = min(rates[name]["low"] for name in rates if name.startswith("chance"))
    assert rates["day 0"]["high"] < chance
    assert rates["day 16, new day layer"]["rate"] < rates["day 16, nothing changed"]["rate"]
    assert figure.read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert all(condition in shown for condition in rates)
