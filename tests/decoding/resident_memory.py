"""How much memory this process has in use, where the system tells."""

from __future__ import annotations

from pathlib import Path

import pytest

_STATM = Path("/proc/self/statm")

needs_statm = pytest.mark.skipif(not _STATM.is_file(), reason="the system does not tell how much memory is in use")


def resident_mib() -> float:
    return int(_STATM.read_text(encoding="ascii").split()[1]) * 4096 / 2**20
