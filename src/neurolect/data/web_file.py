"""One file at an address that is known, as its host describes it."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from neurolect.data import http
from neurolect.data.remote_file import RemoteFile
from neurolect.errors import DataError


def web_file(url: str, digest: str | None = None, *, retries: int = http.RETRIES) -> RemoteFile:
    """Ask the host for the size of a file.

    Args:
        url: where it is; the last part is its name.
        digest: its checksum, where it is known from elsewhere.
        retries: how many failures in a row are forgiven.

    Raises:
        DataError: the file is not there, its host cannot be reached or does not say how long it is.
    """
    name = PurePosixPath(urlsplit(url).path).name
    with http.new_session() as session:

        def length() -> str:
            with http.get(session, url, name, {"Accept-Encoding": "identity"}) as response:
                return response.headers.get("Content-Length", "")

        size = http.retrying(length, retries=retries)
    if not size.isdigit():
        raise DataError(f"{name}: {http.host_of(url)} does not say how long it is")
    return RemoteFile(name, int(size), "", digest, url)
