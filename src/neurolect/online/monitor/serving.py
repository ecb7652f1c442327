"""The monitor on a port, until it is told to end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn

from neurolect.errors import ConfigError
from neurolect.online.monitor.application import MonitorSettings, application
from neurolect.online.monitor.guard import is_loopback
from neurolect.online.monitor.page_requests import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from redis import Redis


def listen(bind: str, port: int, has_token: bool) -> socket.socket:
    """A socket that waits for browsers; port 0 is any free one.

    Raises:
        ConfigError: the address is not this machine's, the port is taken, or others could see the page and nobody would
            be asked for a token.
    """
    if not 0 <= port <= 65_535:
        raise ConfigError(f"port is {port}, it must be at most 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        if not has_token and not is_loopback(str(address[0])):
            raise ConfigError(f"{bind} can be reached from other machines: ask for a token, with --token_env")
        return socket.create_server(address[:2], family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError(f"the monitor cannot listen on {bind} port {port}: {error}") from None


def serve(client: Redis, listener: socket.socket, settings: MonitorSettings, say: Callable[[str], None]) -> None:
    """Show live decoding until SIGINT or SIGTERM.

    Args:
        client: of the Redis server.
        listener: where browsers come to.
        settings: what the page may do, and for whom.
        say: is told the page's address once it is there.
    """
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        application(client, settings),
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=MAX_REQUEST_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )
    server = _Announced(config)
    server.say = lambda: say(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    server.run(sockets=[listener])


class _Announced(uvicorn.Server):
    say: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.say()
