from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.evaluation.sweep_statistics import MeanAccuracy, summarise
from neurolect.evaluation.sweep_table import SweepRow


def row(subject, initialisation, seed, accuracy, words=61):
    return SweepRow(subject, initialisation, seed, "finished", 1, 0.5, accuracy, words)


FOUND = {
    ("a", "scratch"): {0: 0.50, 1: 0.54},
    ("b", "scratch"): {0: 0.20, 1: 0.30},
    ("c", "scratch"): {0: 0.60},
    ("a", "mae"): {0: 0.60, 1: 0.58},
    ("b", "mae"): {0: 0.22, 1: 0.36},
    ("c", "mae"): {1: 0.90},
}
ROWS = [row(*cell, seed, accuracy) for cell, seeds in FOUND.items() for seed, accuracy in seeds.items()]


def test_seeds_are_averaged_within_a_subject_and_subjects_over_these_means():
    summary = summarise(ROWS)
    assert summary.cells["a", "scratch"].mean == pytest.approx(0.52)
    assert summary.cells["a", "scratch"].standard_error == pytest.approx(0.02)
    # By hand: subject means 0.52, 0.25, 0.60.
    scratch = summary.overall["scratch"]
    assert scratch.number == 3
    assert scratch.mean == pytest.approx(0.4566667)
    assert scratch.standard_error == pytest.approx(0.1058826, abs=1e-6)


def test_gains_are_paired_by_subject_and_seed():
    gain = summarise(ROWS).differences["mae"]
    # c has no seed in both: a gains (0.10 + 0.04) / 2 = 0.07, b (0.02 + 0.06) / 2 = 0.04.
    assert (gain.subjects, gain.better) == (2, 2)
    assert gain.mean == pytest.approx(0.055)
    assert (gain.low, gain.high) == (pytest.approx(0.04), pytest.approx(0.07))


def test_a_single_subject_has_no_interval():
    gain = summarise([row("a", "scratch", 0, 0.5), row("a", "mae", 0, 0.4)]).differences["mae"]
    assert gain.mean == pytest.approx(-0.1)
    assert gain.better == 0
    assert math.isnan(gain.low)
    assert math.isnan(gain.high)
    assert math.isnan(MeanAccuracy.of([0.5]).standard_error)


def test_rows_without_an_accuracy_are_counted_and_nothing_else():
    failed = SweepRow("d", "mae", 0, "failed", 2, message="out of memory")
    summary = summarise([*ROWS, failed])
    assert summary.unfinished == [failed]
    assert ("d", "mae") not in summary.cells
    assert summary.overall == summarise(ROWS).overall


def test_chance_is_known_where_all_rows_have_the_same_words():
    assert summarise(ROWS).chance == pytest.approx(1 / 61)
    assert summarise([*ROWS, row("e", "mae", 0, 0.3, words=8)]).chance is None
    assert summarise([SweepRow("a", "mae", 0)]).chance is None


def test_scratch_is_what_others_are_compared_with_wherever_it_stands():
    summary = summarise([row("a", "mae", 0, 0.6), row("a", "vqvae", 0, 0.55), row("a", "scratch", 0, 0.5)])
    assert summary.baseline == "scratch"
    assert set(summary.differences) == {"mae", "vqvae"}


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_the_standard_error_is_that_of_the_sample(values):
    error = MeanAccuracy.of(values).standard_error
    assert error == pytest.approx(statistics.stdev(values) / len(values) ** 0.5, abs=1e-12)
