"""The console that verbs print to."""

from __future__ import annotations

from rich.console import Console


def plain_console(stderr: bool = False) -> Console:
    """A console that shows text as it is: what stands in brackets in a path or a name is no markup."""
    return Console(stderr=stderr, markup=False, highlight=False)
