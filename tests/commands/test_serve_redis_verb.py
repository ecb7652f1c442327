from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from neurolect.commands.main import main
from neurolect.errors import ConfigError
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.redis_server import RedisServer

SERVE = [sys.executable, "-m", "neurolect", "serve", "redis", "--folder"]


@pytest.mark.parametrize(("ending", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_server_says_how_to_reach_it_and_keeps_its_data_in_its_folder(tmp_path, ending, status):
    folder = tmp_path / "streams of the lab"
    for n in range(2):
        process = subprocess.Popen([*SERVE, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        with process:
            by_socket, by_url = process.stdout.readline(), process.stdout.readline()
            assert by_socket.strip().endswith(f"--unix_socket {folder / 'valkey.sock'}")
            client = RedisServer(url=by_url.split("'")[1]).client()
            assert client.incr("starts") == n + 1
            process.send_signal(ending)
            assert process.wait(30) == status
        assert not (folder / "valkey.sock").exists()
    assert folder.is_dir()


def test_two_servers_never_share_a_folder(tmp_path, capsys):
    with EmbeddedValkey(tmp_path) as valkey:
        assert main(["serve", "redis", "--folder", str(tmp_path)]) == 2
        assert "a server runs in it already" in capsys.readouterr().err
        assert valkey.server.client().ping()


def test_a_folder_whose_path_is_too_long_for_a_socket_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="too long for a socket"):
        EmbeddedValkey(tmp_path / ("x" * 110)).__enter__()
