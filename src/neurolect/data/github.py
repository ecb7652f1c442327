"""The files in a folder of a public repository on GitHub, found through its API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urljoin

from neurolect.data.checksums import GIT_BLOB
from neurolect.data.http import RETRIES, get_json, host_of, new_session
from neurolect.data.remote_file import RemoteFile
from neurolect.errors import DataError

GITHUB = "https://api.github.com"


def github_files(
    repository: str, folder: str, names: Sequence[str], base_url: str = GITHUB, *, retries: int = RETRIES
) -> list[RemoteFile]:
    """Files of a folder as they stand on the repository's default branch.

    Args:
        repository: `owner/name`.
        folder: its path in the repository.
        names: of the files.
        base_url: a mirror with the same API.
        retries: how many failures in a row are forgiven.

    Raises:
        DataError: one of the files is not there, GitHub cannot be reached, or its listing is not of the known form.
    """
    what = f"github.com/{repository}/{folder}"
    with new_session() as session:
        url = urljoin(base_url, f"/repos/{repository}/contents/{quote(folder)}")
        listing = get_json(session, url, what, retries=retries)
    try:
        listed = {str(entry["name"]): entry for entry in listing if entry["type"] == "file"}
        missing = next((name for name in names if name not in listed), None)
        if missing is not None:
            raise DataError(f"{what}: there is no file '{missing}'")
        return [_remote_file(listed[name]) for name in names]
    except (KeyError, TypeError, ValueError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise DataError(f"{what}: cannot make sense of the listing of {host_of(base_url)} ({fault})") from None


def _remote_file(entry: Any) -> RemoteFile:
    return RemoteFile(
        path=str(entry["name"]),
        size=int(entry["size"]),
        mime_type="",
        digest=f"{GIT_BLOB}:{entry['sha']}",
        url=str(entry["download_url"]),
    )
