"""The fuzzer finds nothing: for a few seconds with the core that is installed, for minutes with a sanitised one."""

from __future__ import annotations

import importlib.util
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fuzz_targets import TARGETS, some_graph
from openfst_files import encode
from small_models import arpa_text, forged, model_of

HERE = Path(__file__).parent
FUZZER = HERE / "fuzz_core.py"
MEMORY = 8 << 30


@pytest.mark.parametrize("target", TARGETS)
def test_every_input_is_answered_or_refused_with_one_line(target, tmp_path):
    run = subprocess.run(
        [sys.executable, FUZZER, "--target", target, "--cases", "200", "--seconds", "15", "--keep", tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    counts = re.search(r"(\d+) cases, (\d+) answers, (\d+) refusals", run.stdout)
    assert counts is not None
    assert min(map(int, counts.groups())) > 20


def test_the_graphs_that_are_fuzzed_are_read_by_openfst(tmp_path):
    kaldifst = pytest.importorskip("kaldifst")
    rng = np.random.default_rng(0)
    for case in range(20):
        graph = some_graph(rng, n_words=6, strange=0.0)
        for kind, read in (("const", kaldifst.StdConstFst), ("vector", kaldifst.StdVectorFst)):
            path = tmp_path / f"{case}.{kind}"
            path.write_bytes(encode(graph, kind, aligned=kind == "const"))
            fst = read.read(str(path))
            assert fst.start == graph.start
            for state, arcs in enumerate(graph.arcs):
                found = [
                    (arc.ilabel, arc.olabel, arc.weight.value, arc.nextstate)
                    for arc in kaldifst.ArcIterator(fst, state)
                ]
                assert found == list(arcs)


@pytest.mark.parametrize("bits", [8, 32])
def test_the_checksums_of_a_forged_store_are_right(tmp_path, bits):
    data = model_of(arpa_text(np.random.default_rng(0)), tmp_path, bits).path.read_bytes()
    assert forged(data) == data


@pytest.mark.slow
def test_a_sanitised_core_finds_no_fault(tmp_path):
    runtimes = [runtime("libasan.so"), runtime("libstdc++.so.6")]
    core = sanitised_core(tmp_path / "build")
    environment = os.environ | {
        # Exceptions reach the sanitiser only if the C++ library is there before the module.
        "LD_PRELOAD": " ".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0:max_allocation_size_mb=4096",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    for arguments in (
        [FUZZER, "--seconds", "30", "--limit", "300", "--keep", tmp_path / "fuzz"],
        ["-m", "pytest", HERE / "test_posteriors.py", "-p", "no:cacheprovider"],
    ):
        command = [sys.executable, HERE / "with_core.py", core, *arguments]
        run = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=900)
        assert run.returncode == 0, (run.stdout + run.stderr)[-20_000:]


def runtime(name: str) -> str:
    """Where the compiler has a library."""
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    path = subprocess.run(
        ["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(path).is_file():
        pytest.skip(f"the C++ compiler has no {name}")
    return path


def sanitised_core(build: Path) -> Path:
    """Build the core with AddressSanitizer and UndefinedBehaviorSanitizer."""
    if shutil.which("cmake") is None or importlib.util.find_spec("nanobind") is None:
        pytest.skip("CMake or nanobind is missing")
    nanobind = subprocess.run(
        [sys.executable, "-m", "nanobind", "--cmake_dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    settings = {
        "CMAKE_BUILD_TYPE": "RelWithDebInfo",
        "NEUROLECT_SANITIZE": "ON",
        "Python_EXECUTABLE": sys.executable,
        "nanobind_DIR": nanobind,
    }
    options = [f"-D{name}={value}" for name, value in settings.items()]
    for command in (
        ["cmake", "-S", str(HERE.parents[1]), "-B", str(build), *options],
        ["cmake", "--build", str(build), "--parallel", "2"],
    ):
        run = subprocess.run(command, capture_output=True, text=True, timeout=900)
        assert run.returncode == 0, (run.stdout + run.stderr)[-5_000:]
    (core,) = build.glob("_core*.so")
    return core
