from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import neurolect
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.errors import ConfigError, DataError
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import PHONEMES
from neurolect.training.run_files import choose_device
from neurolect.training.runs import Run, save_run


@pytest.fixture
def run() -> Run:
    torch.manual_seed(0)
    model = GRUDecoder(neural_dim=8, n_units=6, n_days=2, n_layers=1).eval()
    return Run(model, PHONEMES, ["s.2030.01.01", "s.2030.01.02"], GaussianSmoothing(), data={"root": "x"})


def test_a_saved_run_gives_the_same_logits(run, tmp_path):
    save_run(tmp_path / "run", run)
    again = neurolect.load(tmp_path / "run", device="cpu")
    features = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    for padding, n_frames in (("same", 12), ("valid", 10)):
        logits = again.logits(features, "s.2030.01.02", padding)
        assert logits.shape == (n_frames, 41)
        assert np.array_equal(logits, run.logits(features, "s.2030.01.02", padding))
    assert (again.sessions, again.smoothing, again.data) == (run.sessions, run.smoothing, run.data)


def test_unknown_sessions_are_named(run):
    with pytest.raises(ConfigError, match=r"no day layer for session s\.2031\.01\.01"):
        run.logits(np.zeros((60, 8), dtype=np.float32), "s.2031.01.01")


def test_damaged_runs_are_refused_with_file_and_tensor(run, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(DataError, match=r"model\.json: no such file"):
        neurolect.load(folder)
    save_run(folder, run)
    description = json.loads((folder / "model.json").read_text())

    def describe(**changes):
        arguments = description["arguments"] | changes
        (folder / "model.json").write_text(json.dumps(description | {"arguments": arguments}))

    describe(n_days=3)
    with pytest.raises(DataError, match=r"day_weights\.2 is missing"):
        neurolect.load(folder)
    describe(n_units=7)
    with pytest.raises(DataError, match=r"h0 has shape \(1, 1, 6\), the model needs \(1, 1, 7\)"):
        neurolect.load(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(DataError, match="not a JSON file"):
        neurolect.load(folder)
    describe()
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(DataError, match="not a whole safetensors file"):
        neurolect.load(folder)


def test_a_missing_accelerator_becomes_the_cpu_with_a_warning_and_nonsense_is_refused():
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        with pytest.warns(UserWarning, match="there is no cuda:7"):
            assert choose_device("cuda:7") == torch.device("cpu")
    with pytest.raises(ConfigError, match="'gpu9' is not a device"):
        choose_device("gpu9")
