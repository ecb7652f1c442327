from __future__ import annotations

import subprocess
import sys

import pytest

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
