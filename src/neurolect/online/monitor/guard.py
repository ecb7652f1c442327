"""Who may use the monitor: hosts it is called by, pages that may call it, and the token."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neurolect.errors import ConfigError

MIN_TOKEN_LENGTH = 16
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether an address, or the name `localhost`, is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Token:
    """What a browser must know to be shown anything.

    Args:
        secret: at least 16 characters.

    Raises:
        ConfigError: it is shorter.
    """

    secret: str

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_TOKEN_LENGTH:
            raise ConfigError(f"the monitor's token has {len(self.secret)} characters, it must have {MIN_TOKEN_LENGTH}")

    @property
    def cookie(self) -> str:
        """What a browser keeps once it has given the token: proof of it that does not tell it."""
        return hmac.new(self.secret.encode(), b"neurolect monitor", hashlib.sha256).hexdigest()

    def opens(self, given: str) -> bool:
        """Whether this is the token; takes as long whatever is given."""
        return hmac.compare_digest(given.encode(errors="replace"), self.secret.encode())

    def admits(self, connection: HTTPConnection) -> bool:
        """Whether the browser has given the token before."""
        kept = connection.cookies.get(cookie_name(connection), "")
        return hmac.compare_digest(kept.encode(errors="replace"), self.cookie.encode())


def cookie_name(connection: HTTPConnection) -> str:
    """Of its own for each port, since browsers do not keep the cookies of ports apart."""
    server = connection.scope.get("server")
    return f"neurolect-monitor-{server[1] if server else 0}"


class Guard:
    """Refuses what no page of ours would send, and has browsers refuse what no page of ours needs.

    The Host must be a loopback name, the address that was connected to, or one that was allowed: another name is
    someone else's that was pointed here (DNS rebinding). A WebSocket, and all that changes something, must come from
    a page of the same Host.

    Args:
        app: what is guarded.
        hosts: allowed names and addresses.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in (*_LOOPBACK_NAMES, *hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            await PlainTextResponse(f"{refusal}\n", 403)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        connected_to = (scope.get("server") or ("",))[0]
        if len(hosts) != 1 or _name(hosts[0]) not in {*self._hosts, connected_to}:
            return "unknown host: allow it with --allow_host"
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            return None
        origins = headers.getlist("origin")
        if len(origins) != 1 or _place(origins[0]) != hosts[0].lower():
            return "this may only come from a page of the monitor"
        return None


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return send_with_headers


def _name(host: str) -> str:
    """`[::1]:8050` → `::1`."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _place(origin: str) -> str:
    """`http://localhost:8050` → `localhost:8050`; anything but such an origin → ``."""
    scheme, _, place = origin.partition("://")
    return place.lower() if scheme in ("http", "https") else ""
