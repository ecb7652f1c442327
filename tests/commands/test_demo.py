from __future__ import annotations

import json

import pytest

from neurolect.commands.main import main
from neurolect.data.t15 import find_sessions, read_split
from neurolect.text.normalise import normalise_for_evaluation


@pytest.mark.slow
def test_the_demo_goes_from_nothing_to_sentences(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), "--seed", "11"]) == 0
    shown = capsys.readouterr().out
    run = tmp_path / "demo" / "run"
    rates = {}
    for folder in ("without_trigram", "val"):
        scores = json.loads((run / "evaluation" / folder / "scores.json").read_text())["scores"]
        rates[folder] = scores["word error rate"]["overall"]["rate"]
        assert scores["phoneme error rate"]["overall"]["rate"] < 0.25
    assert rates["val"] < 0.3
    assert rates["val"] < rates["without_trigram"]
    report = run / "evaluation" / "val" / "report.html"
    assert str(report) in shown
    assert "simulated" in report.read_text()

    said = {"train": set(), "val": set()}
    for session in find_sessions(tmp_path / "demo" / "recordings" / "hdf5_data_final"):
        for split, sentences in said.items():
            sentences |= {normalise_for_evaluation(trial.sentence) for trial in read_split(session.path(split))}
    assert not said["train"] & said["val"]
