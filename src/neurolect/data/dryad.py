"""The files of a dataset on Dryad, found through its API (https://datadryad.org/api)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests
from requests.auth import AuthBase

from neurolect.data.download import Progress
from neurolect.data.http import RETRIES, AccessRefusedError, get_json, host_of, new_session
from neurolect.data.remote_file import RemoteFile, fetch_file
from neurolect.errors import DataError

DRYAD = "https://datadryad.org"

_CHECKSUMS = ("md5", "sha-1", "sha-256", "sha-384", "sha-512")  # Dryad also knows CRCs, which prove nothing


def dryad_files(doi: str, base_url: str = DRYAD, *, retries: int = RETRIES) -> list[RemoteFile]:
    """The files of the newest published version of a dataset, in the order in which Dryad lists them.

    Args:
        doi: such as `10.5061/dryad.dncjsxm85`.
        base_url: a mirror with the same API.
        retries: how many failures in a row are forgiven, for each page of the listing.

    Raises:
        DataError: there is no such dataset, it cannot be reached, or the listing is not of the known form.
    """
    # Without a token even where there is one: an expired token is refused, no token is welcome.
    with new_session() as session:

        def pages(path: str, key: str) -> Iterator[Any]:
            url: str | None = urljoin(base_url, path)
            seen: set[str] = set()
            while url is not None and url not in seen:
                seen.add(url)
                page = get_json(session, url, f"doi:{doi}", retries=retries)
                yield from page["_embedded"][key]
                following = page.get("_links", {}).get("next")
                url = urljoin(url, following["href"]) if following else None

        try:
            versions = list(pages(f"/api/v2/datasets/{quote(f'doi:{doi}', safe=':')}/versions", "stash:versions"))
            listing = versions[-1]["_links"]["stash:files"]["href"]
            return [_remote_file(entry, base_url) for entry in pages(listing, "stash:files")]
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            fault = f"{type(error).__name__}: {error}"
            raise DataError(f"doi:{doi}: cannot make sense of the listing of {host_of(base_url)} ({fault})") from None


def token_session(base_url: str, token: str | None) -> requests.Session:
    """A session that shows an API token to the host of `base_url` and to no other, such as one it redirects to."""
    session = new_session()
    if token:
        session.auth = _HostToken(urlsplit(base_url).netloc, token)
    return session


def fetch_from_dryad(
    file: RemoteFile,
    to: Path,
    session: requests.Session,
    *,
    retries: int = RETRIES,
    progress: Progress | None = None,
) -> Path:
    """Download a file into the folder `to`; where Dryad refuses, the message says how to get a token.

    Raises:
        DataError: the file cannot be fetched or is not the right one.
    """
    try:
        return fetch_file(file, to, session, retries=retries, progress=progress)
    except AccessRefusedError as error:
        raise DataError(
            f"{error}: set DRYAD_TOKEN to an API token (from https://datadryad.org/account, it lasts 10 hours), "
            f"or save the file from a browser as {to / file.path}"
        ) from None


@dataclass(frozen=True)
class _HostToken(AuthBase):
    host: str
    token: str

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if urlsplit(request.url or "").netloc == self.host:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def _remote_file(entry: Any, base_url: str) -> RemoteFile:
    has_checksum = entry.get("digest") and entry.get("digestType") in _CHECKSUMS
    return RemoteFile(
        path=str(entry["path"]),
        size=int(entry["size"]),
        mime_type=str(entry.get("mimeType", "")),
        digest=f"{entry['digestType']}:{entry['digest']}" if has_checksum else None,
        url=urljoin(base_url, entry["_links"]["stash:download"]["href"]),
    )
