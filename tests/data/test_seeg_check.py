"""Faults of subjects with field potentials that `neurolect data check` finds."""

import numpy as np
import pytest

from neurolect.commands.main import main
from neurolect.data.seeg.check import check_duin_release, check_packed
from neurolect.data.seeg.duin_release import PRETRAINING, RUN, TASK, DuinRun, write_duin_recordings, write_duin_run
from neurolect.data.seeg.layout import SubjectInfo, WordTrials, write_subject
from seeg_subjects import write_small_subject

CHANNELS = ["A1", "A2", "B1"]


def noise(rng, n_trials=12, n_samples=3000):
    return rng.normal(size=(n_trials, 3, n_samples)).astype(np.float32)


def write_packed(root, signals, words=None, onsets=None, recordings=(), name="001"):
    n = len(signals)
    runs = [f"run{1 + 2 * position // n}" for position in range(n)]
    words = words or ["say", "tea"] * (n // 2)
    times = np.arange(n) * 5.0 if onsets is None else np.array(onsets)
    info = SubjectInfo(name, CHANNELS, 1000.0, -0.5)
    write_subject(root / name, info, WordTrials(signals, words, runs, times), recordings)


def test_sound_subjects_have_no_problems_and_their_figures_add_up(tmp_path, rng, capsys):
    write_packed(tmp_path, noise(rng), recordings=[("rest", noise(rng, 1, 60_000)[0])])
    (summary,) = check_packed(tmp_path)
    assert (summary.problems, summary.notes) == ([], [])
    assert (summary.channels, summary.sample_rate, summary.trial_seconds) == (3, 1000.0, 3.0)
    assert (summary.runs, summary.repetitions) == ({"run1": 6, "run2": 6}, {"say": 6, "tea": 6})
    assert (summary.recordings, summary.recorded_seconds) == (1, 60.0)
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "no problems found" in capsys.readouterr().out


def test_faults_of_channels_and_trials_are_each_named_once(tmp_path, rng, capsys):
    signals = noise(rng)
    signals[:, 0] = 4.0
    signals[3, 1, 7] = np.nan
    signals[5, 1, :3] = np.inf
    signals[:, 2] = signals[:, 2].clip(-1.5, 2)
    write_packed(tmp_path, signals, ["say"] * 6 + ["tea"] * 6, onsets=[0, 10, 5, *range(20, 29)])
    (summary,) = check_packed(tmp_path)
    found = [problem.removeprefix(f"{tmp_path / '001'}: ") for problem in summary.problems]
    assert found[:3] == [
        "run1: trials are not in order of time",
        "channel A2: 4 values are NaN or infinite, first in trial 3",
        "channel A1: flat, every value is 4",
    ]
    assert found[3].startswith("channel B1: clipped, 2")
    assert found[3].endswith(" of 36000 values are -1.5")
    assert len(found) == 4
    assert summary.notes == [f"{tmp_path / '001'}: words of one run only: say, tea"]
    assert main(["data", "check", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.out.count("problem: ") == 4
    assert shown.err.endswith("4 problems in 12 trials\n")


def test_channels_that_are_flat_or_clipped_in_the_trials_alone_are_found(tmp_path, rng):
    signals = noise(rng)
    signals[:, 0] = 0
    signals[6:, 1] = 0
    signals[:, 2] = signals[:, 2].clip(-1, 1)
    write_packed(tmp_path, signals, recordings=[("rest", 3 * noise(rng, 1, 60_000)[0])])
    (summary,) = check_packed(tmp_path)
    of = "of 13 trials and pieces of recordings, first in trial"
    assert summary.problems == [
        f"{tmp_path / '001'}: channel A1: flat in 12 {of} 0",
        f"{tmp_path / '001'}: channel A2: flat in 6 {of} 6",
        f"{tmp_path / '001'}: channel B1: clipped in 12 {of} 0, at {summary.problems[2].split()[-1]}",
    ]
    assert summary.problems[2].endswith((" at 1", " at -1"))


def test_a_channel_of_another_constant_in_the_recordings_is_flat_and_not_clipped(tmp_path, rng):
    signals, rest = noise(rng), noise(rng, 1, 60_000)[0]
    signals[:, 0], rest[0] = 0, 5
    write_packed(tmp_path, signals, recordings=[("rest", rest)])
    (summary,) = check_packed(tmp_path)
    (problem,) = summary.problems
    assert problem.endswith("A1: flat in 13 of 13 trials and pieces of recordings, first in trial 0")


@pytest.mark.parametrize("frequency", [50, 60])
def test_a_power_line_that_stands_out_is_a_note_with_its_worst_channel(tmp_path, rng, frequency, capsys):
    signals = noise(rng)
    signals[:, 1] += 2 * np.sin(2 * np.pi * frequency * np.arange(3000) / 1000).astype(np.float32)
    write_packed(tmp_path, signals)
    (summary,) = check_packed(tmp_path)
    (note,) = summary.notes
    assert f"{frequency} Hz stands out " in note
    assert note.endswith("-fold on channel A2, and more than 10-fold on 1 of 3 channels")
    assert main(["data", "check", str(tmp_path)]) == 0
    assert f"note: {note}" in capsys.readouterr().out


def test_a_subject_that_cannot_be_opened_does_not_hide_the_others(tmp_path, rng):
    write_packed(tmp_path, noise(rng))
    write_packed(tmp_path, noise(rng), name="002")
    (tmp_path / "001" / "trials.csv").unlink()
    (tmp_path / "002").rename(tmp_path / "003")
    first, second = check_packed(tmp_path)
    assert first.problems == [f"{tmp_path}/001/trials.csv: no such file"]
    assert second.problems == [f"{tmp_path}/003: says it is of subject 002, a copied or renamed folder?"]
    assert second.runs.total() == 12


def test_trials_that_are_listed_and_not_there_are_a_problem(tmp_path, rng, capsys):
    write_packed(tmp_path, noise(rng), recordings=[("rest", noise(rng, 1, 6000)[0])])
    (tmp_path / "001" / "trials.npy").unlink()
    assert main(["data", "check", str(tmp_path)]) == 2
    assert f"{tmp_path}/001/trials.csv: lists 12 trials, trials.npy: no such file" in capsys.readouterr().out


def write_released(root, rng):
    for run in ("run1", "run2"):
        write_duin_run(root / "001" / TASK / run, DuinRun(["say", "tea"] * 3, list(noise(rng, 6)), CHANNELS))
    write_duin_recordings(root / "001", CHANNELS, [("a/b", noise(rng, 1, 8000)[0])])


def test_a_sound_release_has_no_problems(tmp_path, rng, capsys):
    write_released(tmp_path, rng)
    (summary,) = check_duin_release(tmp_path)
    assert (summary.problems, summary.notes) == ([], [])
    assert (summary.channels, summary.trial_seconds, summary.recorded_seconds) == (3, 3.0, 8.0)
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "no problems found" in capsys.readouterr().out


def test_words_that_are_said_more_and_less_often_are_told(tmp_path, rng, capsys):
    write_packed(tmp_path, noise(rng), ["say"] * 3 + ["tea"] * 2 + ["you", "tea"] + ["say"] * 5)
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "001: you was said least often, 1 times, say most often, 8 times" in capsys.readouterr().out


def test_the_faults_of_a_release_are_named_with_their_files(tmp_path, rng):
    write_released(tmp_path, rng)
    short = [*noise(rng, 2), noise(rng, 1, 2900)[0]]
    write_duin_run(tmp_path / "001" / TASK / "run3", DuinRun(["say", "tea", "tea"], short, CHANNELS))
    write_duin_run(tmp_path / "001" / TASK / "run4", DuinRun(["say", "tea"], list(noise(rng, 2)), ["A1", "A2", "C1"]))
    (tmp_path / "001" / TASK / "run2" / RUN / "info").unlink()
    (tmp_path / "001" / PRETRAINING / "broken.npy").write_bytes(b"\x93NUMPY")
    (summary,) = check_duin_release(tmp_path)
    complaints = [
        "run2/dataset.bipolar.default.unaligned/info: no such file",
        "001: 1 trials have 2900 samples, the others 3000",
        "broken.npy: not a whole array of numbers",
        "001: channels differ between runs or from the recordings'",
    ]
    assert len(summary.problems) == len(complaints)
    for problem, complaint in zip(summary.problems, complaints, strict=True):
        assert complaint in problem


@pytest.mark.parametrize(("n_samples", "shown"), [(700, "1, 0.7 s"), (90_000, "1, 1.5 min")])
def test_short_recordings_are_shown_in_seconds(tmp_path, rng, capsys, n_samples, shown):
    write_packed(tmp_path, noise(rng), recordings=[("rest", noise(rng, 1, n_samples)[0])])
    assert main(["data", "check", str(tmp_path)]) == 0
    assert shown in capsys.readouterr().out


def test_folders_that_are_no_subjects_are_told(tmp_path, rng, capsys):
    write_packed(tmp_path, noise(rng))
    (tmp_path / "raw").mkdir()
    assert main(["data", "check", str(tmp_path)]) == 0
    assert f"note: {tmp_path / 'raw'}: no subject's folder, subject.json is not in it" in capsys.readouterr().out
    write_packed(tmp_path, noise(rng), name="002")
    (tmp_path / "002" / "subject.json").unlink()
    assert main(["data", "check", str(tmp_path)]) == 2
    shown = capsys.readouterr().out
    assert f"problem: {tmp_path / '002'}: has no subject.json, and is left out everywhere" in shown


def test_a_folder_of_no_known_layout_is_told_what_is_expected(tmp_path, rng, capsys):
    write_packed(tmp_path / "packed", noise(rng))
    write_released(tmp_path / "release", rng)
    (tmp_path / "empty").mkdir()
    for folder, told in (
        ("packed/001", f"is one subject's folder: give the folder that it lies in, {tmp_path / 'packed'}"),
        ("release/001", f"is one subject's folder: give the folder that it lies in, {tmp_path / 'release'}"),
        ("empty", "holds nothing; expected <subject>/subject.json (packed layout), <subject>/word-recitation"),
        ("release/001/word-recitation", "holds run1, run2; expected <subject>/subject.json"),
        ("nowhere", "no such folder"),
    ):
        assert main(["data", "check", str(tmp_path / folder)]) == 2
        assert f"{tmp_path / folder}: {told}" in capsys.readouterr().err


def test_names_in_brackets_are_shown_as_they_are(tmp_path, capsys):
    root = tmp_path / "of [s1]"
    write_small_subject(root, "[red]")
    assert main(["data", "check", str(root)]) == 0
    shown = capsys.readouterr().out
    assert "[s1]" in shown
    assert any(line.split()[:2] == ["[red]", "3"] for line in shown.splitlines())
