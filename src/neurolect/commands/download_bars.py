"""Progress bars of what is downloaded, one a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress
from rich.console import Console


class DownloadBars:
    """Bars that appear with the first bytes of their file.

    Args:
        shown: where they are shown.
    """

    def __init__(self, shown: progress.Progress) -> None:
        self._shown = shown
        self._tasks: dict[str, progress.TaskID] = {}

    def show(self, name: str, total: int, n_bytes: int) -> None:
        """Say how many bytes of the file are here; what was here at the first call says nothing about the speed."""
        if name not in self._tasks:
            self._tasks[name] = self._shown.add_task(name, total=total, completed=n_bytes)
        self._shown.update(self._tasks[name], completed=n_bytes)


@contextmanager
def download_bars(console: Console) -> Iterator[DownloadBars]:
    """Show bars on a console."""
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console) as shown:
        yield DownloadBars(shown)
