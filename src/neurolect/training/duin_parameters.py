"""The parameter file beside a checkpoint of the Du-IN reference, read without executing anything in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurolect.data.seeg.duin_pickles import load_pickle

_TYPES = ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64")


def _device(*_: object) -> str:
    return "device"


_TORCH: dict[tuple[str, str], Any] = {("torch", "device"): _device, **{("torch", name): name for name in _TYPES}}


def duin_parameter(checkpoint: Path, part: str, name: str) -> Any:
    """A number, word or list of `save/params` two folders up from a checkpoint; None where it is not there.

    Args:
        checkpoint: `model/checkpoint-*.pth`.
        part: `model` or `train`.
        name: in that part.

    Raises:
        DataError: the file is damaged, or holds more than tables, numbers and words.
    """
    path = checkpoint.parent.parent / "save" / "params"
    parameters = load_pickle(path, _TORCH) if path.exists() else None
    table = parameters.get(part) if isinstance(parameters, dict) else None
    return table.get(name) if isinstance(table, dict) else None
