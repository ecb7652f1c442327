"""Pickles of the Du-IN release, read without importing or calling anything that they name.

The release pickles dictionaries of a class of its own that hold strings and NumPy arrays. Everything else is refused,
and arrays are put together here from their bytes, so that a pickle from anywhere can be opened.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError

_PLAIN_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|[US]\d{1,6}")


class DotDict(dict[str, Any]):
    """Stands for the reference's dictionary class, `utils.DotDict.DotDict`, in its pickles."""

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.update(state)


def load_pickle(path: Path, further: Mapping[tuple[str, str], Any] | None = None) -> Any:
    """Read a pickle of plain containers, dictionaries of the reference's class, and arrays of numbers or strings.

    Arrays are `PickledArray`s until `array_of` makes them arrays.

    Args:
        path: the file.
        further: (module, name) → what stands for that object where the pickle names it.

    Raises:
        DataError: there is no such file, it is damaged, or it holds an object of another class, which is named.
    """
    try:
        with path.open("rb") as file:
            return _Unpickler(file, path, _KNOWN | dict(further or {})).load()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (DataError, OSError):
        raise
    except Exception as error:  # a damaged or hostile pickle can raise anything
        fault = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be unpickled: {fault}") from None


def array_of(value: object, where: str) -> npt.NDArray[Any]:
    """The array that a pickle holds; it cannot be written to.

    Raises:
        DataError: the value is no array, or its parts contradict each other.
    """
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, PickledArray):
        raise DataError(f"{where} is a {type(value).__name__}, not an array")
    try:
        return value.array()
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: not a whole array: {error}") from None


class PickledDtype:
    """An element type as NumPy pickles it."""

    def __init__(self, spec: str, *_: object) -> None:
        if not isinstance(spec, str) or not _PLAIN_DTYPE.fullmatch(spec):
            named = repr(spec[:20]) if isinstance(spec, str) else type(spec).__name__
            raise ValueError(f"arrays of type {named} are not read")
        self._spec, self._order = spec, "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, subarray, names, fields = state[:5]
        if order not in ("<", ">", "|", "=") or (subarray, names, fields) != (None, None, None):
            raise ValueError("arrays of records are not read")
        self._order = order

    def numpy(self) -> np.dtype[Any]:
        """The type itself."""
        return np.dtype(self._order + self._spec)


class PickledArray:
    """An array as NumPy pickles it, in the pieces that the pickle names."""

    def __init__(self, *_: object) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def array(self) -> npt.NDArray[Any]:
        """The array, checked against the length of its bytes."""
        _, shape, dtype, by_column, content = self._state
        return _from_bytes(content, dtype, shape, "F" if by_column else "C")


class _Scalar:
    """A NumPy scalar becomes a number or string of Python."""

    def __new__(cls, dtype: PickledDtype, content: bytes) -> Any:
        return _from_bytes(content, dtype, (), "C").item()

    def __setstate__(self, state: object) -> None:
        raise ValueError("a scalar has no state")


class _FromBuffer(_Scalar):
    """An array of pickle protocol 5."""

    def __new__(cls, content: bytes, dtype: PickledDtype, shape: tuple[int, ...], order: str) -> Any:
        return _from_bytes(content, dtype, shape, order)


class _Latin1(_Scalar):
    """The bytes that pickle protocol 2 writes as text."""

    def __new__(cls, text: str, _: str = "latin1") -> Any:
        return text.encode("latin1")


def _from_bytes(content: object, dtype: object, shape: object, order: str) -> npt.NDArray[Any]:
    if not (isinstance(content, bytes | bytearray) and isinstance(dtype, PickledDtype) and isinstance(shape, tuple)):
        raise ValueError("its bytes, type or shape are missing")
    if not all(isinstance(extent, int) and extent >= 0 for extent in shape) or order not in ("C", "F"):
        raise ValueError("its shape is damaged")
    return np.frombuffer(bytes(content), dtype=dtype.numpy()).reshape(shape, order="F" if order == "F" else "C")


_NUMPY = ("numpy.core", "numpy._core")  # before and since NumPy 2
_KNOWN: dict[tuple[str, str], Any] = {
    ("utils.DotDict", "DotDict"): DotDict,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("_codecs", "encode"): _Latin1,
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): PickledDtype,
    **{(f"{core}.multiarray", "_reconstruct"): PickledArray for core in _NUMPY},
    **{(f"{core}.multiarray", "scalar"): _Scalar for core in _NUMPY},
    **{(f"{core}.numeric", "_frombuffer"): _FromBuffer for core in _NUMPY},
}


class _Unpickler(pickle._Unpickler):
    # The one in C makes room for whatever number of objects or bytes a damaged file announces.
    read: Callable[[int], bytes]
    append: Callable[[object], None]

    def __init__(self, file: IO[bytes], path: Path, known: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(_Bounded(file, path.stat().st_size))
        self._path, self._known = path, known

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise DataError(f"{self._path}: holds a {module}.{name}, which is not read from files of others")
        return self._known[module, name]

    def _load_bytes(self) -> None:
        (n_bytes,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(n_bytes))

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _load_bytes}


class _Bounded:
    """A file of which no more is asked for than there is."""

    def __init__(self, file: IO[bytes], n_bytes: int) -> None:
        self._file, self._n_bytes = file, n_bytes
        self.readline = file.readline

    def read(self, n_bytes: int) -> bytes:
        if n_bytes > self._n_bytes - self._file.tell():
            raise EOFError("it ends too early")
        return self._file.read(n_bytes)


def dump_trials(trials: Any, file: IO[bytes]) -> None:
    """Pickle an iterable of dictionaries as a list of the reference's dictionaries, one after the other."""
    file.write(_HEAD + b"](")
    for trial in trials:
        file.write(_dot_dict(trial))
    file.write(b"e.")


def dump_dictionary(content: dict[str, Any], file: IO[bytes]) -> None:
    """Pickle a dictionary as one of the reference's."""
    file.write(_HEAD + _dot_dict(content) + b".")


_HEAD = b"\x80\x03"  # protocol 3


def _dot_dict(content: dict[str, Any]) -> bytes:
    # Written out, as pickle itself would have to import the reference's module. Pieces of protocol 3 can be joined:
    # each numbers what it refers back to by itself.
    pieces = [pickle.dumps(each, protocol=3)[2:-1] for pair in content.items() for each in pair]
    return b"cutils.DotDict\nDotDict\n)\x81(" + b"".join(pieces) + b"u"
