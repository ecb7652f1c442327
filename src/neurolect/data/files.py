"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` to write to; on success it takes the place of `path`, on failure it goes.

    Works for a file and, where `path` does not exist yet or is an empty folder, for a folder. Parent folders are made;
    what a symbolic link leads to is replaced, not the link.

    Raises:
        OSError: names `path`: it is a device, a pipe or a folder that holds something, or cannot be written.
    """
    if not _is_empty_folder(path):
        require_replaceable(path)
    # Beside a link such as /dev/stdout nothing can be written.
    target = path.resolve() if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        partial.replace(target)
    except OSError as error:
        if str(error.filename) == str(partial):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        # What hinders the tidying has hindered the writing too, and that is what to report.
        with suppress(OSError):
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.unlink(missing_ok=True)


def require_replaceable(path: Path) -> None:
    """Refuse, before there is anything to write, a path where no file can be put.

    Raises:
        OSError: names `path`: it is a folder, or exists and is no regular file, such as a device or a pipe.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file that could be replaced", str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is a device or a pipe; the output must be a regular file", str(path))


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
