"""A file that a public host offers, and its download into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import requests

from neurolect.data.archives import is_inside
from neurolect.data.download import Progress, download_file
from neurolect.data.http import RETRIES, body, get, host_of, retrying
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


def first_bytes(file: RemoteFile, n_bytes: int, session: requests.Session, *, retries: int = RETRIES) -> bytes:
    """The beginning of a file, without the rest.

    Raises:
        AccessRefusedError: the host wants a login, a token or a browser.
        DataError: the file is not there or cannot be reached.
    """
    headers = {"Accept-Encoding": "identity", "Range": f"bytes=0-{n_bytes - 1}"}

    def attempt() -> bytes:
        with get(session, file.url, file.path, headers, accept=(200, 206)) as response:
            start = b""
            for block in body(response, file.path):
                start += block
                if len(start) >= n_bytes:
                    break
            return start[:n_bytes]

    return retrying(attempt, retries=retries)
