"""A folder in which a benchmark runs verbs of the command line, each once, and keeps what they printed and used."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from neurolect.data.files import written_atomically
from processes import run_measured


class Workshop:
    """A folder of files that steps leave for other steps; calling it gives the path of one.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str) -> Path:
        """Path of a file in the folder."""
        return self.folder / name

    def run(self, log: str, *arguments: str | Path) -> None:
        """Run `neurolect …` unless `log` tells that just this was done.

        Raises:
            SystemExit: the verb failed, or `log` is of other arguments.
        """
        words = [str(each) for each in arguments]
        if self(log).exists():
            if self.log(log)["arguments"] != words:
                raise SystemExit(f"{self(log)}: is of other settings; remove it, and what came of it")
            return
        done = run_measured([sys.executable, "-m", "neurolect", *words])
        write_json(self(log), {"arguments": words, "printed": done.stdout, "peak_mb": round(done.peak_bytes / 1e6)})

    def log(self, name: str) -> dict[str, Any]:
        """What `run` kept: `arguments`, `printed` and `peak_mb`."""
        content: dict[str, Any] = json.loads(self(name).read_text())
        return content


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
