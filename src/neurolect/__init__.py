"""Turn intracranial recordings of speech into text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurolect.training.runs import load as load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        from neurolect.training.runs import load

        return load
    raise AttributeError(f"module 'neurolect' has no attribute '{name}'")
