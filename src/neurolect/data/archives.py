"""Safe unpacking of zip archives that come from elsewhere."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PureWindowsPath

from neurolect.data.download import require_space
from neurolect.errors import DataError


def extract_zip(archive: Path | str, to: Path | str) -> list[Path]:
    """Unpack `archive` into the folder `to`.

    Everything is unpacked beside its final place and then renamed, so whatever stands under its final name is whole.
    Folders and files at the top of the archive that are already in `to` are left as they are.

    Returns:
        The paths of what stands at the top of the archive, old or new.

    Raises:
        DataError: the archive is damaged, encrypted or too large for the disk, or a member of it would land outside
            `to`; then nothing is unpacked.
    """
    archive, to = Path(archive), Path(to)
    unpacking = to / f".{archive.name}.unpacking"
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            for member in members:
                _refuse_unsafe(member, archive)
            tops = list(dict.fromkeys(_top(member) for member in members))
            missing = [member for member in members if not (to / _top(member)).exists()]
            to.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(unpacking, ignore_errors=True)
            require_space(unpacking, sum(member.file_size for member in missing))
            opened.extractall(unpacking, missing)
        for top in dict.fromkeys(_top(member) for member in missing):
            (unpacking / top).rename(to / top)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{archive}: not a whole zip archive: {error}") from None
    except (NotImplementedError, RuntimeError) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error}") from None
    except OSError as error:
        raise DataError(f"{error.filename or archive}: cannot be unpacked: {error.strerror or error}") from None
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)
    return [to / top for top in tops]


def is_inside(name: str) -> bool:
    """Whether a relative name that came from elsewhere stays inside the folder it is joined to, on any system."""
    path = PureWindowsPath(name)  # takes both kinds of slashes and knows drives
    return bool(path.parts) and not path.anchor and ".." not in path.parts


def _refuse_unsafe(member: zipfile.ZipInfo, archive: Path) -> None:
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    if is_link or not is_inside(member.filename):
        kind = "a symbolic link" if is_link else "a path that leaves the folder"
        raise DataError(f"{archive}: refused, '{member.filename}' is {kind}")


def _top(member: zipfile.ZipInfo) -> str:
    return PureWindowsPath(member.filename).parts[0]
