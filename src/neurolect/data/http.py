"""One HTTP GET, retried where that may help; a failure is one line that names what was wanted and the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from neurolect import __version__
from neurolect.errors import DataError

RETRIES = 5
BACKOFF = 1.0

_TIMEOUT = (10.0, 60.0)  # seconds to connect, seconds without a byte
_CHUNK = 1 << 16
_LONGEST_BACKOFF = 60.0
_LONGEST_RETRY_AFTER = 600.0

Result = TypeVar("Result")


class AccessRefusedError(DataError):
    """The host answered, but it wants a login, a token or a person at a browser."""


class TransientError(Exception):
    """A failure that another attempt may mend.

    Args:
        message: the line to show when no attempt is left.
        wait: the least time in seconds until the next attempt.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


def new_session() -> requests.Session:
    """A session that says who asks: some hosts refuse the HTTP library's own name."""
    session = requests.Session()
    session.headers["User-Agent"] = f"neurolect/{__version__}"
    return session


def retrying(
    attempt: Callable[[], Result],
    *,
    retries: int = RETRIES,
    backoff: float = BACKOFF,
    done: Callable[[], int] = lambda: 0,
) -> Result:
    """Call `attempt` until it returns, waiting `backoff`, 2·`backoff`, 4·`backoff` … seconds after each failure.

    Args:
        attempt: raises `TransientError` for what is worth another attempt.
        retries: how many failures in a row, each without progress, are forgiven.
        backoff: first wait in seconds; no wait is longer than a minute unless the host asks for it.
        done: how far the attempts have come; going beyond the furthest point so far is progress.

    Raises:
        DataError: no attempt is left.
    """
    failures, furthest = 0, done()
    while True:
        try:
            return attempt()
        except TransientError as error:
            if done() > furthest:
                failures, furthest = 0, done()
            failures += 1
            if failures > retries:
                raise DataError(f"{error} (attempts: {failures})") from None
            time.sleep(max(error.wait, min(backoff * 2 ** (failures - 1), _LONGEST_BACKOFF)))


def get(
    session: requests.Session,
    url: str,
    what: str,
    headers: Mapping[str, str] | None = None,
    accept: Collection[int] = (200,),
) -> requests.Response:
    """Ask once; the response's body is not read yet, and the caller closes it.

    Args:
        session: see `new_session`.
        url: absolute address.
        what: what is wanted, in the words that an error should use, such as a file name.
        headers: sent besides the session's own.
        accept: the status codes that the caller handles.

    Raises:
        AccessRefusedError: status 401 or 403.
        DataError: any other refusal that no further attempt can mend.
        TransientError: no connection, a time-out, status 429 or 5xx.
    """
    host = host_of(url)
    try:
        response = session.get(url, headers=headers, stream=True, timeout=_TIMEOUT)
    except requests.exceptions.SSLError:
        raise TransientError(f"{what}: no secure connection to {host}") from None
    except requests.Timeout:
        raise TransientError(f"{what}: {host} does not answer") from None
    except requests.ConnectionError:
        raise TransientError(f"{what}: no connection to {host}") from None
    except requests.RequestException as error:
        raise DataError(f"{what}: cannot ask for {url}: {error}") from None
    if response.status_code in accept:
        return response
    response.close()
    raise _refusal(response, what, host)


def body(response: requests.Response, what: str) -> Iterator[bytes]:
    """The response's bytes as they were sent, in blocks of at most 64 KiB.

    Raises:
        TransientError: the connection broke off.
    """
    try:
        # Not `iter_content`: it would unpack a .gz that the server labels as a content encoding.
        yield from response.raw.stream(_CHUNK, decode_content=False)
    except urllib3.exceptions.HTTPError:
        raise TransientError(f"{what}: the connection to {host_of(response.url)} keeps dropping") from None


def get_json(
    session: requests.Session, url: str, what: str, *, retries: int = RETRIES, backoff: float = BACKOFF
) -> Any:
    """Ask for a JSON document, with retries.

    Raises:
        DataError: there is no such document or the answer is not JSON.
    """
    document, _ = _get_page(session, url, what, retries, backoff)
    return document


def get_json_pages(
    session: requests.Session, url: str, what: str, *, retries: int = RETRIES, backoff: float = BACKOFF
) -> Iterator[Any]:
    """Ask for a JSON document and for those that each says come next in its `Link` header (RFC 8288), with retries.

    Raises:
        DataError: there is no such document or an answer is not JSON.
    """
    seen: set[str] = set()
    following: str | None = url
    while following is not None and following not in seen:
        seen.add(following)
        document, following = _get_page(session, following, what, retries, backoff)
        yield document


def _get_page(session: requests.Session, url: str, what: str, retries: int, backoff: float) -> tuple[Any, str | None]:
    """A JSON document and the address of the next one, where there is one."""

    def attempt() -> tuple[Any, str | None]:
        with get(session, url, what) as response:
            try:
                document = response.json()
            except requests.exceptions.JSONDecodeError:
                raise DataError(f"{what}: {host_of(url)} answered with something that is not JSON") from None
            except requests.RequestException:
                raise TransientError(f"{what}: the connection to {host_of(url)} keeps dropping") from None
            following = response.links.get("next", {}).get("url")
            return document, urljoin(url, following) if following else None

    return retrying(attempt, retries=retries, backoff=backoff)


def host_of(url: str) -> str:
    """`https://datadryad.org/api` → `datadryad.org`."""
    return urlsplit(url).hostname or url


def _refusal(response: requests.Response, what: str, host: str) -> Exception:
    status = f"{response.status_code} {response.reason or ''}".strip()
    if response.status_code in (401, 403):
        return AccessRefusedError(f"{what}: {host} refuses access ({status})")
    if response.status_code in (404, 410):
        return DataError(f"{what}: {host} does not have it ({status})")
    if response.status_code != 429 and response.status_code < 500:
        return DataError(f"{what}: {host} answered {status}")
    wait = _retry_after(response.headers.get("Retry-After", ""))
    if wait > _LONGEST_RETRY_AFTER:
        return DataError(f"{what}: {host} is busy ({status}) and asks to come back in {wait / 60:.0f} minutes")
    return TransientError(f"{what}: {host} cannot serve it now ({status})", wait)


def _retry_after(value: str) -> float:
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
