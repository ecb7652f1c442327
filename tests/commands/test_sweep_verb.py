from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from html_page import Page
from neurolect.commands.main import main
from neurolect.evaluation.sweep_table import read_table
from slurm_stand_in import write_slurm
from tiny_segment_runs import save_word_run, write_recordings

pytestmark = pytest.mark.slow

RECIPE = """
model:
  class_path: neurolect.models.duin.classifier.DuINClassifier
  init_args:
    hidden_width: 16
    encoder: {n_blocks: 1, n_heads: 2, head_width: 8, filters: [8, 8, 2]}
trainer: {epochs: 2, progress: false}
data: {batch_size: 16}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    write_recordings(tmp_path / "recordings", repetitions=10)
    return tmp_path


def words(*more):
    return ["sweep", "recordings", "--recipe", "recipe.yaml", "--out", "sweep", "--seeds", "0", *more]


def table():
    return {str(row.run): row for row in read_table_of("sweep")}


def read_table_of(folder):
    return read_table(Path(folder) / "sweep.csv")


def wait_until(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def at_work(folder):
    """Numbers of the processes that train or classify in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if (process / "cwd").resolve() == folder and b"neurolect" in words and {b"train", b"classify"} & set(words):
                found.append(int(process.name))
        except OSError:
            # It has ended meanwhile.
            continue
    return found


def start(*more):
    return subprocess.Popen(
        [sys.executable, "-m", "neurolect", *words(*more)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_rows_are_trained_and_classified_and_a_failing_one_is_kept(here, capsys):
    save_word_run(here / "start" / "001", here / "recordings", subjects=["001"])
    # A run whose weights are damaged is found out by training alone.
    save_word_run(here / "start" / "002", here / "recordings", subjects=["002"])
    (here / "start" / "002" / "model.safetensors").write_bytes(b"not weights")
    more = ["--initialisations", "scratch", "words=start/{subject}", "--workers", "2", "--attempts", "1"]
    assert main(words(*more)) == 2
    rows = table()
    assert {run: row.state for run, row in rows.items()} == {
        "001/scratch/0": "finished",
        "001/words/0": "finished",
        "002/scratch/0": "finished",
        "002/words/0": "failed",
    }
    assert "model.safetensors: not a whole safetensors file" in rows["002/words/0"].message
    scores = json.loads((here / "sweep/001/words/0/evaluation/test/scores.json").read_text(encoding="utf-8"))
    assert rows["001/words/0"].test_accuracy == scores["accuracy"]["value"]
    assert rows["001/words/0"].words == 4
    described = json.loads((here / "sweep/001/words/0/model.json").read_text(encoding="utf-8"))
    assert described["metrics"]["val/accuracy"] == rows["001/words/0"].val_accuracy
    assert described["data"]["seed"] == 0
    assert described["data"]["start_from"].endswith("start/001")
    capsys.readouterr()
    assert main(["report", "sweep", "sweep"]) == 0
    printed = capsys.readouterr().out
    assert "chance: 25.00 %" in printed
    assert "Rows without an accuracy: 1 failed" in printed
    page = Page((here / "sweep" / "sweep.html").read_text(encoding="utf-8"))
    assert page.is_self_contained
    assert "simulated" in page.text


def test_a_sweep_killed_in_the_middle_goes_on_where_it_was(here):
    sweep = start("--subjects", "001", "002")
    first = here / "sweep" / "001" / "scratch" / "0"
    wait_until(lambda: (here / "sweep" / "002" / "scratch" / "0" / "checkpoints" / "last.ckpt").is_file())
    os.kill(sweep.pid, signal.SIGKILL)
    sweep.communicate()
    assert {row.state for row in table().values()} == {"finished", "running"}
    written = (first / "model.safetensors").stat().st_mtime_ns
    # The orphaned training may still be at work; its row waits for it.
    assert main(words("--subjects", "001", "002")) == 0
    assert [(row.state, row.attempts) for row in table().values()] == [("finished", 1), ("finished", 1)]
    assert (first / "model.safetensors").stat().st_mtime_ns == written
    assert (first / "sweep.log").read_text(encoding="utf-8").count("model card:") == 1
    assert not at_work(here)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_leaves_no_process_behind(here, sent, status):
    sweep = start("--subjects", "001", "--set", "trainer.epochs=5000")
    wait_until(lambda: (here / "sweep" / "001" / "scratch" / "0" / "checkpoints" / "last.ckpt").is_file())
    assert at_work(here)
    os.kill(sweep.pid, sent)
    output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == status, output
    assert not at_work(here)
    assert [(row.state, row.attempts) for row in table().values()] == [("waiting", 0)]


def test_submitit_runs_rows_as_this_machine_does(here):
    assert main(words("--subjects", "001", "--cluster", "local", "--job.poll_seconds", "0.2", "--job.cpus", "1")) == 0
    (row,) = table().values()
    assert (row.state, row.attempts) == ("finished", 1)
    assert row.job
    assert list((here / "sweep" / "jobs").glob(f"{row.job}*"))
    again = json.loads((here / "sweep/001/scratch/0/outcome.json").read_text(encoding="utf-8"))
    assert again["test_accuracy"] == row.test_accuracy
    # The same row on this machine, from the same seed.
    alone = ["sweep", "recordings", "--recipe", "recipe.yaml", "--out", "alone", "--seeds", "0", "--subjects", "001"]
    assert main(alone) == 0
    (other,) = read_table_of("alone")
    assert (other.val_accuracy, other.test_accuracy) == (row.val_accuracy, row.test_accuracy)


def test_a_job_that_fails_is_a_row_with_its_message(here):
    save_word_run(here / "start", here / "recordings", subjects=["001"])
    (here / "start" / "model.safetensors").write_bytes(b"not weights")
    more = ["--subjects", "001", "--initialisations", "words=start", "--attempts", "1"]
    assert main(words(*more, "--cluster", "local", "--job.poll_seconds", "0.2", "--job.cpus", "1")) == 2
    (row,) = table().values()
    assert row.state == "failed"
    assert "not a whole safetensors file" in row.message


@pytest.fixture
def slurm(here, monkeypatch):
    """A folder of programs that answer as SLURM's do."""
    folder = write_slurm(here / "slurm")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


ON_SLURM = ["--subjects", "001", "--cluster", "slurm", "--job.poll_seconds", "0.5"]


def test_slurm_is_asked_for_what_the_settings_say(here, slurm):
    asked = [
        "--job.partition",
        "gpu",
        "--job.minutes",
        "90",
        "--job.memory_gb",
        "8",
        "--job.cpus",
        "1",
        "--job.gpus",
        "2",
    ]
    assert main(words(*ON_SLURM, *asked)) == 0
    (row,) = table().values()
    assert (row.state, row.job) == ("finished", "100"), row.message
    script = (slurm / "100.sbatch").read_text(encoding="utf-8")
    for line in ("partition=gpu", "time=90", "mem=8GB", "cpus-per-task=1", "gpus-per-node=2", "ntasks-per-node=1"):
        assert f"#SBATCH --{line}\n" in script


def test_a_killed_sweep_finds_its_job_on_the_cluster_again(here, slurm):
    sweep = start(*ON_SLURM, "--set", "trainer.epochs=100")
    wait_until(lambda: (here / "sweep" / "001" / "scratch" / "0" / "checkpoints" / "last.ckpt").is_file())
    os.kill(sweep.pid, signal.SIGKILL)
    sweep.communicate()
    assert at_work(here)
    assert main(words(*ON_SLURM, "--set", "trainer.epochs=100")) == 0
    (row,) = table().values()
    assert (row.state, row.attempts, row.job) == ("finished", 1, "100"), row.message
    assert len(list(slurm.glob("*.sbatch"))) == 1


def test_an_interrupted_sweep_cancels_its_jobs(here, slurm):
    sweep = start(*ON_SLURM, "--set", "trainer.epochs=5000")
    wait_until(lambda: (here / "sweep" / "001" / "scratch" / "0" / "checkpoints" / "last.ckpt").is_file())
    os.kill(sweep.pid, signal.SIGINT)
    output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 130, output
    wait_until(lambda: not at_work(here), seconds=60)
    assert (slurm / "100.cancelled").exists()


def test_without_slurm_its_absence_is_said(here, capsys):
    assert main(words(*ON_SLURM)) == 2
    assert "srun" in capsys.readouterr().err
