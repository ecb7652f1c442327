from __future__ import annotations

import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor

import h5py
import numpy as np
import pytest

from neurolect.data.packed import default_cache, open_packed
from neurolect.data.t15 import read_split
from neurolect.errors import DataError


def test_the_packed_copy_holds_the_same_trials(dataset):
    path = dataset(n_sessions=1) / "sim.2030.01.01" / "data_train.hdf5"
    source, packed = list(read_split(path)), open_packed(path)
    assert isinstance(packed.features, np.memmap)
    for first, second in zip(source, packed, strict=True):
        assert np.array_equal(first.features, second.features)
        assert np.array_equal(first.labels, second.labels)
        assert (first.session, first.block, first.number, first.sentence) == (
            second.session, second.block, second.number, second.sentence,
        )  # fmt: skip


def test_a_changed_source_is_packed_anew_and_the_old_copy_goes(dataset):
    root = dataset(n_sessions=1)
    path = root / "sim.2030.01.01" / "data_train.hdf5"
    before = open_packed(path)[0].features[0, 0]
    with h5py.File(path, "a") as file:
        file["trial_0000"]["input_features"][0, 0] = before + 1
    os.utime(path, ns=(1, 1))
    assert open_packed(path)[0].features[0, 0] == before + 1
    assert len(list(default_cache(root).iterdir())) == 1


def test_a_source_that_cannot_be_read_leaves_no_copy(dataset):
    root = dataset(n_sessions=1)
    path = root / "sim.2030.01.01" / "data_train.hdf5"
    with h5py.File(path, "a") as file:
        file["trial_0003"]["input_features"][2, 5] = np.nan
    with pytest.raises(DataError, match=r"trial_0003: nan in column 5, bin 2"):
        open_packed(path)
    assert not list(default_cache(root).glob("*"))
    assert open_packed(path, missing="zero")[3].features[2, 5] == 0


def test_width_and_existence_are_checked_on_packed_copies_too(dataset):
    path = dataset(n_sessions=1) / "sim.2030.01.01" / "data_train.hdf5"
    open_packed(path)
    with pytest.raises(DataError, match="512 columns, expected 96"):
        open_packed(path, n_features=96)
    with pytest.raises(DataError, match="no such file"):
        open_packed(path.with_name("data_test.hdf5"))


def test_processes_that_pack_at_once_do_not_disturb_each_other(dataset):
    path = dataset(n_sessions=1) / "sim.2030.01.01" / "data_train.hdf5"
    with ProcessPoolExecutor(4) as processes:
        splits = list(processes.map(open_packed, [path] * 12))
    # The splits came back from the processes as folders, not as copies of their features.
    assert [len(split) for split in splits] == [8] * 12
    assert all(isinstance(split.features, np.memmap) for split in splits)
    assert len(pickle.dumps(splits[0])) < 1000


def test_two_datasets_share_a_cache_without_taking_each_others_copies(dataset, tmp_path):
    first = dataset(n_sessions=1)
    second = shutil.copytree(first, tmp_path / "second")
    paths = [root / "sim.2030.01.01" / "data_train.hdf5" for root in (first, second)]
    cache = tmp_path / "cache"
    folders = {open_packed(path, cache=cache).folder for path in paths}
    assert len(folders) == 2
    assert all(folder.is_dir() for folder in folders)
