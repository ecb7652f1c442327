from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from neurolect import _core

FILL_A_BLOCK = """
import sys
from pathlib import Path
from neurolect import _core

def peak_bytes():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

buffer_bytes, folder = int(sys.argv[1]), sys.argv[2]
counter = _core.NgramCounter(6, folder, buffer_bytes, [], 1)
before = peak_bytes()
lines = b"a\\n" * 10_000
record_bytes = 4 * (6 + 2)
while record_bytes * (counter.n_words + counter.n_sentences) < 0.95 * buffer_bytes:
    counter.push(lines)
print(peak_bytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory in /proc")
def test_sorting_takes_no_more_memory_than_it_was_given(tmp_path):
    buffer_bytes = 300 << 20
    command = [sys.executable, "-c", FILL_A_BLOCK, str(buffer_bytes), str(tmp_path)]
    taken = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert 0.9 * buffer_bytes < taken < 1.05 * buffer_bytes


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts the mapped files in /proc")
def test_threads_share_the_files_that_a_process_may_map(tmp_path):
    words = np.random.default_rng(0).integers(0, 50_000, 500_000).astype(str).reshape(-1, 1_000)
    counter = _core.NgramCounter(6, str(tmp_path), 1 << 16, [], 16)
    counter.push("\n".join(" ".join(line) for line in words).encode())
    place = _core.NgramTarget(str(tmp_path / "lm.nlm"), 32, str(tmp_path), 1 << 16, 16)
    building = threading.Thread(target=_core.write_kneser_ney, args=(counter, [], place))
    building.start()
    most = 0
    while building.is_alive():
        most = max(most, Path("/proc/self/maps").read_bytes().count(b".ngrams-"))
        building.join(0.1)
    assert (tmp_path / "lm.nlm").exists()
    assert 2_000 < most < 10_000
