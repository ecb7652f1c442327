from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.commands.main import main
from neurolect.errors import ConfigError, DataError
from neurolect.evaluation import sweep_pools
from neurolect.evaluation.sweep import SweepPlan, read_initialisations, run_sweep
from neurolect.evaluation.sweep_row import RowOutcome
from neurolect.evaluation.sweep_table import TABLE, SweepRow, SweepTable, read_table
from tiny_segment_runs import write_recordings

PLAN = {"subjects": ["001", "002"], "initialisations": {"scratch": None}, "seeds": [0, 1]}


def plan(tmp_path, **changes):
    return SweepPlan(**{"root": tmp_path / "recordings", **PLAN, **changes})


class ScriptedPool:
    """Rows that end at once, each attempt as the script says; a row without one succeeds."""

    def __init__(self, n_slots=1, script=None, interrupt_after=None):
        self.n_slots = n_slots
        self.script = dict(script or {})
        self.interrupt_after = interrupt_after
        self.started = []
        self.most_at_once = 0
        self.left = False
        self._running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.left = True

    def start(self, task, job):
        self.started.append((task.run, job))
        self._running.append(task.run)
        self.most_at_once = max(self.most_at_once, len(self._running))
        return f"job {len(self.started)}"

    def ended(self):
        if self.interrupt_after is not None and len(self.started) > self.interrupt_after:
            raise KeyboardInterrupt
        run = self._running.pop(0)
        messages = self.script.get("/".join(run.parts[-3:]), [])
        message = messages.pop(0) if messages else ""
        yield run, RowOutcome(2.0, message=message) if message else RowOutcome(2.0, 0.5, 0.25, 61)


def states(out):
    return {str(row.run): (row.state, row.attempts) for row in read_table(out / TABLE)}


def test_every_row_is_run_once_and_seeds_change_slowest(tmp_path):
    pool = ScriptedPool(n_slots=3)
    table = run_sweep(plan(tmp_path), tmp_path / "sweep", pool)
    assert [str(run.relative_to(tmp_path / "sweep")) for run, _ in pool.started] == [
        "001/scratch/0",
        "002/scratch/0",
        "001/scratch/1",
        "002/scratch/1",
    ]
    assert pool.most_at_once == 3
    assert pool.left
    assert all(row.test_accuracy == 0.25 and row.seconds == 2 for row in table.rows)
    assert read_table(tmp_path / "sweep" / TABLE) == table.rows


def test_a_row_that_fails_is_tried_again_and_the_others_go_on(tmp_path):
    script = {"001/scratch/0": ["out of memory"], "002/scratch/0": ["disk full", "disk full, still"]}
    run_sweep(plan(tmp_path), tmp_path / "sweep", ScriptedPool(script=script), attempts=2)
    assert states(tmp_path / "sweep") == {
        "001/scratch/0": ("finished", 2),
        "002/scratch/0": ("failed", 2),
        "001/scratch/1": ("finished", 1),
        "002/scratch/1": ("finished", 1),
    }
    row = read_table(tmp_path / "sweep" / TABLE)[1]
    assert row.message == "disk full, still"
    assert row.seconds == 4


def test_only_more_attempts_try_a_failed_row_again(tmp_path):
    run_sweep(plan(tmp_path), tmp_path / "sweep", ScriptedPool(script={"001/scratch/0": ["no"]}), attempts=1)
    for attempts, expected in ((1, 0), (2, 1)):
        pool = ScriptedPool()
        run_sweep(plan(tmp_path), tmp_path / "sweep", pool, attempts)
        assert len(pool.started) == expected


def test_an_interrupted_sweep_goes_on_with_the_rows_that_are_not_finished(tmp_path):
    pool = ScriptedPool(n_slots=2, interrupt_after=2)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(plan(tmp_path), tmp_path / "sweep", pool)
    assert pool.left
    before = states(tmp_path / "sweep")
    assert sorted(before.values()) == [("finished", 1), ("waiting", 0), ("waiting", 0), ("waiting", 0)]
    again = ScriptedPool()
    run_sweep(plan(tmp_path), tmp_path / "sweep", again)
    assert len(again.started) == 3
    assert all(state == ("finished", 1) for state in states(tmp_path / "sweep").values())


def test_a_row_that_a_killed_sweep_left_running_is_run_again_with_its_job(tmp_path):
    table = SweepTable(tmp_path / "sweep" / TABLE, plan(tmp_path).rows)
    table.update(replace(table.rows[0], state="running", job="4711"))
    pool = ScriptedPool()
    run_sweep(plan(tmp_path), tmp_path / "sweep", pool)
    assert pool.started[0] == (tmp_path / "sweep" / "001" / "scratch" / "0", "4711")
    assert all(state == ("finished", 1) for state in states(tmp_path / "sweep").values())


def test_rows_can_be_added_and_other_settings_are_refused(tmp_path):
    out = tmp_path / "sweep"
    run_sweep(plan(tmp_path, seeds=[0]), out, ScriptedPool())
    pool = ScriptedPool()
    run_sweep(plan(tmp_path, seeds=[1], initialisations={"scratch": None}), out, pool)
    assert len(pool.started) == 2
    assert len(read_table(out / TABLE)) == 4
    for changes, told in (
        ({"settings": ["trainer.epochs=3"]}, "other settings"),
        ({"root": tmp_path / "other"}, "another root"),
    ):
        with pytest.raises(ConfigError, match=told):
            run_sweep(plan(tmp_path, **changes), out, ScriptedPool())
    (tmp_path / "recipe.yaml").write_text("seed: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="another recipe"):
        run_sweep(plan(tmp_path, recipe=tmp_path / "recipe.yaml"), out, ScriptedPool())


def test_a_folder_in_which_nothing_was_trained_may_be_begun_again_with_other_settings(tmp_path):
    out = tmp_path / "sweep"
    script = {"001/scratch/0": ["no such option"], "002/scratch/0": ["no such option"]}
    run_sweep(plan(tmp_path, seeds=[0], settings=["a=1"]), out, ScriptedPool(script=script), attempts=1)
    (out / "001/scratch/0/checkpoints").mkdir(parents=True)
    with pytest.raises(ConfigError, match="other settings; choose another --out"):
        run_sweep(plan(tmp_path, seeds=[0]), out, ScriptedPool(), attempts=1)
    (out / "001/scratch/0/checkpoints").rmdir()
    run_sweep(plan(tmp_path, seeds=[0]), out, ScriptedPool(), attempts=1)
    assert states(out) == {"001/scratch/0": ("finished", 1), "002/scratch/0": ("finished", 1)}


def hold(out, entered, leave):
    from neurolect.evaluation.sweep import _sole_writer

    with _sole_writer(out):
        entered.set()
        leave.wait(30)


def test_two_sweeps_do_not_write_one_table(tmp_path):
    context = multiprocessing.get_context("fork")
    entered, leave = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "sweep", entered, leave))
    other.start()
    assert entered.wait(30)
    try:
        with pytest.raises(ConfigError, match="another 'neurolect sweep' is at work"):
            run_sweep(plan(tmp_path), tmp_path / "sweep", ScriptedPool())
    finally:
        leave.set()
        other.join()
    run_sweep(plan(tmp_path), tmp_path / "sweep", ScriptedPool())


def test_a_missing_run_to_start_from_is_named_before_anything_starts(tmp_path):
    pattern = str(tmp_path / "runs" / "{subject}" / "mae")
    (tmp_path / "runs" / "001" / "mae").mkdir(parents=True)
    (tmp_path / "runs" / "001" / "mae" / "model.json").write_text("{}")
    pool = ScriptedPool()
    with pytest.raises(DataError, match=r"002/mae: no such run; initialisation 'mae' of subject 002"):
        run_sweep(plan(tmp_path, initialisations={"mae": pattern}), tmp_path / "sweep", pool)
    assert not pool.started
    assert not (tmp_path / "sweep").exists()


def test_a_task_names_subject_seed_and_run_to_start_from(tmp_path):
    planned = plan(tmp_path, initialisations={"mae": "runs/{subject}/mae"}, settings=["trainer.epochs=3"])
    task = planned.task(planned.rows[1], tmp_path / "sweep")
    assert task.run == tmp_path / "sweep" / "002" / "mae" / "0"
    assert '--data.subjects=["002"]' in task.train
    assert {"--trainer.epochs=3", "--seed=0", "--data.seed=0"} <= set(task.train)
    assert task.train[task.train.index("--start_from") + 1].endswith("runs/002/mae")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mae"], "neither 'scratch' nor name=run folder"),
        (["mae="], "neither"),
        (["=runs/mae"], "cannot be the name of a folder"),
        (["../up=runs/mae"], "cannot be the name of a folder"),
        (["scratch", "scratch"], "occurs twice"),
    ],
)
def test_initialisations_that_make_no_sense_are_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        read_initialisations(words)


def test_initialisations_are_scratch_or_patterns_of_folders():
    found = read_initialisations(["scratch", "mae=runs/{subject}/mae"])
    assert found == {"scratch": None, "mae": "runs/{subject}/mae"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": []}, "seeds is empty"),
        ({"subjects": ["001", "001"]}, "001 occurs twice"),
        ({"settings": ["trainer.epochs"]}, "not key=value"),
        ({"settings": ["--trainer.epochs=3"]}, "not key=value"),
        ({"settings": ["seed=3"]}, "seed is set by the sweep itself"),
    ],
)
def test_plans_that_make_no_sense_are_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        plan(tmp_path, **changes)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8).filter(
    lambda name: name.strip(".") and "/" not in name
)


@given(
    st.lists(
        st.builds(
            SweepRow,
            subject=NAMES,
            initialisation=NAMES,
            seed=st.integers(0, 10_000),
            state=st.sampled_from(["waiting", "running", "finished", "failed"]),
            attempts=st.integers(0, 9),
            val_accuracy=st.floats(0, 1),
            test_accuracy=st.floats(0, 1),
            words=st.integers(0, 100),
            seconds=st.integers(0, 10_000).map(float),
            job=st.sampled_from(["", "4711", "4711_3"]),
            message=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\r\0")),
        ),
        unique_by=lambda row: row.run,
        max_size=5,
    )
)
def test_a_table_on_disk_is_the_table_in_memory(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / TABLE
    assert SweepTable(path, rows).rows == rows
    assert read_table(path) == rows


@pytest.mark.parametrize(
    ("old", "new"), [("waiting", "sleeping"), (",0,waiting", ",zero,waiting"), ("attempts", "tries")]
)
def test_a_damaged_table_is_named_with_its_line(tmp_path, old, new):
    path = tmp_path / TABLE
    SweepTable(path, [SweepRow("001", "scratch", 0)])
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=r"sweep\.csv: line 2 is not a row"):
        read_table(path)


def test_the_report_of_an_unfinished_sweep_says_what_is_missing(tmp_path, capsys):
    out = tmp_path / "sweep"
    planned = plan(tmp_path, initialisations={"scratch": None, "other": str(tmp_path / "run")})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.json").write_text("{}")
    run_sweep(planned, out, ScriptedPool(script={"001/other/0": ["no <space> left"]}), attempts=1)
    assert main(["report", "sweep", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Rows without an accuracy: 1 failed" in printed
    assert "001/other/0: no <space> left" in printed
    assert "25.00 ± 0.00 (2 subjects)" in printed
    assert "other over scratch: +0.00 points" in printed
    assert (out / "sweep.png").stat().st_size > 1000
    page = (out / "sweep.html").read_text(encoding="utf-8")
    assert "no &lt;space&gt; left" in page


@pytest.mark.parametrize("content", ["{", "3"])
def test_damaged_settings_of_a_sweep_are_named(content, tmp_path, capsys):
    run_sweep(plan(tmp_path), tmp_path / "sweep", ScriptedPool())
    (tmp_path / "sweep" / "sweep.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"sweep\.json: not a JSON"):
        run_sweep(plan(tmp_path), tmp_path / "sweep", ScriptedPool())
    assert main(["report", "sweep", str(tmp_path / "sweep")]) == 2
    assert "sweep.json: not a JSON" in capsys.readouterr().err


def test_a_report_of_no_sweep_is_refused(tmp_path, capsys):
    assert main(["report", "sweep", str(tmp_path)]) == 2
    assert "sweep.csv: no such file" in capsys.readouterr().err


def test_a_sweep_that_has_not_begun_has_a_report_too(tmp_path, capsys):
    SweepTable(tmp_path / TABLE, [SweepRow("001", "scratch", 0)])
    assert main(["report", "sweep", str(tmp_path)]) == 0
    assert "Rows without an accuracy: 1 waiting" in capsys.readouterr().out
    assert "No row is finished yet" in (tmp_path / "sweep.html").read_text(encoding="utf-8")


def test_settings_are_kept_beside_the_table(tmp_path):
    (tmp_path / "recipe.yaml").write_text("trainer: {epochs: 3}\n", encoding="utf-8")
    out = tmp_path / "sweep"
    run_sweep(plan(tmp_path, recipe=tmp_path / "recipe.yaml", settings=["seed_of=1"]), out, ScriptedPool())
    kept = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    assert kept["recipe"] == {"trainer": {"epochs": 3}}
    assert kept["settings"] == ["seed_of=1"]


def test_settings_that_no_row_can_be_trained_with_are_refused_before_the_first(tmp_path, capsys):
    write_recordings(tmp_path / "recordings", repetitions=2)
    sweep = ["sweep", str(tmp_path / "recordings"), "--out", str(tmp_path / "sweep")]
    for setting, complaint in (
        ("trainer.epoch=3", "there is no option '--trainer.epoch'; did you mean '--trainer.epochs'?"),
        ("trainer.epochs=0", "trainer.epochs is 0"),
    ):
        assert main([*sweep, "--set", setting]) == 2
        assert complaint in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()


def test_rows_that_failed_make_the_exit_status(tmp_path, monkeypatch, capsys):
    write_recordings(tmp_path / "recordings", repetitions=2)
    pool = ScriptedPool(script={"002/scratch/0": ["disk full"]})
    monkeypatch.setattr(sweep_pools, "LocalPool", lambda *_: pool)
    sweep = ["sweep", str(tmp_path / "recordings"), "--out", str(tmp_path / "sweep"), "--seeds", "0"]
    assert main([*sweep, "--attempts", "1"]) == 2
    printed = capsys.readouterr()
    assert "1 of 2 rows finished" in printed.out
    assert "1 of 2 rows failed, such as 002/scratch/0: disk full" in printed.err
