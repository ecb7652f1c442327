"""The files of a dataset on Dryad, found through its API (https://datadryad.org/api)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests
from requests.auth import AuthBase

from neurolect.data.http import RETRIES, get_json, host_of, new_session
from neurolect.errors import DataError

DRYAD = "https://datadryad.org"

_CHECKSUMS = ("md5", "sha-1", "sha-256", "sha-384", "sha-512")  # Dryad also knows CRCs, which prove nothing


@dataclass(frozen=True)
class RemoteFile:
    """One file of a published dataset.

    Args:
        path: its name in the dataset.
        size: length in bytes.
        mime_type: such as `application/zip`; empty where the dataset does not say.
        digest: checksum as `<algorithm>:<hexadecimal digits>`, or None where the dataset has none.
        url: where it can be downloaded.
    """

    path: str
    size: int
    mime_type: str
    digest: str | None
    url: str


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
