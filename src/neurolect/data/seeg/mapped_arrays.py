"""Array files of anybody's, mapped into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError


def map_array(path: Path) -> npt.NDArray[Any]:
    """Map a `.npy` file of numbers into memory, without reading it.

    Raises:
        DataError: there is no such file, it is no `.npy` file, is cut short, or holds objects.
    """
    try:
        with np.errstate(over="ignore"):
            return np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        cut = "mmap length is greater than file size" in str(error)
        what = "the file is cut short" if cut else " ".join(str(error).split())
        raise DataError(f"{path}: not a whole array of numbers: {what}") from None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except Exception as error:  # a damaged header can raise anything
        raise DataError(f"{path}: not a whole array of numbers: {' '.join(str(error).split())}") from None
