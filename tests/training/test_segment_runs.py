from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import neurolect
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError, DataError
from neurolect.models.duin.classifier import DuINClassifier
from neurolect.models.duin.settings import EncoderSettings
from neurolect.training.runs import load_decoder, load_segments
from neurolect.training.segment_runs import SegmentRun, save_segment_run
from tiny_segment_runs import save_word_run, write_recordings

TINY = EncoderSettings(
    patch_size=20, subject_width=4, filters=(8, 8, 4), strides=(4, 1, 1), kernels=(5, 3, 3), n_blocks=1, n_heads=2,
    head_width=4,
)  # fmt: skip
INPUTS = [
    SubjectInput("one", ("A1", "A2", "B1"), (1.0, 2.0, 3.0), (2.0, 2.0, 4.0)),
    SubjectInput("two", ("C1", "C2"), (0.0, 1.0), (1.0, 3.0)),
]


@pytest.fixture
def run() -> SegmentRun:
    torch.manual_seed(0)
    model = DuINClassifier(n_channels=3, n_subjects=2, n_samples=60, n_classes=4, encoder=TINY).eval()
    return SegmentRun(model, "words", INPUTS, 100.0, 60, list("abcd"), {"root": "x"}, {"val/loss": 1.0})


def test_a_saved_run_gives_the_same_logits_and_keeps_all_it_says(run, tmp_path):
    save_segment_run(tmp_path, run)
    again = neurolect.load(tmp_path, device="cpu")
    signals = np.random.default_rng(0).normal(size=(5, 60, 2)).astype(np.float32)
    assert np.array_equal(again.logits(signals, "two"), run.logits(signals, "two"))
    assert again.logits(signals[0], "two").shape == (4,)
    for name in ("task", "inputs", "sample_rate", "n_samples", "words", "data", "metrics", "subjects"):
        assert getattr(again, name) == getattr(run, name)


def test_signals_reach_the_model_as_they_did_in_training(run):
    signals = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    prepared, subjects = run.prepare(signals, "two")
    assert subjects.tolist() == [1]
    assert np.allclose(prepared[0, :, :2].numpy(), (signals - [0, 1]) / [1, 3], atol=1e-6)
    assert not prepared[0, :, 2].any()


def test_unknown_subjects_and_signals_of_another_shape_are_named(run):
    with pytest.raises(ConfigError, match="no subject 'three'; it knows one, two"):
        run.logits(np.zeros((60, 2)), "three")
    with pytest.raises(DataError, match="subject two: signals have 60 samples of 3 channels, the run was trained on"):
        run.logits(np.zeros((60, 3)), "two")
    for shape in ((60,), (2, 2, 60, 2)):
        with pytest.raises(DataError, match="subject two: signals must be"):
            run.logits(np.zeros(shape), "two")


def test_a_run_of_the_wrong_kind_or_task_is_told_apart(run, tmp_path):
    save_segment_run(tmp_path, run)
    with pytest.raises(ConfigError, match="is a run of 'train words', where a phoneme decoder of 'train' is needed"):
        load_decoder(tmp_path)
    with pytest.raises(ConfigError, match="is a run of 'train words', where a run of 'pretrain vqvae' is needed"):
        load_segments(tmp_path, "vqvae")
    description = json.loads((tmp_path / "model.json").read_text())
    for change, complaint in (({"kind": "dream"}, "kind 'dream'"), ({"task": "sleep"}, "task 'sleep', known: vqvae")):
        (tmp_path / "model.json").write_text(json.dumps(description | change))
        with pytest.raises(DataError, match=complaint):
            neurolect.load(tmp_path)
    for name, nonsense in (
        ("arguments", [1]), ("model", ["x"]), ("task", ["x"]), ("inputs", [1]), ("inputs", {"one": 3}), ("words", None),
        ("n_samples", "many"), ("data", 3),
    ):  # fmt: skip
        (tmp_path / "model.json").write_text(json.dumps(description | {name: nonsense}))
        with pytest.raises(DataError, match=r"model\.json: does not describe a run"):
            neurolect.load(tmp_path)
    del description["inputs"]
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(DataError, match="inputs is missing"):
        neurolect.load(tmp_path)


def test_a_pretrained_run_scores_no_words(run):
    pretrained = SegmentRun(run.model, "mae", INPUTS, 100.0, 60)
    with pytest.raises(ConfigError, match="a run of 'pretrain mae' scores no words"):
        pretrained.logits(np.zeros((60, 2)), "two")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_signals_that_are_not_finite_are_refused_by_channel(tmp_path, value):
    run = save_word_run(tmp_path / "run", write_recordings(tmp_path / "recordings"))
    signals = np.zeros((1000, 2), np.float32)
    signals[7, 1] = value
    with pytest.raises(DataError, match="subject 002: the signals of channel B2 are not all finite"):
        run.logits(signals, "002")
