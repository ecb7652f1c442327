from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import neurolect
from neurolect.commands.main import main
from neurolect.models.gru import GRUDecoder

SETTINGS = {
    "model": {
        "n_input_features": 8, "n_units": 6, "rnn_dropout": 0.4, "n_layers": 2, "patch_size": 14, "patch_stride": 4,
        "input_network": {"input_layer_dropout": 0.2},
    },
    "dataset": {
        "n_classes": 41,
        "sessions": ["t15.2023.08.11", "t15.2023.08.13"],
        "feature_subset": None,
        "data_transforms": {"smooth_data": True, "smooth_kernel_std": 2, "smooth_kernel_size": 100},
    },
}  # fmt: skip


def reference(folder: Path, prefix: str, **more) -> GRUDecoder:
    """Write a checkpoint as the reference's trainer does: prefixed names, optimiser, NumPy scalars."""
    torch.manual_seed(1)
    model = GRUDecoder(neural_dim=8, n_units=6, n_days=2, n_layers=2)
    optimiser = torch.optim.AdamW(model.parameters(), eps=0.1)
    content = {
        "model_state_dict": {prefix + name: value for name, value in model.state_dict().items()},
        "optimizer_state_dict": optimiser.state_dict(),
        "scheduler_state_dict": {"base_lrs": [0.005] * 3, "last_epoch": 4, "lr_lambdas": [None] * 3},
        "val_PER": 0.1012,
        "val_loss": np.float64(18.4),
        **more,
    }
    (folder / "checkpoint").mkdir(parents=True)
    torch.save(content, folder / "checkpoint" / "best_checkpoint")
    (folder / "checkpoint" / "args.yaml").write_text(yaml.safe_dump(SETTINGS))
    return model.eval()


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "", "module._orig_mod."])
def test_a_reference_checkpoint_becomes_a_run_with_the_same_logits(tmp_path, prefix, capsys):
    model = reference(tmp_path / "reference", prefix)
    assert main(["import", "t15", str(tmp_path / "reference"), "--out", str(tmp_path / "run")]) == 0
    run = neurolect.load(tmp_path / "run", device="cpu")
    assert run.sessions == SETTINGS["dataset"]["sessions"]
    assert run.metrics == {"val/per": 0.1012}
    features = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    with torch.no_grad():
        expected = model(run.smoothing(torch.from_numpy(features)[None]), torch.tensor([1]))[0]
    assert np.array_equal(run.logits(features, "t15.2023.08.13"), expected.numpy())
    assert main(["import", "t15", str(tmp_path / "reference"), "--out", str(tmp_path / "run")]) == 2
    assert "holds a run already" in capsys.readouterr().err


class Trap:
    """Runs a command when unpickled without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path, capsys):
    reference(tmp_path / "reference", "_orig_mod.", note=Trap(tmp_path / "sprung"))
    assert main(["import", "t15", str(tmp_path / "reference"), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "refused, it holds more than tensors and numbers" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda folder: (folder / "best_checkpoint").unlink(), "best_checkpoint: no such file"),
        (lambda folder: (folder / "args.yaml").unlink(), "args.yaml: no such file"),
        (lambda folder: (folder / "args.yaml").write_text("model: {}\n"), "dataset is missing"),
        (lambda folder: (folder / "args.yaml").write_text("- : ["), "not a YAML file"),
        (lambda folder: (folder / "best_checkpoint").write_bytes(b"PK\x03\x04"), "not a whole torch checkpoint"),
        (lambda folder: torch.save({"a": 1}, folder / "best_checkpoint"), "has no model_state_dict"),
    ],
)
def test_damaged_checkpoints_get_one_line(tmp_path, capsys, damage, complaint):
    reference(tmp_path, "")
    damage(tmp_path / "checkpoint")
    assert main(["import", "t15", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
