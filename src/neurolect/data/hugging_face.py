"""A file in a public repository on Hugging Face, found through its API."""

from __future__ import annotations

from urllib.parse import quote, urljoin

from neurolect.data.http import RETRIES, get_json, host_of, new_session
from neurolect.data.remote_file import RemoteFile
from neurolect.errors import DataError

HUGGING_FACE = "https://huggingface.co"


def hugging_face_file(
    repository: str, name: str, base_url: str = HUGGING_FACE, *, retries: int = RETRIES
) -> RemoteFile:
    """A large file as it stands on the main branch of a model's repository.

    Args:
        repository: `owner/name`.
        name: of the file, at the top of the repository and in its large file storage.
        base_url: a mirror with the same API.
        retries: how many failures in a row are forgiven.

    Raises:
        DataError: the file is not there, the host cannot be reached, or its listing is not of the known form.
    """
    what = f"huggingface.co/{repository}"
    with new_session() as session:
        listing = get_json(session, urljoin(base_url, f"/api/models/{repository}/tree/main"), what, retries=retries)
    try:
        entry = next((each for each in listing if each["type"] == "file" and each["path"] == name), None)
        if entry is None:
            raise DataError(f"{what}: there is no file '{name}'")
        size, digest = int(entry["size"]), f"sha-256:{entry['lfs']['oid']}"
    except (KeyError, TypeError, ValueError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise DataError(f"{what}: cannot make sense of the listing of {host_of(base_url)} ({fault})") from None
    return RemoteFile(name, size, "", digest, urljoin(base_url, f"/{repository}/resolve/main/{quote(name)}"))
