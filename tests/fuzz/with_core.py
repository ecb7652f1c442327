"""Run a script or a module with another build of the core: `with_core.py CORE.so script.py …` or `… -m module …`."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path


def load_core(path: str) -> None:
    """Take the place of `neurolect._core` before anything imports it."""
    spec = importlib.util.spec_from_file_location("neurolect._core", path)
    assert spec is not None
    assert spec.loader is not None
    core = importlib.util.module_from_spec(spec)
    sys.modules["neurolect._core"] = core
    spec.loader.exec_module(core)


if __name__ == "__main__":
    load_core(sys.argv[1])
    sys.argv = sys.argv[2:]
    if sys.argv[0] == "-m":
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
