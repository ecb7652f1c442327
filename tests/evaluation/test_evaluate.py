from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conftest import make_trial
from neurolect.commands.main import main
from neurolect.data.blocks import Block, write_block_table
from neurolect.data.dataset import SpeechData
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.data.t15 import read_split, write_split
from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.errors import DataError
from neurolect.evaluation.decode import decode_split
from neurolect.evaluation.evaluate import Evaluation, recordings_of
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon
from neurolect.training.runs import Run, save_run

SESSIONS = ["sim.2030.01.01", "sim.2030.01.02", "sim.2030.01.03"]
WORDS = Lexicon({"good": (("G", "UH", "D"),), "morning": (("M", "AO", "R", "N", "IH", "NG"),), "you": (("Y", "UW"),)})


@pytest.fixture
def run(tmp_path) -> Path:
    torch.manual_seed(0)
    model = GRUDecoder(neural_dim=16, n_units=8, n_days=3, n_layers=1).eval()
    save_run(tmp_path / "run", Run(model, PHONEMES, SESSIONS, GaussianSmoothing()))
    return tmp_path / "run"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def evaluate(run: Path, root: Path, *more: str) -> int:
    return main(["evaluate", str(run), "--data", str(root), "--lm", "none", "--device", "cpu", *more])


def test_a_split_gives_scores_predictions_and_a_report(run, dataset, capsys):
    root = dataset(n_features=16)
    write_block_table(
        root / "blocks.csv", [Block(f"2030-01-0{day}", day, 1, 3, f"Corpus {day}", "Val/Test") for day in (1, 2)]
    )
    assert evaluate(run, root) == 0
    shown = capsys.readouterr().out
    folder = run / "evaluation" / "val"
    assert {path.name for path in folder.iterdir()} == {
        "predictions.csv", "submission.csv", "scores.json", "report.html",
    }  # fmt: skip
    predictions = rows(folder / "predictions.csv")
    assert [row["session"] for row in predictions] == [session for session in SESSIONS for _ in range(3)]
    truth = [trial for session in SESSIONS for trial in read_split(root / session / "data_val.hdf5", None)]
    assert [row["phonemes"].split() for row in predictions] == [PHONEMES.decode(trial.labels) for trial in truth]
    score = json.loads((folder / "scores.json").read_text())["scores"]["phoneme error rate"]
    assert score["overall"]["length"] == sum(len(trial.labels) for trial in truth)
    assert list(score["by_session"]) == SESSIONS
    assert list(score["by_corpus"]) == ["Corpus 1", "Corpus 2"]
    assert f"{100 * score['overall']['rate']:.2f}" in shown


def test_words_are_scored_after_the_references_normalisation(run, dataset):
    import neurolect

    loaded = neurolect.load(run, "cpu")
    recordings = recordings_of(loaded, dataset(n_features=16), "val")
    decoder = Decoder(LexiconNetwork(WORDS), DecoderOptions(n_best=3))
    evaluation = Evaluation.of(decode_split(loaded, recordings, "val", decoder))
    phonemes, words, kept_hyphens = evaluation.scores
    assert words.name == "word error rate"
    assert (
        words.overall.length
        == kept_hyphens.overall.length
        == sum(len(trial.trial.sentence.split()) for trial in evaluation.trials)
    )
    assert phonemes.overall.trials == 9
    assert all(trial.hypotheses[0].total >= trial.hypotheses[-1].total for trial in evaluation.trials)


def test_the_submission_counts_from_zero_over_sessions_in_the_runs_order(run, dataset, rng):
    root = dataset(n_features=16)
    for session in SESSIONS[1:]:
        trials = [replace(make_trial(rng, 16, session=session, number=n), labels=None, sentence=None) for n in (4, 1)]
        write_split(root / session / "data_test.hdf5", trials)
    assert evaluate(run, root, "--split", "test") == 0
    folder = run / "evaluation" / "test"
    assert [row["id"] for row in rows(folder / "submission.csv")] == ["0", "1", "2", "3"]
    assert [(row["session"], row["trial"]) for row in rows(folder / "predictions.csv")] == [
        (SESSIONS[1], "4"), (SESSIONS[1], "1"), (SESSIONS[2], "4"), (SESSIONS[2], "1"),
    ]  # fmt: skip
    assert json.loads((folder / "scores.json").read_text())["scores"] == {}


def test_the_reference_protocol_sees_two_frames_fewer(run, dataset):
    import neurolect

    loaded = neurolect.load(run, "cpu")
    recordings = recordings_of(loaded, dataset(n_features=16), "val")
    for padding, lost in (("same", 0), ("valid", 2)):
        for decoded in decode_split(loaded, recordings, "val", None, padding):
            assert len(decoded.logits) == loaded.patching.n_frames(decoded.trial.n_bins) - lost


def test_evaluation_and_training_agree_on_the_phoneme_error_rate(dataset, tmp_path):
    root, out = dataset(n_features=16), tmp_path / "trained"
    settings = ["--trainer.steps=4", "--trainer.validate_every=4", "--trainer.precision=32-true", "--data.batch_size=4"]
    small = ["--model=GRUDecoder", "--model.n_units=8", "--model.n_layers=1", "--trainer.progress=false"]
    assert main(["train", f"--data.root={root}", f"--out={out}", "--trainer.accelerator=cpu", *settings, *small]) == 0
    assert main(["evaluate", str(out), "--lm", "none", "--device", "cpu"]) == 0
    scores = json.loads((out / "evaluation" / "val" / "scores.json").read_text())["scores"]
    trained = json.loads((out / "model.json").read_text())["metrics"]["val/per"]
    assert scores["phoneme error rate"]["overall"]["rate"] == pytest.approx(trained, abs=1e-6)


def test_recordings_that_have_moved_are_asked_for(run, tmp_path):
    import neurolect

    loaded = neurolect.load(run, "cpu")
    loaded.data["root"] = str(tmp_path / "moved")
    with pytest.raises(
        DataError, match="moved: the recordings of the run are not there any more; name their folder with --data"
    ):
        recordings_of(loaded, None, "val")


def test_sessions_are_those_that_run_and_recordings_share(run, dataset, capsys):
    import neurolect

    loaded = neurolect.load(run, "cpu")
    root = dataset(n_features=16)
    shutil.rmtree(root / SESSIONS[0])
    shutil.copytree(root / SESSIONS[1], root / "sim.2031.01.01")
    data = recordings_of(loaded, root, "val")
    assert isinstance(data, SpeechData)
    assert data.sessions == SESSIONS[1:]
    assert evaluate(run, root, "--sessions", "[sim.2031.01.01]") == 2
    assert "session sim.2031.01.01 has no data_val.hdf5, or the run has no day layer" in capsys.readouterr().err
    assert main(["evaluate", str(run), "--lm", "none"]) == 2
    assert "name the folder with --data" in capsys.readouterr().err
