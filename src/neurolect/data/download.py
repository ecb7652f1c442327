"""The download of one file: resumable, verified, and under its final name only when it is complete and right."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
from rich.filesize import decimal

from neurolect.data import http
from neurolect.data.checksums import checksum_fault, new_hash
from neurolect.errors import DataError

Progress = Callable[[int], None]

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
_WEB_PAGE_SUFFIXES = (".html", ".htm")


def download_file(
    url: str,
    destination: Path | str,
    *,
    size: int | None = None,
    digest: str | None = None,
    session: requests.Session | None = None,
    retries: int = http.RETRIES,
    backoff: float = http.BACKOFF,
    progress: Progress | None = None,
) -> Path:
    """Download `url` to `destination`; a broken or killed download continues where it stopped.

    Bytes gather in `<name>.part` beside the destination, with what identifies their version in `<name>.part.json`.
    A part is continued only where the server still offers that version; otherwise the download starts over.
    A complete file that is already there is not fetched again.

    Args:
        url: where the file is.
        destination: where it shall be; its folder is made if need be.
        size: its length in bytes, where known.
        digest: its checksum, such as `md5:…` or `sha-256:…`, where known; see `neurolect.data.checksums`.
        session: keeps cookies, tokens and connections; a new one by default.
        retries: how many failures in a row, each without a new byte, are forgiven.
        backoff: wait in seconds after the first failure; it doubles with every further one.
        progress: called with the number of bytes of the file that are here.

    Returns:
        The destination.

    Raises:
        AccessRefusedError: the host wants a login, a token or a browser.
        DataError: the file is not there, cannot be reached, is not the right one, or does not fit on the disk.
        ConfigError: the digest names an unknown algorithm.
    """
    destination, report = Path(destination), progress or (lambda _: None)
    if digest is not None:
        new_hash(digest)
    try:
        if destination.is_file() and _fault(destination, size, digest) is None:
            report(destination.stat().st_size)
            return destination
        destination.parent.mkdir(parents=True, exist_ok=True)
        part = _Part(destination, checked=digest is not None)
        if size is not None:
            require_space(destination, size - part.length())
        with nullcontext(session) if session else http.new_session() as opened:
            http.retrying(
                lambda: _receive(opened, url, part, size, report), retries=retries, backoff=backoff, done=part.length
            )
        fault = _fault(part.path, size, digest)
        if fault is not None:
            part.discard()
            raise DataError(f"{destination.name}: what {http.host_of(url)} sent {fault}; it was deleted")
        part.path.replace(destination)
        part.discard()
    except OSError as error:
        raise DataError(f"{error.filename or destination}: cannot be written: {error.strerror or error}") from None
    return destination


def bytes_here(destination: Path | str) -> int:
    """How many bytes of a download are on this disk: all of them, or those of its part."""
    destination = Path(destination)
    return destination.stat().st_size if destination.is_file() else _Part(destination, checked=False).length()


def require_space(path: Path, n_bytes: int) -> None:
    """Check that `n_bytes` more bytes fit on the disk that holds the folder of `path`.

    Raises:
        DataError: they do not; it says how many are needed.
    """
    free = shutil.disk_usage(path.parent).free
    if n_bytes > free:
        raise DataError(f"{path}: needs {decimal(n_bytes)} of disk space, {decimal(free)} are free")


@dataclass(frozen=True)
class _Version:
    """What tells one version of a remote file from another (RFC 9110, section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def offered(cls, response: requests.Response) -> _Version:
        return cls(response.headers.get("ETag"), response.headers.get("Last-Modified"))

    @property
    def is_known(self) -> bool:
        return self.etag is not None or self.last_modified is not None

    def if_range(self) -> dict[str, str]:
        """The header that turns a range of another version into the whole file; it takes no weak entity tag."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        value = strong or self.last_modified
        return {"If-Range": value} if value else {}

    def contradicts(self, other: _Version) -> bool:
        if self.etag and other.etag:
            return self.etag != other.etag
        return bool(self.last_modified and other.last_modified) and self.last_modified != other.last_modified


@dataclass(frozen=True)
class _Part:
    """The bytes of `destination` that have arrived, and the version they are of."""

    destination: Path
    checked: bool  # a digest will tell whether the pieces belong together

    @property
    def path(self) -> Path:
        return self.destination.with_name(self.destination.name + ".part")

    @property
    def _version_path(self) -> Path:
        return self.destination.with_name(self.destination.name + ".part.json")

    def length(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> _Version:
        try:
            return _Version(**json.loads(self._version_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return _Version()

    def can_be_continued(self) -> bool:
        return self.checked or self.version().is_known

    def begin(self, version: _Version) -> None:
        # The old bytes go before the new version is noted: killed in between, they are never taken for it.
        self.discard()
        self._version_path.write_text(json.dumps(asdict(version)), encoding="utf-8")
        self.path.touch()

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._version_path.unlink(missing_ok=True)


def _receive(session: requests.Session, url: str, part: _Part, size: int | None, report: Progress) -> None:
    """One attempt: ask for what is missing and append it, or start over where the part cannot be continued."""
    if not part.can_be_continued():
        part.discard()
    name, offset = part.destination.name, part.length()
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers |= {"Range": f"bytes={offset}-"} | part.version().if_range()
    with http.get(session, url, name, headers, accept=(200, 206, 416)) as response:
        whole = response.status_code == 200
        if not (whole or _continues(response, part)):
            if not offset:
                raise DataError(f"{name}: {http.host_of(url)} sends a part of the file when asked for all of it")
            part.discard()
            _receive(session, url, part, size, report)
            return
        _refuse_web_page(response, name)
        offset = 0 if whole else offset
        total = _total(response, offset)
        if None not in (size, total) and size != total:
            raise DataError(f"{name}: {http.host_of(url)} offers {total:,} bytes, {size:,} are listed")
        if whole:
            part.begin(_Version.offered(response))
        if response.status_code != 416:
            _append(response, part, offset, total, report)


def _append(response: requests.Response, part: _Part, arrived: int, total: int | None, report: Progress) -> None:
    if total is not None:
        require_space(part.destination, total - arrived)
    name = part.destination.name
    with part.path.open("ab") as file:
        report(arrived)
        for block in http.body(response, name):
            file.write(block)
            arrived += len(block)
            report(arrived)
    if total is not None and arrived < total:
        raise http.TransientError(f"{name}: the connection to {http.host_of(response.url)} keeps dropping")


def _continues(response: requests.Response, part: _Part) -> bool:
    """Whether a 206 starts where the part ends, or a 416 says that the part is whole, and both are of one version."""
    extent = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if extent is None or part.version().contradicts(_Version.offered(response)):
        return False
    start, total = extent.groups()
    return str(part.length()) == (total if response.status_code == 416 else start)


def _total(response: requests.Response, offset: int) -> int | None:
    """Length of the whole file in bytes, as far as the response tells."""
    extent = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if extent and extent[2] != "*":
        return int(extent[2])
    rest = response.headers.get("Content-Length", "")
    return offset + int(rest) if rest.isdigit() else None


def _refuse_web_page(response: requests.Response, name: str) -> None:
    is_page = response.status_code == 200 and response.headers.get("Content-Type", "").startswith("text/html")
    if is_page and not name.endswith(_WEB_PAGE_SUFFIXES):
        raise http.AccessRefusedError(f"{name}: {http.host_of(response.url)} sent a web page instead of the file")


def _fault(path: Path, size: int | None, digest: str | None) -> str | None:
    """What is wrong with the file, in words that continue "the file …"; None where nothing is."""
    length = path.stat().st_size
    if size is not None and length != size:
        return f"has {length:,} bytes instead of {size:,}"
    return None if digest is None else checksum_fault(path, digest)
