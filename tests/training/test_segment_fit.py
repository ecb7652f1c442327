from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import neurolect
from neurolect.commands.main import main
from neurolect.data.seeg.layout import open_subject
from neurolect.training.metrics import read_metrics
from neurolect.training.runs import load_segments
from patterned_subjects import WORDS, mae_command, vqvae_command, words_command, write_patterned_subjects


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_patterned_subjects(tmp_path_factory.mktemp("seeg"))


@pytest.fixture(scope="module")
def stages(root, tmp_path_factory) -> dict[str, Path]:
    """A run of each stage, left alone."""
    runs = {stage: tmp_path_factory.mktemp("runs") / stage for stage in ("vqvae", "mae", "words")}
    assert main(vqvae_command(root, runs["vqvae"])) == 0
    assert main(mae_command(root, runs["vqvae"], runs["mae"])) == 0
    assert main(words_command(root, runs["words"], start_from=runs["mae"])) == 0
    return runs


def command(stage: str, root: Path, stages: dict[str, Path], out: Path, **settings: object) -> list[str]:
    if stage == "vqvae":
        return vqvae_command(root, out, **settings)
    if stage == "mae":
        return mae_command(root, stages["vqvae"], out, **settings)
    return words_command(root, out, start_from=stages["mae"], **settings)


def checkpoint(run: Path) -> dict:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("stage", ["vqvae", "mae", "words"])
def test_a_killed_stage_resumes_to_bit_equal_weights(stage, root, stages, tmp_path):
    out = tmp_path / stage
    last = out / "checkpoints" / "last.ckpt"
    words = [sys.executable, "-m", "neurolect", *command(stage, root, stages, out)]
    process = subprocess.Popen(words, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not last.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    unbroken = stages[stage]
    assert checkpoint(out)["global_step"] < checkpoint(unbroken)["global_step"]

    assert main(command(stage, root, stages, out)) == 2
    assert main([*command(stage, root, stages, out), "--resume"]) == 0
    first, second = checkpoint(unbroken), checkpoint(out)
    assert first["global_step"] == second["global_step"]
    assert all(torch.equal(value, second["state_dict"][name]) for name, value in first["state_dict"].items())
    moments = [state["optimizer_states"][0]["state"] for state in (first, second)]
    assert all(torch.equal(value["exp_avg_sq"], moments[1][key]["exp_avg_sq"]) for key, value in moments[0].items())
    best, again = (load_file(run / "model.safetensors") for run in (unbroken, out))
    assert all(torch.equal(value, again[name]) for name, value in best.items())
    assert read_metrics(unbroken / "metrics.csv") == read_metrics(out / "metrics.csv")


def test_a_checkpoint_takes_no_way_round_over_another_disk(root, tmp_path, monkeypatch):
    def interrupted(source, target, *_):
        Path(target).write_bytes(Path(source).read_bytes()[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "move", interrupted)
    assert main(vqvae_command(root, tmp_path / "run", trainer__epochs=1)) == 0
    assert checkpoint(tmp_path / "run")["epoch"] == 0
    assert not list((tmp_path / "run" / "checkpoints").glob(".*"))


def test_a_checkpoint_that_was_damaged_or_forged_is_named_in_one_line(root, stages, tmp_path, capsys):
    out = tmp_path / "run"
    last = out / "checkpoints" / "last.ckpt"
    shutil.copytree(stages["vqvae"], out)
    whole = last.read_bytes()
    for content in (whole[: len(whole) // 2], b"", pickle.dumps(shutil.rmtree, protocol=2)):
        last.write_bytes(content)
        assert main([*vqvae_command(root, out), "--resume"]) == 2
        error = capsys.readouterr().err
        assert str(last) in error
        assert error.count("\n") == 1


def test_a_run_that_is_not_there_begins_with_a_word_of_it(root, tmp_path, capsys):
    assert main([*vqvae_command(root, tmp_path / "run"), "--resume"]) == 0
    assert f"nothing to resume in {tmp_path / 'run'}: begins" in capsys.readouterr().err


def test_a_run_that_goes_on_for_longer_says_that_its_settings_do_not_repeat_it(root, stages, tmp_path, capsys):
    shutil.copytree(stages["vqvae"], tmp_path / "run")
    assert main([*vqvae_command(root, tmp_path / "run"), "--resume"]) == 0
    assert "note: " not in capsys.readouterr().err
    assert main([*vqvae_command(root, tmp_path / "run", trainer__epochs=6), "--resume"]) == 0
    assert "was begun with trainer.epochs 4 and goes on to 6: its config.yaml will say 6" in capsys.readouterr().err


def test_settings_that_were_damaged_are_named_in_one_line(root, stages, tmp_path, capsys):
    shutil.copytree(stages["vqvae"], tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("data: [", encoding="utf-8")
    assert main([*vqvae_command(root, tmp_path / "run"), "--resume"]) == 2
    error = capsys.readouterr().err
    assert "config.yaml" in error
    assert error.count("\n") == 1


def test_each_stage_leaves_a_model_card(stages):
    for stage, run in stages.items():
        card = (run / "README.md").read_text(encoding="utf-8")
        assert f"neurolect {load_segments(run).verb}" in card, stage
        assert "must not be used for" in card


def test_each_stage_learns_and_says_so(stages):
    def values(stage: str, metric: str) -> list[float]:
        return [value for _, name, value in read_metrics(stages[stage] / "metrics.csv") if name == metric]

    for stage in stages:
        losses = values(stage, "val/loss")
        assert len(losses) == 4
        assert losses[-1] < losses[0]
        assert load_segments(stages[stage]).metrics["epoch"] == np.argmin(losses) or stage == "words"
    assert {"val/codes_used", "val/perplexity", "val/correlation", "val/reconstruction", "val/commitment"} <= {
        name for _, name, _ in read_metrics(stages["vqvae"] / "metrics.csv")
    }
    assert max(values("mae", "val/accuracy")) > 2 / 16
    assert max(values("words", "val/accuracy")) > 0.9


def test_a_run_answers_for_new_signals_with_the_words_that_were_said(root, stages):
    run = neurolect.load(stages["words"], device="cpu")
    trials = open_subject(root / "two").trials
    assert trials is not None
    logits = run.logits(trials.signals[:30].swapaxes(1, 2), "two")
    answers = [run.words[word] for word in logits.argmax(axis=1)]
    assert run.words == sorted(WORDS)
    assert np.mean([said == answered for said, answered in zip(trials.words[:30], answers, strict=True)]) > 0.8
    assert np.allclose(run.logits(trials.signals[0].T, "two"), logits[0], atol=1e-5)
    assert run.data["simulated"] is True


def test_a_stage_begins_from_the_encoder_it_is_given(root, stages, tmp_path):
    settings = {"trainer__epochs": 1, "optimiser__lr": 0, "optimiser__lr_min": 0}
    assert main(words_command(root, tmp_path / "run", start_from=stages["mae"], **settings)) == 0
    begun, given = (load_segments(run).model.encoder for run in (tmp_path / "run", stages["mae"]))
    weights, expected = (dict(encoder.named_parameters()) for encoder in (begun, given))
    for each in (weights, expected):
        # The second subject has no third channel.
        each["subject_layer.weight"] = each["subject_layer.weight"].flatten(0, 1)[:5]
    assert all(torch.equal(weight, expected[name]) for name, weight in weights.items())


def test_what_a_stage_cannot_begin_from_gets_one_line(root, stages, tmp_path, capsys):
    faults = [
        (
            mae_command(root, stages["mae"], tmp_path / "a"),
            "is a run of 'pretrain mae', where a run of 'pretrain vqvae'",
        ),
        (mae_command(root, tmp_path / "none", tmp_path / "a"), "no such file"),
        (["evaluate", str(stages["words"])], "is a run of 'train words', where a phoneme decoder of 'train' is needed"),
        (
            mae_command(root, stages["vqvae"], tmp_path / "a", data__segment_seconds=1.2),
            "160 samples, the data have 120",
        ),
        (vqvae_command(root, stages["vqvae"]), "holds a run already"),
        (vqvae_command(root, tmp_path / "a", data__segment_seconds=1.3), "multiple of patch_size 20"),
        (vqvae_command(root, tmp_path / "a", model__encoder__kernels=[4, 3, 3]), "they must be odd"),
        (words_command(root, tmp_path / "a", model__hidden_width=-1), "negative dimension"),
        (vqvae_command(root, tmp_path / "a", trainer__validate_every=3), "no multiple of trainer.validate_every 3"),
        (vqvae_command(root, tmp_path / "a", data__protocol="reference", trainer__patience=2), "keeps the last one"),
        ([*vqvae_command(root, stages["vqvae"], seed=3), "--resume"], "begun with another seed"),
        (
            words_command(root, tmp_path / "a", start_from=stages["mae"], model__encoder__n_blocks=3),
            "has encoder.n_blocks 2, this one has 3",
        ),
    ]
    for words, complaint in faults:
        assert main(words) == 2
        error = capsys.readouterr().err
        assert complaint in error
        assert error.count("\n") == 1


def test_the_reference_protocol_keeps_the_last_epoch_and_scores_test_trials(root, tmp_path):
    assert main(vqvae_command(root, tmp_path / "vqvae", data__protocol="reference", optimiser__lr=0.01)) == 0
    assert load_segments(tmp_path / "vqvae").metrics["epoch"] == 3
    assert main(words_command(root, tmp_path / "words", data__protocol="reference")) == 0
    run = load_segments(tmp_path / "words")
    rows = read_metrics(tmp_path / "words" / "metrics.csv")
    assert sum(name == "test/accuracy/one" for _, name, _ in rows) == 4
    assert min(value for _, name, value in rows if name == "train/loss") > np.log(1 + 2 / np.e)
    assert "test trials took part" in run.data["reference_accuracy"]
    assert 0 <= run.metrics["test/accuracy/reference"] <= 1


def test_clean_runs_never_look_at_test_trials(stages):
    assert not any(name.startswith("test/") for _, name, _ in read_metrics(stages["words"] / "metrics.csv"))


def test_training_in_half_precision_works_for_each_stage(root, stages, tmp_path):
    for stage in stages:
        settings = {"trainer__precision": "bf16-mixed", "trainer__epochs": 1}
        assert main(command(stage, root, stages, tmp_path / stage, **settings)) == 0
        weights = load_file(tmp_path / stage / "model.safetensors")
        assert all(tensor.dtype != torch.bfloat16 and tensor.isfinite().all() for tensor in weights.values())


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["vqvae", "mae", "words"])
def test_two_processes_reach_what_one_does(stage, root, stages, tmp_path):
    settings = {
        "model__encoder__dropout": 0, "model__encoder__attention_dropout": 0, "trainer__epochs": 2,
        # A small epsilon enlarges rounding to whole steps where the true gradient is zero.
        "optimiser__eps": 1e-3, "optimiser__lr": 1e-3,
    }  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for name, devices in (("one", 1), ("two", 2)):
        words = command(stage, root, stages, tmp_path / name, trainer__devices=devices, **settings)
        subprocess.run([sys.executable, "-m", "neurolect", *words], check=True, env=environment, timeout=300)
    one, two = (checkpoint(tmp_path / name)["state_dict"] for name in ("one", "two"))
    for name, tensor in one.items():
        assert torch.allclose(tensor.double(), two[name].double(), atol=2e-5), name
