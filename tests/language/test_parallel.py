from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "src" / "core"
COMPILER = shutil.which("c++")


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
def test_tasks_are_done_by_the_threads_there_are_when_one_more_cannot_be_started(tmp_path):
    program = tmp_path / "allocation_failures"
    sources = [Path(__file__).with_name("allocation_failures.cpp"), CORE / "parallel.cpp"]
    command = [COMPILER, "-std=c++17", "-pthread", "-I", CORE, *sources, "-o", program]
    subprocess.run(list(map(str, command)), check=True)
    run = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert run.stdout == "20 of 20\n", run.stderr
