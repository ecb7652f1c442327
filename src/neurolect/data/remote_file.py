"""A file that a public host offers, and its download into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import requests

from neurolect.data.archives import is_inside
from neurolect.data.download import Progress, download_file
from neurolect.data.http import RETRIES, host_of
from neurolect.errors import DataError


@dataclass(frozen=True)
class RemoteFile:
    """One file of what a host has published.

    Args:
        path: its name there.
        size: length in bytes.
        mime_type: such as `application/zip`; empty where the host does not say.
        digest: checksum, see `neurolect.data.checksums`, or None where the host has none.
        url: where it can be downloaded.
    """

    path: str
    size: int
    mime_type: str
    digest: str | None
    url: str


def fetch_file(
    file: RemoteFile,
    to: Path,
    session: requests.Session | None = None,
    *,
    retries: int = RETRIES,
    progress: Progress | None = None,
) -> Path:
    """Download a file into the folder `to` under its own name, see `download_file`.

    Raises:
        AccessRefusedError: the host wants a login, a token or a browser.
        DataError: the file cannot be fetched, is not the right one, or its name leads out of the folder.
    """
    if not is_inside(file.path):
        raise DataError(f"{host_of(file.url)} lists '{file.path}', a path that leaves the folder")
    return download_file(
        file.url,
        to / file.path,
        size=file.size,
        digest=file.digest,
        session=session,
        retries=retries,
        progress=progress,
    )
