"""Files of `torch.save`, of which nothing is built but tensors, plain values and what is named."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from neurolect.errors import DataError


def read_torch_file(path: Path, allowed: Sequence[Any] = ()) -> dict[Any, Any]:
    """The dictionary in a file, its tensors on the CPU.

    Args:
        path: written by `torch.save`, on any device.
        allowed: further classes and functions, as `torch.serialization.add_safe_globals` takes them.

    Raises:
        DataError: the file is missing, damaged, no dictionary, or holds anything else.
    """
    try:
        with torch.serialization.safe_globals(list(allowed)):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except pickle.UnpicklingError as error:
        reason = _first_line(str(error).split("WeightsUnpickler error:")[-1])
        raise DataError(f"{path}: refused, it holds more than tensors and numbers ({reason})") from None
    # A damaged or hostile file may fail in almost any way.
    except Exception as error:
        reason = _first_line(str(error)) or type(error).__name__
        raise DataError(f"{path}: not a whole torch checkpoint: {reason}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a checkpoint dictionary")
    return content


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")
