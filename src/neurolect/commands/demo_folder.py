"""The folder of a demo, of which only what a demo wrote is ever replaced."""

from __future__ import annotations

import shutil
from pathlib import Path

from neurolect.errors import ConfigError

_MARK = "DEMO.txt"


def begin_demo(out: Path, *parts: str) -> None:
    """Remove what an earlier demo left, and mark the folder as a demo's.

    Args:
        out: folder of the demo.
        parts: names of the folders in it that the demo makes.

    Raises:
        ConfigError: one of them is there and was not made by a demo.
    """
    if (out / _MARK).is_file():
        for part in parts:
            shutil.rmtree(out / part, ignore_errors=True)
    for part in parts:
        if (out / part).exists():
            raise ConfigError(f"{out / part}: is there and is not of an earlier demo; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    named = ", ".join(parts)
    (out / _MARK).write_text(f"The next demo in this folder replaces {named}.\n", encoding="utf-8")
