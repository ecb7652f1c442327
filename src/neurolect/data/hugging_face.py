"""The files of a public repository on Hugging Face, found through its API."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote, urljoin

from neurolect.data.checksums import GIT_BLOB
from neurolect.data.http import RETRIES, get_json_pages, host_of, new_session
from neurolect.data.remote_file import RemoteFile
from neurolect.errors import DataError

HUGGING_FACE = "https://huggingface.co"


def hugging_face_file(
    repository: str, name: str, base_url: str = HUGGING_FACE, *, retries: int = RETRIES
) -> RemoteFile:
    """A file as it stands on the main branch of a model's repository.

    Args:
        repository: `owner/name`.
        name: of the file, at the top of the repository.
        base_url: a mirror with the same API.
        retries: how many failures in a row are forgiven.

    Raises:
        DataError: the file is not there, the host cannot be reached, or its listing is not of the known form.
    """
    files = _listed(repository, "models", "", f"/{repository}", base_url, retries)
    found = next((file for file in files if file.path == name), None)
    if found is None:
        raise DataError(f"huggingface.co/{repository}: there is no file '{name}'")
    return found


def hugging_face_dataset_files(
    repository: str, base_url: str = HUGGING_FACE, *, retries: int = RETRIES
) -> list[RemoteFile]:
    """All files on the main branch of a dataset's repository, in folders too.

    Args:
        repository: `owner/name`.
        base_url: a mirror with the same API.
        retries: how many failures in a row are forgiven, for each page of the listing.

    Raises:
        DataError: there is no such dataset, the host cannot be reached, or its listing is not of the known form.
    """
    return _listed(repository, "datasets", "?recursive=true", f"/datasets/{repository}", base_url, retries)


def _listed(
    repository: str, kind: Literal["models", "datasets"], query: str, address: str, base_url: str, retries: int
) -> list[RemoteFile]:
    what = f"huggingface.co/{repository}"
    url = urljoin(base_url, f"/api/{kind}/{repository}/tree/main{query}")
    with new_session() as session:
        pages = list(get_json_pages(session, url, what, retries=retries))
    try:
        return [
            _remote_file(entry, urljoin(base_url, f"{address}/resolve/main/{quote(entry['path'])}"))
            for page in pages
            for entry in page
            if entry["type"] == "file"
        ]
    except (KeyError, TypeError, ValueError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise DataError(f"{what}: cannot make sense of the listing of {host_of(base_url)} ({fault})") from None


def _remote_file(entry: Any, url: str) -> RemoteFile:
    # Large files lie outside of Git, which knows of them only where they are.
    large = entry.get("lfs")
    digest = f"sha-256:{large['oid']}" if large else f"{GIT_BLOB}:{entry['oid']}"
    return RemoteFile(str(entry["path"]), int(entry["size"]), "", digest, url)
