"""The tasks beside the three stages, and what holds for a task's parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurolect.commands.main import main
from neurolect.data.seeg.layout import open_subject
from neurolect.training.correlation import correlations
from neurolect.training.metrics import read_metrics
from neurolect.training.runs import load_segments
from patterned_subjects import ENCODER, TRAINER, write_patterned_subjects


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_patterned_subjects(tmp_path_factory.mktemp("seeg"), ("one",))


def train(verb: str, root, out, **settings: object) -> int:
    encoder = {f"model.encoder.{name}": value for name, value in ENCODER.items()}
    data = {"data.root": root, "data.batch_size": 8, "data.shift.seconds": 0, "out": out, "optimiser.lr": 0.005}
    named = {name.replace("__", "."): value for name, value in settings.items()}
    every = {**data, **encoder, **TRAINER, **named}
    return main(["train", verb, *(f"--{name}={value}" for name, value in every.items())])


def final(run, metric: str) -> float:
    return [value for _, name, value in read_metrics(run / "metrics.csv") if name == metric][-1]


def test_the_tagger_learns_initials_and_finals_alike(root, tmp_path):
    assert train("phonemes", root, tmp_path / "run", trainer__epochs=12) == 0
    assert final(tmp_path / "run", "val/initial_accuracy") > 0.8
    assert final(tmp_path / "run", "val/final_accuracy") > 0.8
    run = load_segments(tmp_path / "run", "phonemes", "cpu")
    initials, finals = run.model(*run.prepare(np.zeros((120, 3), dtype=np.float32), "one"))
    assert (initials.shape, finals.shape) == ((1, 6, 22), (1, 6, 36))


def test_shifted_trials_would_carry_wrong_syllables_and_are_refused(root, tmp_path, capsys):
    assert train("phonemes", root, tmp_path / "run", data__shift__seconds=0.3) == 2
    assert "data.shift.seconds is 0.3" in capsys.readouterr().err


def test_the_aligner_places_trials_near_their_words(root, tmp_path):
    assert train("alignment", root, tmp_path / "run", trainer__epochs=8) == 0
    assert final(tmp_path / "run", "val/accuracy") > 0.8
    run = load_segments(tmp_path / "run", "alignment", "cpu")
    trials = open_subject(root / "one").trials
    cosines = run.logits(trials.signals[:12].swapaxes(1, 2), "one")
    assert cosines.shape == (12, 3)
    assert np.abs(cosines).max() <= 1 + 1e-5
    answers = [run.words[word] for word in cosines.argmax(axis=1)]
    assert np.mean([said == answered for said, answered in zip(trials.words, answers, strict=False)]) > 0.8


def test_vectors_of_a_file_decide_the_width(root, tmp_path):
    words = ["你好", "再见", "谢谢"]
    np.savez(tmp_path / "vectors.npz", words=np.array(words), vectors=np.eye(3, 5))
    assert train("alignment", root, tmp_path / "run", trainer__epochs=1, embeddings=tmp_path / "vectors.npz") == 0
    run = load_segments(tmp_path / "run", device="cpu")
    assert run.model.arguments["embedding_dim"] == 5
    assert np.allclose(run.data["word_embeddings"], np.eye(3, 5)[[words.index(word) for word in run.words]])


def test_correlations_are_those_of_numpy_and_zero_for_flat_signals():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 50, 4))
    first[0, :, 1] = 7.0
    found = correlations(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    assert found[0, 1] == 0
    assert found[2, 3] == pytest.approx(np.corrcoef(first[2, :, 3], second[2, :, 3])[0, 1])
    assert correlations(torch.from_numpy(first[2]), torch.from_numpy(3 * first[2] - 1)) == pytest.approx(1)
