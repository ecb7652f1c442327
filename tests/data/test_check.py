from __future__ import annotations

import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest

from conftest import make_trial
from neurolect.commands.main import main
from neurolect.data.check import check_dataset
from neurolect.data.t15 import write_split


def problems_of(root):
    return [problem for summary in check_dataset(root) for problem in summary.problems]


def test_a_sound_dataset_has_no_problems_and_its_figures_add_up(dataset, capsys):
    root = dataset(n_sessions=2)
    summaries = list(check_dataset(root))
    assert [(s.session, s.split, s.trials) for s in summaries] == [
        ("sim.2030.01.01", "train", 8),
        ("sim.2030.01.01", "val", 3),
        ("sim.2030.01.02", "train", 8),
        ("sim.2030.01.02", "val", 3),
    ]
    assert not problems_of(root)
    assert summaries[0].seconds == pytest.approx(sum(summaries[0].label_lengths) * 10 * 0.02)
    assert main(["data", "check", str(root)]) == 0
    shown = capsys.readouterr().out
    assert "no problems found" in shown
    assert "note: 3 sentences occur in training and in another split, such as 'good morning'" in shown


def test_every_problem_is_found_in_one_pass_and_named(dataset, rng, capsys):
    root = dataset(n_sessions=3)
    first = root / "sim.2030.01.01"
    with h5py.File(first / "data_train.hdf5", "a") as file:
        file["trial_0002"]["input_features"][0, 3] = np.nan
        file["trial_0003"].attrs["trial_num"] = 4
    write_split(
        first / "data_val.hdf5",
        [
            replace(make_trial(rng), labels=np.arange(1, 41, dtype=np.int32)),
            replace(make_trial(rng, number=1), labels=None),
            replace(make_trial(rng, number=2), features=np.zeros((9, 512), dtype=np.float32)),
        ],
    )
    (root / "sim.2030.01.02" / "data_val.hdf5").write_text("not HDF5")
    shutil.copytree(root / "sim.2030.01.03", root / "sim.2030.01.04")
    problems = problems_of(root)
    expected = [
        "data_train.hdf5: trial_0002: nan in column 3, bin 0",
        "data_train.hdf5: block 1, trial 4 occurs 2 times",
        "data_val.hdf5: trial_0000: 40 labels need 40 frames, 60 bins give 12",
        "data_val.hdf5: trial_0001: no labels, but this is the val split",
        "data_val.hdf5: trial_0002: 9 bins are shorter than one patch",
        "data_val.hdf5: trial_0002: every feature is constant",
        "sim.2030.01.02/data_val.hdf5: not a readable HDF5 file",
        "sim.2030.01.04/data_val.hdf5: 3 trials say they are of session sim.2030.01.03",
    ]
    for complaint in expected:
        assert any(complaint in problem for problem in problems), (complaint, problems)
    assert main(["data", "check", str(root)]) == 2
    captured = capsys.readouterr()
    assert "problem: " in captured.out
    assert captured.err.count("\n") == 1
