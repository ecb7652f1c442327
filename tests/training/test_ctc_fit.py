from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from neurolect.commands.main import main
from neurolect.data.dataset import SpeechData
from neurolect.training.metrics import read_metrics

STEPS = 9
COMMAND = [sys.executable, "-m", "neurolect"]


def arguments(root: Path, out: Path) -> list[str]:
    settings = {
        "data.root": root,
        "data.batch_size": 6,
        "data.days_per_batch": 2,
        "model": "GRUDecoder",
        "model.n_units": 12,
        "model.n_layers": 2,
        "optimiser.warmup_steps": 2,
        "trainer.steps": STEPS,
        "trainer.validate_every": 3,
        "trainer.log_every": 1,
        "trainer.patience": 20,
        "trainer.accelerator": "cpu",
        "trainer.progress": "false",
        "out": out,
    }
    return ["train", *(f"--{name}={value}" for name, value in settings.items())]


@pytest.fixture
def unbroken(dataset, tmp_path) -> Path:
    assert main(arguments(dataset(n_features=16), tmp_path / "unbroken")) == 0
    return tmp_path / "unbroken"


def checkpoint(run: Path) -> dict:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def test_a_killed_run_resumes_to_bit_equal_weights(unbroken, dataset, tmp_path):
    root, out = dataset(n_features=16), tmp_path / "killed"
    last = out / "checkpoints" / "last.ckpt"
    process = subprocess.Popen([*COMMAND, *arguments(root, out)], env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while not last.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert checkpoint(out)["global_step"] < STEPS

    assert main(arguments(root, out)) == 2
    assert main([*arguments(root, out), "--resume"]) == 0
    first, second = checkpoint(unbroken), checkpoint(out)
    assert second["global_step"] == STEPS
    assert all(torch.equal(value, second["state_dict"][name]) for name, value in first["state_dict"].items())
    moments = [state["optimizer_states"][0]["state"] for state in (first, second)]
    assert all(torch.equal(value["exp_avg"], moments[1][key]["exp_avg"]) for key, value in moments[0].items())
    best, again = (load_file(run / "model.safetensors") for run in (unbroken, out))
    assert all(torch.equal(value, again[name]) for name, value in best.items())
    assert read_metrics(unbroken / "metrics.csv") == read_metrics(out / "metrics.csv")


def test_a_run_folder_holds_what_it_promises(unbroken):
    assert {path.name for path in unbroken.iterdir()} == {
        "config.yaml", "metrics.csv", "checkpoints", "model.safetensors", "model.json",
    }  # fmt: skip
    metrics = read_metrics(unbroken / "metrics.csv")
    validations = [(step, value) for step, name, value in metrics if name == "val/per"]
    assert [step for step, _ in validations] == [3, 6, 9]
    assert {name for _, name, _ in metrics if name.startswith("val/per/")} == {
        f"val/per/sim.2030.01.0{day}" for day in (1, 2, 3)
    }
    assert [step for step, name, _ in metrics if name == "train/loss"] == list(range(1, STEPS + 1))


def test_training_learns_to_spell_what_was_said(dataset, tmp_path):
    settings = [
        "--trainer.steps=120", "--trainer.validate_every=120", "--optimiser.eps=1e-8", "--optimiser.lr=0.01",
        "--model.n_units=64", "--model.n_layers=1", "--augmentation.white_noise_std=0.1",
    ]  # fmt: skip
    root = dataset(n_train=24, n_features=16)
    assert main([*arguments(root, tmp_path / "run"), *settings]) == 0
    metrics = read_metrics(tmp_path / "run" / "metrics.csv")
    (per,) = [value for _, name, value in metrics if name == "val/per"]
    assert per < 0.35


def test_a_run_is_repeated_from_its_own_configuration(unbroken, tmp_path):
    again = tmp_path / "again"
    assert main(["train", "--config", str(unbroken / "config.yaml"), "--out", str(again)]) == 0
    first, second = load_file(unbroken / "model.safetensors"), load_file(again / "model.safetensors")
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["--trainer.steps", "0"], "trainer.steps is 0, it must be at least 1"),
        (["--data.workers", "-1"], "data.workers is -1"),
        (["--smoothing.std", "-1"], "smoothing.std is -1"),
        (["--trainer.precision", "bf17"], "bf17"),
        (["--model.n_layers", "0"], "num_layers must be greater than zero"),
        (["--data.feature_blocks", "[spike power]"], "feature_blocks name columns up to 511, there are 16"),
        (["--data.root", "nowhere"], "nowhere: no such folder"),
        (["--data.batch_sise", "4"], "batch_sise"),
        (["--trainer.steps", "many"], "trainer.steps"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--model.n_unts", "4"], "n_unts"),
        (["--data.feature_blocks", "[area 5]"], "no feature block 'area 5'"),
        (["--freeze", "[encoder]"], "begins with 'encoder'"),
    ],
)
def test_faulty_settings_get_one_line_that_names_them(dataset, tmp_path, capsys, settings, complaint):
    root = dataset(n_features=16)
    assert main([*arguments(root, tmp_path / "run"), *settings]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_only_better_validations_are_kept_and_a_resumed_run_remembers_the_best(dataset, tmp_path):
    root, out = dataset(n_train=24, n_features=16), tmp_path / "run"
    settings = [
        "--optimiser.schedule=constant", "--optimiser.lr=0.01", "--optimiser.eps=1e-8", "--model.n_units=32",
        "--model.n_layers=1", "--trainer.validate_every=20",
    ]  # fmt: skip
    assert main([*arguments(root, out), *settings, "--augmentation.white_noise_std=0.1", "--trainer.steps=60"]) == 0
    kept = load_file(out / "model.safetensors")
    (out / "config.yaml").unlink()
    # Nothing but noise to train on: whatever is validated from here on is worse.
    ruin = ["--augmentation.white_noise_std=1000", "--trainer.steps=120", "--resume"]
    assert main([*arguments(root, out), *settings, *ruin]) == 0
    metrics = read_metrics(out / "metrics.csv")
    rates = {step: value for step, name, value in metrics if name == "val/per"}
    best = torch.load(out / "checkpoints" / "best.ckpt", weights_only=True)
    assert list(rates) == [20, 40, 60, 80, 100, 120]
    assert min(rates, key=rates.get) == best["global_step"] <= 60
    assert all(torch.equal(value, kept[name]) for name, value in load_file(out / "model.safetensors").items())
    assert all(torch.equal(value, best["state_dict"][f"model.{name}"]) for name, value in kept.items())


def test_a_run_is_resumed_only_with_its_own_settings_and_sessions(unbroken, dataset, tmp_path, capsys):
    root = tmp_path / "recordings"
    kept = (unbroken / "config.yaml").read_text()
    assert main([*arguments(root, unbroken), "--model.n_units=24", "--resume"]) == 2
    assert "begun with another model.init_args.n_units" in capsys.readouterr().err
    (root / "sim.2030.01.03").rename(root / "sim.2030.01.09")
    assert main([*arguments(root, unbroken), "--resume"]) == 2
    assert "--resume cannot change its sessions" in capsys.readouterr().err
    assert (unbroken / "config.yaml").read_text() == kept


def test_trials_that_are_all_shorter_than_a_patch_are_named(dataset, tmp_path, capsys):
    assert main([*arguments(dataset(n_features=16), tmp_path / "run"), "--model.patch_size=500"]) == 2
    assert "every trial is shorter than one patch" in capsys.readouterr().err


def test_training_without_a_validation_split_is_refused_before_it_starts(dataset, tmp_path, capsys):
    root = dataset(n_val=1, n_features=16)
    for path in root.glob("*/data_val.hdf5"):
        path.unlink()
    assert main(arguments(root, tmp_path / "run")) == 2
    assert "no session has data_val.hdf5" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_training_stops_early_when_validation_no_longer_improves(dataset, tmp_path):
    settings = ["--trainer.patience=1", "--optimiser.schedule=constant", "--optimiser.lr=0", "--optimiser.lr_day=0"]
    out = tmp_path / "run"
    assert main([*arguments(dataset(n_features=16), out), *settings]) == 0
    assert checkpoint(out)["global_step"] == 6


@pytest.mark.slow
def test_two_processes_train_together_and_leave_days_untouched_that_neither_drew(dataset, tmp_path):
    root, out = dataset(n_sessions=12, n_train=6, n_features=16), tmp_path / "two"
    settings = [
        "--trainer.devices=2", "--trainer.strategy=ddp", "--data.days_per_batch=1", "--trainer.steps=3",
        "--optimiser.schedule=constant",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*COMMAND, *arguments(root, out), *settings], check=True, env=environment, timeout=300)
    state = checkpoint(out)
    assert state["global_step"] == 3
    batches = islice(SpeechData(root, batch_size=6, days_per_batch=1).training_batches(), 6)
    drawn = {day for batch in batches for day in batch.days_present}
    moved = {
        day for day in range(12) if not torch.equal(state["state_dict"][f"model.day_weights.{day}"], torch.eye(16))
    }
    assert moved == drawn
    assert 1 < len(drawn) < 12
