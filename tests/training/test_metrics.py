from __future__ import annotations

import csv

import pytest

from neurolect.errors import DataError
from neurolect.training.metrics import HEADER, read_metrics

ROWS = [(1, "train/loss", 0.5), (20, "val/accuracy/病人", 0.4375)]


@pytest.fixture
def path(tmp_path):
    with (tmp_path / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *ROWS])
    return tmp_path / "metrics.csv"


def test_a_last_row_that_a_kill_cut_short_anywhere_is_left_out(path):
    whole = path.read_bytes()
    assert read_metrics(path) == ROWS
    second = whole.index(b"20,val")
    for end in range(second, len(whole)):
        path.write_bytes(whole[:end])
        assert read_metrics(path) == ROWS[:1]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"step,metric,value\none,loss,2\n", b"step\n\xff\n"])
def test_another_table_is_named(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"metrics\.csv: is no table of step, metric, value"):
        read_metrics(path)
