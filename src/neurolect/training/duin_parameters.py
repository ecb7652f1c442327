"""The parameter file beside a checkpoint of the Du-IN reference, read without executing anything in it."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from neurolect.errors import DataError


class _Table(dict[str, Any]):
    """The reference's dictionary class, whose pickles set their items one by one or as a state."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.update(state)


class _Named(str):
    """What stands for a torch device or data type: nothing here needs more of it than to be no number."""

    def __new__(cls, *_arguments: Any) -> _Named:
        return super().__new__(cls, "torch")


_SCALAR = np.float64(0).__reduce__()[0]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("utils.DotDict", "DotDict"): _Table,
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): np.dtype,
    # NumPy 1 and NumPy 2 name the same function differently.
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    ("torch", "device"): _Named,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module == "torch" and name.startswith(("float", "int", "bfloat")):
            return _Named()
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def read_duin_parameters(path: Path) -> dict[str, Any]:
    """Read `save/params`: nested tables of numbers, words and lists, above all `model` and `train`.

    Raises:
        DataError: the file is damaged, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            parameters = _Reader(file).load()
    except OSError:
        raise DataError(f"{path}: no such file") from None
    except pickle.UnpicklingError as error:
        raise DataError(f"{path}: refused, it holds more than tables and numbers ({error})") from None
    # A damaged pickle may fail in almost any way.
    except Exception as error:
        raise DataError(f"{path}: not a whole parameter file: {type(error).__name__}") from None
    if not isinstance(parameters, dict):
        raise DataError(f"{path}: not a table of parameters")
    return parameters
