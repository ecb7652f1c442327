"""The folder of a demo, of which only what a demo wrote is ever replaced."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def made_anew(out: Path, part: str, holds: str) -> Iterator[Path]:
    """A folder of the demo that takes the place of an earlier one's only if something is in it at the end.

    Args:
        out: folder of the demo.
        part: name of the folder in it.
        holds: pattern of the files that count as something.

    Raises:
        ConfigError: it is there and was not made by a demo.
    """
    folder, earlier = out / part, out / f"{part}-earlier"
    # One that was killed has left the earlier one beside it.
    _settle(folder, earlier, holds)
    if folder.exists() and (out / _MARK).is_file():
        folder.rename(earlier)
    try:
        begin_demo(out, part)
        yield folder
    finally:
        _settle(folder, earlier, holds)


def _settle(folder: Path, earlier: Path, holds: str) -> None:
    if not earlier.is_dir():
        return
    if any(folder.glob(holds)):
        shutil.rmtree(earlier)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        earlier.rename(folder)
