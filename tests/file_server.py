"""A real HTTP server on 127.0.0.1 for the download tests, which misbehaves on request."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import quote


@dataclass
class Remote:
    content: bytes
    mime_type: str = "application/octet-stream"
    etag: str | None = None
    last_modified: str | None = None
    allow_ranges: bool = True
    honour_if_range: bool = True
    announce_length: bool = True
    digest: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refuse:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Drop:
    after: int


@dataclass(frozen=True)
class Stall:
    after: int
    until: threading.Event


@dataclass(frozen=True)
class Answer:
    """One response: what was asked for and how many bytes of the body went out."""

    path: str
    headers: dict[str, str]
    status: int
    n_bytes: int


class FileServer:
    """Serves `files`; the faults of a path befall its next requests, one each."""

    def __init__(self) -> None:
        self.files: dict[str, Remote] = {}
        self.faults: defaultdict[str, deque[Refuse | Drop | Stall]] = defaultdict(deque)
        self.answers: list[Answer] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def add(self, path: str, content: bytes, **properties: object) -> str:
        """Serve `content` under `path` with an entity tag of its own; returns the URL."""
        properties = {"etag": f'"{hashlib.md5(content).hexdigest()}"'} | properties
        self.files[path] = Remote(content, **properties)
        return self.url + path

    def add_dataset(self, doi: str, files: dict[str, Remote], per_page: int = 2) -> None:
        """Serve a dataset as Dryad does: relative links, pages, an older version, and an empty last page."""
        versions = f"/api/v2/datasets/doi:{quote(doi, safe='')}/versions"
        listing = f"/api/v2/versions/{len(self.files) + 10}/files"
        old = {"_links": {"stash:files": {"href": "/api/v2/versions/1/files"}}}
        new = {"_links": {"stash:files": {"href": listing}}}
        self._add_page(versions, "stash:versions", [old], versions + "?page=2")
        self._add_page(versions + "?page=2", "stash:versions", [new], None)
        entries = [self._entry(name, remote) for name, remote in files.items()]
        pages = [entries[start : start + per_page] for start in range(0, len(entries), per_page)] + [[]]
        addresses = [listing] + [f"{listing}?page={number}" for number in range(2, len(pages) + 1)]
        for address, page, following in zip(addresses, pages, [*addresses[1:], None], strict=True):
            self._add_page(address, "stash:files", page, following)

    def add_repository(self, repository: str, files: dict[str, bytes], per_page: int = 3) -> None:
        """Serve a dataset as Hugging Face does: folders listed too, pages by `Link`, files over 1000 bytes as large."""
        folders = {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}
        entries: list[dict[str, object]] = [{"type": "directory", "path": name, "oid": "0"} for name in sorted(folders)]
        for name, content in files.items():
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            large = {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}}
            entry = {"type": "file", "path": name, "size": len(content), "oid": git}
            entries.append(entry | (large if len(content) > 1000 else {}))
            self.add(f"/datasets/{repository}/resolve/main/{quote(name)}", content)
        address = f"/api/datasets/{repository}/tree/main?recursive=true"
        starts = range(0, len(entries), per_page)
        for number, start in enumerate(starts):
            here, following = (f"{address}&cursor={each}" if each else address for each in (number, number + 1))
            links = {"Link": f'<{self.url}{following}>; rel="next"'} if number + 1 < len(starts) else {}
            self.add(here, json.dumps(entries[start : start + per_page]).encode(), extra=links)

    def bytes_sent(self, path: str) -> int:
        return sum(answer.n_bytes for answer in self.answers if answer.path == path)

    def _entry(self, name: str, remote: Remote) -> dict[str, object]:
        path = f"/api/v2/files/{len(self.files)}/download"
        self.files[path] = remote
        digest = remote.digest or hashlib.sha256(remote.content).hexdigest()
        return {
            "_links": {"stash:download": {"href": path}},
            "path": name,
            "size": len(remote.content),
            "mimeType": remote.mime_type,
            "digest": digest,
            "digestType": "sha-256",
        }

    def _add_page(self, path: str, key: str, entries: list[dict[str, object]], following: str | None) -> None:
        links = {"self": {"href": path}} | ({"next": {"href": following}} if following else {})
        page = {"_links": links, "_embedded": {key: entries}}
        self.files[path] = Remote(json.dumps(page).encode(), "application/json")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                fault = server.faults[self.path].popleft() if server.faults[self.path] else None
                remote = server.files.get(self.path)
                if isinstance(fault, Refuse):
                    self._send(fault.status, dict(fault.headers), b"")
                elif remote is None:
                    self._send(404, {}, b"")
                else:
                    self._send(*_response(remote, self.headers), fault)

            def _send(
                self, status: int, headers: dict[str, str], body: bytes, fault: Drop | Stall | None = None
            ) -> None:
                sent = body if fault is None else body[: fault.after]
                # Noted before it is sent: the client may look as soon as it has the last byte.
                server.answers.append(Answer(self.path, dict(self.headers), status, len(sent)))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Connection" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(sent)
                if isinstance(fault, Stall):
                    self.wfile.flush()
                    fault.until.wait(30)
                if fault is not None or "Connection" in headers:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _response(remote: Remote, asked: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": remote.mime_type} | dict(remote.extra)
    if remote.etag:
        headers["ETag"] = remote.etag
    if remote.last_modified:
        headers["Last-Modified"] = remote.last_modified
    condition = asked.get("If-Range")
    fits = condition is None or not remote.honour_if_range or condition in (remote.etag, remote.last_modified)
    total = len(remote.content)
    if "Range" in asked and remote.allow_ranges and fits:
        first, _, last = asked["Range"].removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) + 1, total) if last else total
        if start >= total:
            return 416, headers | {"Content-Range": f"bytes */{total}"}, b"no such range"
        return 206, headers | {"Content-Range": f"bytes {start}-{end - 1}/{total}"}, remote.content[start:end]
    if not remote.announce_length:
        # Without a length the end of the connection is the end of the file.
        return 200, headers | {"Connection": "close"}, remote.content
    return 200, headers, remote.content
