from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from html_page import Page
from neurolect.commands.main import main
from neurolect.evaluation.model_card import write_model_card
from neurolect.evaluation.run_facts import run_facts
from neurolect.evaluation.run_report import channel_importance
from neurolect.training.metrics import HEADER
from neurolect.training.segment_runs import save_segment_run
from tiny_segment_runs import CHANNELS, save_pretraining_run, save_word_run, write_recordings


@pytest.fixture
def root(tmp_path):
    return write_recordings(tmp_path / "recordings")


def report(folder, *arguments):
    assert main(["report", "run", str(folder), "--device", "cpu", *map(str, arguments)]) == 0
    return Page((folder / "report.html").read_text(encoding="utf-8")), (folder / "README.md").read_text(
        encoding="utf-8"
    )


def write_metrics(folder, *names):
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows((step, name, 1 / step) for step in (1, 2, 3) for name in names)


def test_a_vqvae_shows_reconstructions_codes_and_channels(root, tmp_path):
    folder = tmp_path / "vqvae"
    save_pretraining_run(folder, root, "vqvae")
    write_metrics(folder, "train/loss", "val/loss", "val/perplexity")
    page, card = report(folder)
    assert page.is_self_contained
    for expected in ("Reconstructions", "Perplexity of codes", "of 16", "Importance of channels", "simulated"):
        assert expected in page.text
    assert "vSMC" in page.text
    assert "001" in page.text
    assert "Simulated recordings" in card
    # 20 s of recording, of which a tenth each is validation and test.
    assert "| 001 | 3: A1 A2 A3 | 16 s | 2 s | 2 s |" in card


def test_an_mae_shows_its_curves_and_channels_and_reads_no_signals(root, tmp_path):
    folder = tmp_path / "mae"
    save_pretraining_run(folder, root, "mae")
    write_metrics(folder, "train/loss", "val/loss", "train/accuracy", "val/accuracy")
    page, card = report(folder)
    assert page.is_self_contained
    assert "accuracy" in page.text
    assert "Importance of channels" in page.text
    assert "Reconstructions" not in page.text
    assert "second stage" in card


def test_importance_is_each_subjects_own(root, tmp_path):
    run = save_word_run(tmp_path / "words", root)
    found = channel_importance(run)
    assert {subject: list(channels) for subject, channels in found.items()} == CHANNELS
    weights = run.model.encoder.subject_layer.weight.detach().abs()
    assert found["002"]["B2"] == pytest.approx(float(weights[1, 1].mean()))


def test_a_run_that_left_its_recordings_behind_still_has_report_and_card(root, tmp_path, capsys):
    folder = tmp_path / "vqvae"
    save_pretraining_run(folder, root, "vqvae")
    root.rename(tmp_path / "moved")
    page, card = report(folder)
    assert "Nothing was reconstructed" in page.text
    assert "Nothing was reconstructed" in capsys.readouterr().out
    assert "| 001 | 3: A1 A2 A3 | not counted | not counted | not counted |" in card
    page, card = report(folder, "--data", tmp_path / "moved")
    assert "Reconstructions" in page.text
    assert "16 s" in card


def test_an_imported_run_has_report_and_card_though_it_knows_no_recordings(root, tmp_path, capsys):
    folder = tmp_path / "vqvae"
    run = save_pretraining_run(folder, root, "vqvae")
    save_segment_run(folder, replace(run, data={"protocol": "reference", "imported": "checkpoint-399.pth"}, metrics={}))
    page, card = report(folder)
    assert "Nothing was reconstructed: the run does not say where its recordings are" in page.text
    assert "Importance of channels" in page.text
    assert "not counted" in card
    assert "imported from checkpoint-399.pth" in page.text
    assert "Imported by `neurolect import duin` from `checkpoint-399.pth`." in card
    assert "signals are taken to be z-scored already" in card
    assert "random weights" not in page.text + card


def test_the_card_says_what_the_run_must_not_be_used_for_and_where_its_numbers_come_from(root, tmp_path):
    folder = tmp_path / "words"
    run = save_word_run(folder, root)
    (folder / "config.yaml").write_text(
        "seed: 7\nout: runs/words\ndata:\n  root: /secret/place\n  batch_size: 32\n", encoding="utf-8"
    )
    card = write_model_card(folder, run).read_text(encoding="utf-8")
    for expected in (
        "not a medical device",
        "Not for people other than the subjects",
        "covertly",
        "No split was classified yet",
        "training 7, data 42",
        "64 trials | 8 trials | 8 trials",
        "one of its 4 words",
        "batch_size: 32",
        "val/accuracy | 0.25",
        "bipolar; 0.5 to 200 Hz",
    ):
        assert expected in card
    assert "/secret/place" not in card
    assert str(root) not in card


def write_scores(folder, run):
    accuracy = {"value": 0.5, "low": 0.4, "high": 0.6125, "correct": 40, "trials": 80}
    facts = run_facts(folder, run)
    scores = {"facts": facts, "accuracy": accuracy, "by_subject": {"001": accuracy}, "chance": 0.25}
    (folder / "evaluation" / "later").mkdir(parents=True)
    (folder / "evaluation" / "later" / "scores.json").write_text(json.dumps(scores), encoding="utf-8")


def test_the_card_takes_its_intervals_from_the_scores_on_disk(root, tmp_path):
    folder = tmp_path / "words"
    run = save_word_run(folder, root)
    write_scores(folder, run)
    card = write_model_card(folder, run).read_text(encoding="utf-8")
    assert "| later | 001 | 50.00 | 40.00 to 61.25 | 40 | 80 | 25.00 |" in card
    assert "Not shown" not in card


def test_scores_of_weights_that_were_trained_further_are_named_and_not_shown(root, tmp_path):
    folder = tmp_path / "words"
    run = save_word_run(folder, root)
    write_scores(folder, run)
    save_segment_run(folder, replace(run, metrics={**run.metrics, "step": 17.0}))
    _, card = report(folder)
    assert "50.00" not in card
    assert "Not shown: scores of later. They are of other weights" in card
    assert "`neurolect classify` scores these" in card


def test_epochs_are_told_from_one(root, tmp_path):
    folder = tmp_path / "mae"
    run = save_pretraining_run(folder, root, "mae")
    save_segment_run(folder, replace(run, metrics={"epoch": 4.0}))
    page, card = report(folder)
    assert "| epoch | 5 |" in card
    assert "epoch 5" in " ".join(page.text.split())


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
    assert main(["report", "run", str(tmp_path)]) == 2
    assert "model.json: no such file" in capsys.readouterr().err


def test_settings_that_cannot_be_read_are_named(root, tmp_path, capsys):
    folder = tmp_path / "words"
    save_word_run(folder, root)
    (folder / "config.yaml").write_text("data: [", encoding="utf-8")
    assert main(["report", "run", str(folder)]) == 2
    assert "config.yaml" in capsys.readouterr().err
