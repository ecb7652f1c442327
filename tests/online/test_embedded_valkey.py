from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from neurolect.errors import ConfigError
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.redis_server import RedisServer, reached

PARENT = """
from neurolect.online.embedded_valkey import EmbeddedValkey
import time
with EmbeddedValkey() as valkey:
    print(valkey.folder, flush=True)
    time.sleep(60)
"""


def servers_in(folder: Path) -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if str(folder) in (each.info["cmdline"] or [])]


def wait_until(true, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_of_our_own_answers_and_leaves_nothing():
    with EmbeddedValkey() as valkey:
        client = valkey.server.client()
        assert client.xadd("stream", {"field": b"value"})
        assert servers_in(valkey.folder)
    assert not valkey.folder.exists()
    assert not servers_in(valkey.folder)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_parent_leaves_no_server_and_no_file(ending):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    folder = Path(parent.stdout.readline().decode().strip())
    assert servers_in(folder)
    parent.send_signal(ending)
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not folder.exists() and not servers_in(folder))


def test_a_server_that_is_killed_comes_back_with_everything():
    with EmbeddedValkey() as valkey:
        client = valkey.server.client()
        sent = [client.xadd("stream", {"n": n}) for n in range(100)]
        first = client.info("server")["run_id"]
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
        wait_until(valkey._answers)
        assert client.info("server")["run_id"] != first
        assert [each for each, _ in client.xrange("stream")] == sent


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_server_that_is_killed_while_its_file_is_brought_to_the_disk():
    with EmbeddedValkey() as valkey:
        client = valkey.server.client()
        for _ in range(12):
            wait_until(valkey._answers)
            client.delete("stream")
            process, end, n = client.info("server")["process_id"], time.monotonic() + 1.1, 0
            while time.monotonic() < end:
                client.xadd("stream", {"value": bytes(50_000)})
                n += 1
            os.kill(process, signal.SIGKILL)
            wait_until(lambda process=process: not psutil.pid_exists(process) and valkey._answers())
            assert client.xlen("stream") == n


def test_a_folder_of_the_users_own_stays_and_is_read_again(tmp_path):
    folder = tmp_path / "streams"
    with EmbeddedValkey(folder) as valkey:
        valkey.server.client().set("key", "kept")
    with EmbeddedValkey(folder) as valkey:
        assert valkey.server.client().get("key") == b"kept"


def test_a_family_that_is_terminated_all_at_once_leaves_no_file():
    """As a service manager ends a service."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    folder = Path(parent.stdout.readline().decode().strip())
    for each in (*psutil.Process(parent.pid).children(recursive=True), psutil.Process(parent.pid)):
        each.terminate()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not folder.exists() and not servers_in(folder))


def test_a_named_server_is_reached_and_not_ended():
    with EmbeddedValkey() as valkey:
        said = []
        with reached(RedisServer(url=f"unix://{valkey.socket}"), said.append) as client:
            assert client.ping()
        assert valkey.server.client().ping()
        assert not said


def test_an_unnamed_server_is_started_and_its_address_said(monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    said = []
    with reached(RedisServer(), said.append) as client:
        assert client.ping()
        socket = Path(said[0].split()[-1])
        assert socket.is_socket()
    assert not socket.exists()


def test_a_socket_may_be_named_from_here(monkeypatch):
    with EmbeddedValkey() as valkey:
        monkeypatch.chdir(valkey.folder)
        assert RedisServer(unix_socket=Path("valkey.sock")).client().ping()


def test_passwords_come_from_the_environment_and_stay_out_of_messages(monkeypatch):
    monkeypatch.setenv("SECRET", "swordfish")
    server = RedisServer(host="127.0.0.1", port=1, password_env="SECRET")
    assert server.client().connection_pool.connection_kwargs["password"] == "swordfish"
    assert "swordfish" not in str(server)
    for url in ("redis://me:swordfish@127.0.0.1:7?db=3", "redis://127.0.0.1:7?password=swordfish&db=3"):
        assert RedisServer(url=url).address == "redis://127.0.0.1:7?db=3"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "redis://a", "host": "b"}, "url or host"),
        ({"url": "http://a"}, "must begin with redis://"),
        ({"url": "redis://[a"}, "must begin with redis://"),
        ({"port": 0, "host": "a"}, "redis.port is 0"),
        ({"password_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE"),
    ],
)
def test_a_server_that_cannot_be_meant_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        RedisServer(**settings)


def test_a_url_in_the_environment_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://[me:swordfish")
    with pytest.raises(ConfigError, match="must begin with redis://") as refused:
        RedisServer().client()
    assert "swordfish" not in str(refused.value)


def test_a_wrong_password_is_said_and_not_retried(monkeypatch):
    monkeypatch.setenv("SECRET", "swordfish")
    with EmbeddedValkey() as valkey:
        valkey.server.client().config_set("requirepass", "carp")
        wrong = RedisServer(unix_socket=valkey.socket, password_env="SECRET")
        with pytest.raises(ConfigError, match=r"valkey.sock"), reached(wrong, print):
            pass
        needs = r"valkey.sock\?db=0 needs a password: name the variable that holds it with --password_env"
        with pytest.raises(ConfigError, match=needs), reached(RedisServer(unix_socket=valkey.socket), print):
            pass
