from __future__ import annotations

from pathlib import Path

import pytest

from neurolect.commands.arguments import read_arguments
from neurolect.errors import ConfigError
from neurolect.online.redis_server import RedisServer


def reader(name: str, redis: RedisServer = RedisServer()) -> None:
    """Read from a server."""


def page(port: int = 8000, redis: RedisServer = RedisServer()) -> None:
    """Show a page."""


@pytest.mark.parametrize("option", ["--unix-socket", "--unix_socket", "--redis.unix_socket"])
def test_the_server_is_named_with_or_without_its_group(option):
    settings = read_arguments("reader", reader, ["x", option, "/run/valkey.sock", "--db=3"])
    assert settings["redis"] == RedisServer(unix_socket=Path("/run/valkey.sock"), db=3)


def test_a_verbs_own_option_keeps_its_name():
    settings = read_arguments("page", page, ["--port", "9000", "--redis.port", "7000", "--host", "127.0.0.1"])
    assert settings == {"port": 9000, "redis": RedisServer(host="127.0.0.1", port=7000)}


def test_an_option_of_no_group_is_refused_as_typed():
    with pytest.raises(ConfigError, match="there is no option '--sockets'"):
        read_arguments("reader", reader, ["x", "--sockets", "a"])
