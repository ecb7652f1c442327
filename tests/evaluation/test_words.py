from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from html_page import Page
from neurolect.commands.main import main
from neurolect.data.seeg.word_data import TrialReference
from neurolect.errors import ConfigError, DataError
from neurolect.evaluation.run_data import word_data_of
from neurolect.evaluation.word_files import word_scores, write_word_predictions
from neurolect.evaluation.word_report import most_confused, write_word_report
from neurolect.evaluation.words import ClassifiedWords, classify_words
from neurolect.training.runs import load_segments
from tiny_segment_runs import WORDS, save_pretraining_run, save_word_run, write_recordings


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "words"
    save_word_run(folder, root)
    return folder


@pytest.fixture
def run(folder):
    return load_segments(folder, "words", "cpu")


def answers(said, answered, subjects=None, words=("a", "b", "c")):
    """Trials whose best word is given; the other words follow in their order."""
    logits = np.zeros((len(said), len(words)), np.float32)
    logits[np.arange(len(said)), [words.index(word) for word in answered]] = 2.0
    trials = [TrialReference((subjects or [0] * len(said))[n], n, word, "run1") for n, word in enumerate(said)]
    return ClassifiedWords(trials, ["001", "002"], list(words), logits)


def test_accuracies_are_those_counted_by_hand():
    found = answers("aabbc", "abbbc", subjects=[0, 0, 0, 1, 1])
    scores = word_scores(found, {"split": "test"})
    assert scores["accuracy"]["value"] == 4 / 5
    assert scores["accuracy"]["correct"] == 4
    assert {name: each["value"] for name, each in scores["by_subject"].items()} == {"001": 2 / 3, "002": 1.0}
    assert {word: each["value"] for word, each in scores["by_word"].items()} == {"a": 0.5, "b": 1.0, "c": 1.0}
    assert scores["chance"] == 1 / 3
    assert scores["words"] == 3
    assert found.confusions.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert most_confused(found) == [("a", "b", 1, 2)]


def test_the_best_words_are_told_from_the_others():
    found = answers("ca", "ab")
    # Behind the best word, equals follow in the order of the words: c is third for the first trial, a second.
    assert found.right(1).tolist() == [False, False]
    assert found.right(2).tolist() == [False, True]
    assert found.right(3).tolist() == [True, True]
    assert found.probabilities.sum(axis=1) == pytest.approx([1, 1])


def test_every_trial_of_the_split_is_classified_on_the_scale_of_training(run):
    data = word_data_of(run)
    found = classify_words(run, data, "test")
    with torch.inference_mode():
        batches = data.evaluation_batches("test")
        expected = [run.model(batch.signals, batch.subjects).numpy() for batch in batches]
    np.testing.assert_allclose(found.logits, np.concatenate(expected), atol=1e-5)
    assert [trial.word for trial in found.trials] == [trial.word for trial in data.trials("test")]


def test_other_recordings_keep_the_scale_of_training(run, tmp_path):
    louder = write_recordings(tmp_path / "louder", seed=1)
    data = word_data_of(run, louder)
    assert data.subject_inputs[0].mean != run.inputs[0].mean
    first = data.trials("test")[0]
    raw = np.array(data.signals[0].read(first.trial, 0, 1000)).T
    np.testing.assert_allclose(
        classify_words(run, data, "test").logits[0], run.logits(raw, "001"), rtol=1e-5, atol=1e-6
    )


def test_a_folder_may_lack_some_of_the_subjects_but_not_all(run, tmp_path):
    root = write_recordings(tmp_path / "some")
    whole = classify_words(run, word_data_of(run, root), "val")
    (root / "001").rename(tmp_path / "elsewhere")
    found = classify_words(run, word_data_of(run, root), "val")
    assert found.subjects == ["002"]
    np.testing.assert_allclose(found.logits, whole.logits[[trial.subject == 1 for trial in whole.trials]], atol=1e-5)
    (root / "002").rename(root / "003")
    description = root / "003" / "subject.json"
    description.write_text(description.read_text(encoding="utf-8").replace('"002"', '"003"'), encoding="utf-8")
    with pytest.raises(DataError, match="none of the run's subjects"):
        word_data_of(run, root)


def test_a_run_that_does_not_know_its_recordings_asks_for_them(run):
    run.data.pop("root")
    with pytest.raises(ConfigError, match="--data"):
        word_data_of(run)


def test_predictions_have_a_row_a_trial(tmp_path):
    found = answers("ab", "ac", subjects=[0, 1])
    write_word_predictions(tmp_path / "predictions.csv", found)
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["subject"], row["run"], row["trial"], row["said"], row["answered"]) for row in rows] == [
        ("001", "run1", "0", "a", "a"),
        ("002", "run1", "1", "b", "c"),
    ]
    assert rows[1]["top_5"] == "c a b"
    assert float(rows[0]["probability"]) == pytest.approx(np.exp(2) / (np.exp(2) + 2), abs=1e-4)


@pytest.mark.parametrize("n_words", [2, 61])
def test_the_report_needs_nothing_beside_it(tmp_path, n_words):
    words = [f"你好{n}" for n in range(n_words)]
    rng = np.random.default_rng(0)
    trials = [TrialReference(n % 2, n, words[n % n_words], "run1") for n in range(122)]
    found = ClassifiedWords(trials, ["001", "002"], words, rng.normal(size=(122, n_words)).astype(np.float32))
    path = tmp_path / "report.html"
    write_word_report(path, "words: test", {"protocol": "clean"}, found, tmp_path, notes=["They are <simulated>."])
    page = Page(path.read_text(encoding="utf-8"))
    assert page.is_self_contained
    assert "They are <simulated>." in page.text
    assert f"one of {n_words} words" in page.text
    assert "001" in page.text
    assert words[-1] in page.text


def test_classify_writes_what_can_be_counted_again(folder, capsys):
    assert main(["classify", str(folder), "--device", "cpu"]) == 0
    out = folder / "evaluation" / "test"
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert len(rows) == scores["accuracy"]["trials"] == 16
    assert scores["accuracy"]["correct"] == sum(row["said"] == row["answered"] for row in rows)
    assert {row["said"] for row in rows} == set(WORDS)
    page = Page((out / "report.html").read_text(encoding="utf-8"))
    assert page.is_self_contained
    assert "simulated" in page.text
    printed = capsys.readouterr().out
    assert "chance: 25.00 %, one of 4 words" in printed
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"| test | all subjects | {100 * scores['accuracy']['value']:.2f} |" in card


def test_a_run_that_scores_no_words_is_refused(root, tmp_path, capsys):
    save_pretraining_run(tmp_path / "vqvae", root, "vqvae")
    assert main(["classify", str(tmp_path / "vqvae")]) == 2
    assert "pretrain vqvae" in capsys.readouterr().err


def test_other_recordings_are_scored_apart_from_the_runs_own(root, tmp_path, capsys):
    folder = tmp_path / "words"
    save_word_run(folder, root)
    assert main(["classify", str(folder), "--device", "cpu", "--data", str(root)]) == 0
    kept = {path: path.read_bytes() for path in (folder / "README.md", folder / "evaluation" / "test" / "scores.json")}
    other = write_recordings(tmp_path / "other", seed=1)
    for out in ([], ["--out", str(folder / "evaluation" / "other")]):
        assert main(["classify", str(folder), "--device", "cpu", "--data", str(other), *out]) == 2
        assert "name a folder outside the run with --out" in capsys.readouterr().err
    out = tmp_path / "scores"
    for split, n_trials, how in (("test", 16, "split anew"), ("all", 160, "scored whole")):
        words = ["classify", str(folder), "--device", "cpu", "--data", str(other), "--split", split, "--out", str(out)]
        assert main(words) == 0
        scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        assert scores["accuracy"]["trials"] == n_trials
        page = Page((out / "report.html").read_text(encoding="utf-8"))
        for told in (" ".join(scores["notes"]), page.text, capsys.readouterr().out):
            assert f"It was {how}: trials that the run was trained on may be among these." in " ".join(told.split())
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_runs_own_recordings_are_not_scored_whole(folder, capsys):
    assert main(["classify", str(folder), "--split", "all", "--device", "cpu"]) == 2
    assert "--split all is for other recordings" in capsys.readouterr().err


def test_a_run_whose_words_do_not_occur_says_which_they_are(run):
    numbered = replace(run, words=["0", "1", "2", "3"], data={**run.data, "imported": "checkpoint-1.pth"})
    with pytest.raises(DataError, match=r"none of the run's words occurs \('0' … '3'\); 'import duin --words'"):
        word_data_of(numbered)


def test_a_split_without_trials_says_where_they_are(root, tmp_path, capsys):
    save_word_run(tmp_path / "run", root, test_fraction=0.0)
    other = write_recordings(tmp_path / "other")
    words = ["classify", str(tmp_path / "run"), "--device", "cpu", "--data", str(other), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert f"{other}: there is no test trial, but 144 in train, 16 in val; --split all takes all trials" in error
    assert main([*words, "--split", "all"]) == 0
