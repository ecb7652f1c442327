from __future__ import annotations

import csv

import pytest

from neurolect.commands.main import main
from neurolect.training.runs import load_segments


@pytest.mark.slow
def test_the_demo_goes_from_nothing_to_a_table_of_beginnings(tmp_path, capsys):
    out = tmp_path / "demo-seeg"
    assert main(["demo", "seeg", "--out", str(out), "--seed", "11"]) == 0
    shown = capsys.readouterr().out
    for subject in ("sim01", "sim02"):
        for stage in ("vqvae", "mae"):
            run = out / "runs" / subject / stage
            assert load_segments(run).task == stage
            assert "simulated" in (run / "README.md").read_text(encoding="utf-8")
            assert (run / "report.html").is_file()
    with (out / "sweep" / "sweep.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["subject"], row["initialisation"]) for row in rows} == {
        (subject, beginning) for subject in ("sim01", "sim02") for beginning in ("scratch", "vqvae", "mae")
    }
    assert all(row["state"] == "finished" for row in rows)
    accuracies = [float(row["test_accuracy"]) for row in rows if row["initialisation"] == "scratch"]
    assert min(accuracies) > 3 / 20, "three times chance"
    assert str(out / "sweep" / "sweep.html") in shown
