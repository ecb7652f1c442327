from __future__ import annotations

import signal
import socket

import pytest
import requests

from monitor_process import running_monitor
from neurolect.commands.main import main
from neurolect.online.embedded_valkey import EmbeddedValkey


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bind", "0.0.0.0"], "0.0.0.0 can be reached from other machines: ask for a token, with --token_env"),
        (["--bind", "::"], ":: can be reached"),
        (["--bind", "192.0.2.1", "--token_env", "LONG"], "cannot listen on 192.0.2.1 port 0"),
        (["--port", "99999"], "port is 99999, it must be at most 65535"),
        (["--token_env", "NOT_SET_ANYWHERE"], "token_env names NOT_SET_ANYWHERE, which is not set"),
        (["--token_env", "SHORT"], "token has 6 characters, it must have 16"),
    ],
)
def test_what_cannot_be_served_safely_is_refused_in_a_line(capsys, monkeypatch, options, said):
    monkeypatch.setenv("SHORT", "secret")
    monkeypatch.setenv("LONG", "a secret of many characters")
    assert main(["monitor", "--port", "0", *options, "--unix_socket", "/nowhere/valkey.sock"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_port_that_is_taken_is_named(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["monitor", "--port", str(port), "--unix_socket", "/nowhere/valkey.sock"]) == 2
    assert f"port {port}" in capsys.readouterr().err


def test_recordings_that_are_not_there_yet_are_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("neurolect.online.monitor.serving.serve", lambda *given: given[-1]("http://here/"))
    with EmbeddedValkey() as valkey:
        named = ["monitor", "--port=0", f"--unix_socket={valkey.socket}"]
        assert main([*named, f"--recordings={tmp_path / 'nothere'}"]) == 0
        assert f"{tmp_path / 'nothere'}: there is no such folder yet" in capsys.readouterr().out
        assert main([*named, f"--recordings={tmp_path}"]) == 0
        assert "no such folder" not in capsys.readouterr().out


@pytest.mark.parametrize(("ending", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_told_to_end(ending, status):
    with EmbeddedValkey() as valkey, running_monitor(valkey.socket, "--allow_host", "lab-pc") as monitor:
        assert requests.get(monitor.url, timeout=30).ok
        assert requests.get(monitor.url, headers={"Host": "lab-pc:8050"}, timeout=30).ok
        assert requests.get(monitor.url, headers={"Host": "other-pc:8050"}, timeout=30).status_code == 403
        assert monitor.end(ending) == status


def test_it_is_reached_by_the_address_that_was_connected_to():
    with EmbeddedValkey() as valkey, running_monitor(valkey.socket, "--bind", "127.0.0.2") as monitor:
        assert monitor.place.startswith("127.0.0.2:")
        assert requests.get(monitor.url, timeout=30).ok
