"""The files of a gzipped tar archive, one after the other, straight out of the compressed stream."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO

from neurolect.data.archives import is_inside
from neurolect.errors import DataError

Visit = Callable[[str, int, IO[bytes]], None]
"""Name in the archive, length in bytes, and the content, which can be read once."""

_BLOCK = 1 << 20


def visit_tar(archive: Path, visit: Visit, progress: Callable[[int], None] = lambda n_bytes: None) -> None:
    """Show every file of an archive to `visit`; nothing is written, and a few megabytes are held in memory.

    Links and devices are passed over.

    Args:
        archive: a `.tar.gz` file.
        visit: called for each file, in the archive's order.
        progress: called with the bytes of the archive read since the last call.

    Raises:
        DataError: the archive cannot be read, is damaged or cut short, or a member's path leaves the folder.
    """
    try:
        with (
            archive.open("rb") as raw,
            gzip.GzipFile(fileobj=_Counted(raw, progress)) as unpacked,  # type: ignore[call-overload]
            tarfile.open(fileobj=unpacked, mode="r|", bufsize=_BLOCK) as opened,
        ):
            for member in opened:
                if member.name != "." and not is_inside(member.name):
                    raise DataError(f"{archive}: refused, '{member.name}' is a path that leaves the folder")
                content = opened.extractfile(member) if member.isfile() else None
                if content is not None:
                    visit(member.name, member.size, content)
            # The checksum of the gzip stream stands at its end.
            while unpacked.read(_BLOCK):
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{archive}: not a whole tar.gz archive: {error}") from None
    except OSError as error:
        raise DataError(f"{error.filename or archive}: cannot be unpacked: {error.strerror or error}") from None


class _Counted:
    """A file that says how much of it is read."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        self._file = file
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._progress(len(block))
        return block
