from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import neurolect
from neurolect.commands.main import main
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.data.t15 import read_split, write_split
from neurolect.data.trial import Trial
from neurolect.evaluation.decode import decode_split
from neurolect.evaluation.evaluate import recordings_of
from neurolect.language.ngram_conversion import convert
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import PHONEMES
from neurolect.training.runs import Run, save_run

SESSION = "sim.2030.01.01"
GO_HOME = "AY SIL W AA N T SIL T UW SIL G OW SIL HH OW M SIL"
GO_TO_BLORVIK = "AY SIL W AA N T SIL T UW SIL G OW SIL T UW SIL B L AO R V IH K SIL"
AREA_4 = [*range(64, 128), *range(320, 384)]


def spelling_model() -> GRUDecoder:
    """One feature per class, one frame per bin: each frame's logits are highest for the largest smoothed feature."""
    n_classes = len(PHONEMES)
    model = GRUDecoder(neural_dim=n_classes, n_units=n_classes, n_days=1, n_layers=1, patch_size=0)
    reset, update, new = (slice(gate * n_classes, (gate + 1) * n_classes) for gate in range(3))
    with torch.no_grad():
        for parameter in (*model.gru.parameters(), *model.out.parameters()):
            parameter.zero_()
        model.gru.bias_ih_l0[reset] = -30
        model.gru.bias_ih_l0[update] = -30  # Nothing is kept from the frame before.
        model.gru.weight_ih_l0[new] = 2 * torch.eye(n_classes)
        model.out.weight.copy_(20 * torch.eye(n_classes))
    return model.eval()


@pytest.fixture
def spelling_run(tmp_path) -> Path:
    save_run(tmp_path / "run", Run(spelling_model(), PHONEMES, [SESSION], GaussianSmoothing()))
    return tmp_path / "run"


def record(root: Path, *utterances: tuple[str, str, list[int]]) -> Path:
    """Write validation trials of (sentence, phonemes, bins of each phoneme); while it lasts, its feature is 1."""
    trials = []
    for number, (sentence, phonemes, bins) in enumerate(utterances):
        labels = np.array(PHONEMES.encode(phonemes.split()), dtype=np.int32)
        features = np.repeat(np.eye(len(PHONEMES), dtype=np.float32)[labels], bins, axis=0)
        trials.append(Trial(SESSION, 1, number, features, labels, sentence))
    write_split(root / SESSION / "data_val.hdf5", trials)
    return root


def evaluate(run: Path, root: Path, *more: str) -> tuple[list[dict[str, str]], dict]:
    """Rows of predictions.csv and what scores.json holds."""
    assert main(["evaluate", str(run), "--data", str(root), "--device", "cpu", *more]) == 0
    folder = run / "evaluation" / "val"
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)), json.loads((folder / "scores.json").read_text())


def spoken_evenly(sentence: str, phonemes: str) -> tuple[str, str, list[int]]:
    return sentence, phonemes, [5] * len(phonemes.split())


def test_by_default_the_trigram_chooses_between_homophones_and_words_of_the_lexicon_file_are_found(
    spelling_run, tmp_path
):
    root = record(
        tmp_path / "recordings",
        spoken_evenly("I want to go home.", GO_HOME),
        spoken_evenly("I want to go to Blorvik.", GO_TO_BLORVIK),
    )
    lexicon = tmp_path / "places.dict"
    lexicon.write_text("Blorvik B L AO1 R V IH0 K\n")
    predictions, result = evaluate(spelling_run, root, "--lexicon", str(lexicon))
    assert [row["decoded"] for row in predictions] == ["i want to go home", "i want to go to blorvik"]
    assert [row["decoded_phonemes"] for row in predictions] == [GO_HOME, GO_TO_BLORVIK]
    assert all(float(row["ngram_score"]) < -5 for row in predictions)
    assert result["scores"]["word error rate"]["overall"]["rate"] == 0
    assert result["facts"]["language model"] == "english"
    assert result["facts"]["protocol"] == "clean: smoothing with same padding"


def test_a_second_pass_has_the_last_word_and_is_reported(spelling_run, tmp_path):
    root = record(tmp_path / "recordings", spoken_evenly("I want to go home.", GO_HOME))
    (tmp_path / "lm.arpa").write_text(
        "\\data\\\nngram 1=7\n\n\\1-grams:\n-1\t</s>\n-1\ti\n-1\twant\n-1\ttwo\n-3\tto\n-1\tgo\n-1\thome\n\n\\end\\\n"
    )
    model = convert(tmp_path / "lm.arpa", tmp_path / "lm.nlm").path
    wide = ["--decoder.lattice_beam", "20", "--decoder.beam", "30"]
    (row,), result = evaluate(spelling_run, root, *wide, "--rescoring.lm", str(model))
    assert row["decoded"] == "i want two go home"
    assert f"lm={model!r}" in result["facts"]["second pass"]
    assert float(row["ngram_score"]) == pytest.approx(-6 * math.log(10), abs=1e-3)


def test_the_uniform_language_model_leaves_the_score_to_the_sounds_under_the_searchs_settings(spelling_run, tmp_path):
    root = record(tmp_path / "recordings", spoken_evenly("Go home.", "G OW SIL HH OW M SIL"))
    settings = ["--decoder.acoustic_scale", "0.5", "--network.silence_probability", "0.8"]
    (row,), result = evaluate(spelling_run, root, "--lm", "uniform", *settings)
    assert len(row["decoded"].split()) == 2
    assert float(row["ngram_score"]) == 0
    silences = math.log(0.2) + 2 * math.log(0.8)  # None before the first word, one after each.
    assert float(row["total_score"]) == pytest.approx(0.5 * float(row["acoustic_score"]) + silences, abs=1e-3)
    assert result["facts"]["language model"] == "uniform"


def test_the_reference_protocol_does_not_hear_what_lies_in_the_margins_of_the_smoothing(spelling_run, tmp_path):
    # The filter has nine taps, so without padding the first frame is bin 4 and the last is the fifth from the end.
    root = record(tmp_path / "recordings", ("See you.", "S IY SIL Y UW SIL", [3, 10, 10, 10, 10, 3]))
    (clean,), clean_result = evaluate(spelling_run, root, "--lm", "none")
    (reference,), reference_result = evaluate(spelling_run, root, "--lm", "none", "--protocol", "reference")
    assert clean["decoded_phonemes"] == "S IY SIL Y UW SIL"
    assert reference["decoded_phonemes"] == "IY SIL Y UW"
    assert clean_result["scores"]["phoneme error rate"]["overall"]["rate"] == 0
    assert reference_result["scores"]["phoneme error rate"]["overall"]["rate"] == pytest.approx(2 / 6)
    assert reference_result["facts"]["protocol"] == "reference: smoothing with valid padding"


@pytest.mark.parametrize("setting", ["--lexicon", "--graph", "--lattice_lm", "--fusion.llm", "--rescoring.llm"])
def test_words_are_refused_where_the_search_stops_at_phonemes(spelling_run, tmp_path, capsys, setting):
    arguments = ["--lm", "none", setting, str(tmp_path / "words")]
    assert main(["evaluate", str(spelling_run), "--data", str(tmp_path), *arguments]) == 2
    name = setting.strip("-").removesuffix(".llm")
    assert f"lm 'none' stops at phonemes: leave out {name}" in capsys.readouterr().err


def test_a_run_of_some_feature_blocks_is_given_those_columns_of_a_whole_recording(dataset, tmp_path):
    torch.manual_seed(0)
    model = GRUDecoder(neural_dim=128, n_units=8, n_days=1, n_layers=1).eval()
    save_run(tmp_path / "run", Run(model, PHONEMES, [SESSION], GaussianSmoothing(), feature_blocks=["area 4"]))
    root = dataset(n_sessions=1, n_train=1)
    run = neurolect.load(tmp_path / "run", "cpu")
    decoded = list(decode_split(run, recordings_of(run, root, "val"), "val"))
    truth = list(read_split(root / SESSION / "data_val.hdf5"))
    assert len(decoded) == len(truth) == 3
    for ours, trial in zip(decoded, truth, strict=True):
        np.testing.assert_allclose(ours.logits, run.logits(trial.features[:, AREA_4], SESSION), atol=1e-6)


def test_training_on_some_feature_blocks_leaves_a_run_that_knows_them(dataset, tmp_path):
    root, out = dataset(n_sessions=1, n_train=4, n_val=2), tmp_path / "trained"
    data = [f"--data.root={root}", "--data.feature_blocks=[area 4]", "--data.batch_size=2"]
    model = ["--model=GRUDecoder", "--model.n_units=8", "--model.n_layers=1"]
    trainer = {"steps": 1, "validate_every": 1, "precision": "32-true", "accelerator": "cpu", "progress": "false"}
    settings = [f"--trainer.{name}={value}" for name, value in trainer.items()]
    assert main(["train", *data, *model, *settings, f"--out={out}"]) == 0
    run = neurolect.load(out, "cpu")
    assert run.feature_blocks == ["area 4"]
    decoded = list(decode_split(run, recordings_of(run, None, "val"), "val"))
    truth = list(read_split(root / SESSION / "data_val.hdf5"))
    for ours, trial in zip(decoded, truth, strict=True):
        np.testing.assert_allclose(ours.logits, run.logits(trial.features[:, AREA_4], SESSION), atol=1e-6)
