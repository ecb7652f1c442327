from __future__ import annotations

import time

import pytest

from neurolect.evaluation import sweep_pools
from neurolect.evaluation.sweep_pools import LocalPool
from neurolect.evaluation.sweep_row import RowTask


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), RuntimeError("can't start\nnew thread")])
def test_a_row_whose_work_cannot_be_done_ends_with_the_reason(fault, tmp_path, monkeypatch):
    def broken(*_):
        raise fault

    monkeypatch.setattr(sweep_pools, "run_row", broken)
    with LocalPool(1, threads=1) as pool:
        pool.start(RowTask(tmp_path, ()), "")
        ended, deadline = [], time.monotonic() + 10
        while not ended and time.monotonic() < deadline:
            ended = list(pool.ended())
    ((run, outcome),) = ended
    assert run == tmp_path
    assert not outcome.succeeded
    assert type(fault).__name__ in outcome.message
    assert "\n" not in outcome.message
