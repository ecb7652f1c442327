from __future__ import annotations

import pytest
import torch

import neurolect
from neurolect.commands.main import main
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.errors import ConfigError, DataError
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import PHONEMES
from neurolect.training.runs import Run, save_run
from neurolect.training.warm_start import nearest_session, start_from

SESSIONS = ["s.2030.01.01", "s.2030.01.05"]


def model(n_days: int = 2, n_units: int = 8) -> GRUDecoder:
    return GRUDecoder(neural_dim=16, n_units=n_units, n_days=n_days, n_layers=1)


@pytest.fixture
def run() -> Run:
    trained = model()
    with torch.no_grad():
        for day in range(2):
            trained.day_weights[day].fill_(day + 1)
    return Run(trained, PHONEMES, SESSIONS, GaussianSmoothing())


@pytest.mark.parametrize(("new_days", "value"), [("nearest", 2.0), ("mean", 1.5)])
def test_known_days_keep_their_layers_and_new_ones_are_filled(run, new_days, value):
    fresh = model(n_days=3)
    start_from(fresh, ["s.2030.01.07", "s.2030.01.05", "s.2030.01.01"], run, new_days)
    assert [weight[0, 0].item() for weight in fresh.day_weights] == [value, 2.0, 1.0]
    assert torch.equal(fresh.gru.weight_ih_l0, run.model.gru.weight_ih_l0)


def test_the_nearest_session_is_the_earlier_of_two_as_near():
    assert nearest_session("s.2030.01.03", SESSIONS) == 0
    assert nearest_session("s.2029.12.31", SESSIONS) == 0
    assert nearest_session("s.2031.01.01", SESSIONS) == 1
    with pytest.raises(ConfigError, match="session monday does not end in a date"):
        nearest_session("monday", SESSIONS)


def test_models_of_another_shape_are_refused(run):
    with pytest.raises(DataError, match=r"h0 has shape \(1, 1, 8\), the model needs \(1, 1, 9\)"):
        start_from(model(n_units=9), SESSIONS, run)


def test_frozen_weights_stay_and_day_layers_move(run, dataset, tmp_path):
    save_run(tmp_path / "first", run)
    settings = [
        "--model=GRUDecoder", "--model.n_units=8", "--model.n_layers=1", "--trainer.steps=2", "--data.batch_size=4",
        "--trainer.progress=false", "--trainer.accelerator=cpu", "--optimiser.schedule=constant",
        f"--data.root={dataset(n_sessions=1, n_features=16)}", f"--out={tmp_path / 'second'}",
    ]  # fmt: skip
    assert main(["train", *settings, f"--start_from={tmp_path / 'first'}", "--freeze=[gru, out, h0]"]) == 0
    second = neurolect.load(tmp_path / "second", "cpu")
    assert torch.equal(second.model.gru.weight_ih_l0, run.model.gru.weight_ih_l0)
    assert not torch.equal(second.model.day_weights[0], run.model.day_weights[0])
    assert torch.allclose(second.model.day_weights[0], run.model.day_weights[0], atol=0.1)
