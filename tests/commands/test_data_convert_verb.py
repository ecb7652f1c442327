from __future__ import annotations

import numpy as np

from neurolect.commands.main import main
from neurolect.data.seeg.duin_release import DuinRun, write_duin_run
from neurolect.data.seeg.layout import find_subjects
from seeg_files import SHAFTS, potentials, write_edf, write_nwb


def test_files_of_a_subject_become_its_folder(tmp_path, capsys):
    first = write_edf(tmp_path / "day1.edf", potentials(len(SHAFTS)), events=[(2.0, 0.0, "hello"), (5.9, 0.0, "late")])
    second = write_edf(tmp_path / "day2.edf", potentials(len(SHAFTS), seed=1))
    out = tmp_path / "packed"
    arguments = ["data", "convert", str(first), str(second), "--out", str(out), "--subject", "p01", "--shafts", "L'"]
    arguments += ["--preparation.mains", "50", "--events", "source", "--trials.stop", "1.0", "--figure"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "3 channels at 1000 Hz, 1 trials of 1 words in 1 runs, 1 recordings of 0.1 minutes" in printed.out
    assert "note: day1: 1 of 2 trials reach beyond the recording: left out" in printed.err
    assert (out / "p01.png").read_bytes().startswith(b"\x89PNG")
    (subject,) = find_subjects(out)
    assert subject.info.channels == ["L'1", "L'2", "L'3"]
    assert subject.trials.signals.shape == (1, 3, 1500)
    assert main(arguments) == 2
    assert "the subject is there already; --replace" in capsys.readouterr().err
    assert main([*arguments, "--replace"]) == 0


def test_an_nwb_file_is_cut_around_its_trials(tmp_path):
    source = write_nwb(tmp_path / "p02.nwb", potentials(len(SHAFTS)), trials=[(1.0, "hello"), (2.0, "world")])
    out = tmp_path / "packed"
    arguments = ["data", "convert", str(source), "--out", str(out), "--subject", "p02", "--events", "source"]
    assert main([*arguments, "--regions", "STG", "--preparation.mains", "50"]) == 0
    (subject,) = find_subjects(out)
    assert subject.trials.words == ["hello", "world"]
    assert subject.info.regions == dict.fromkeys(["A1", "A2", "A3"], "STG")


def test_events_that_are_not_there_are_said_in_one_line(tmp_path, capsys):
    source = write_edf(tmp_path / "day1.edf", potentials(len(SHAFTS)))
    arguments = ["data", "convert", str(source), "--out", str(tmp_path / "out"), "--subject", "p01"]
    assert main([*arguments, "--preparation.mains", "50", "--events", "source"]) == 2
    assert "day1.edf: neither it nor a table beside it tells of events" in capsys.readouterr().err
    assert main([*arguments, "--preparation.mains", "50", "--events", "words.csv"]) == 2
    assert "words.csv: no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_events_of_which_none_becomes_a_trial_are_refused_with_their_likely_fault(tmp_path, capsys):
    source = write_edf(tmp_path / "day1.edf", potentials(len(SHAFTS)), events=[(2.0, 0.0, "hello")])
    table = tmp_path / "words.csv"
    table.write_text("onset,word\n2000,hello\n2500,world\n", encoding="utf-8")
    arguments = ["data", "convert", str(source), "--out", str(tmp_path / "out"), "--subject", "p01"]
    arguments += ["--preparation.mains", "50", "--events"]
    assert main([*arguments, str(table)]) == 2
    error = capsys.readouterr().err
    assert f"{table}: gives subject p01 no trial: day1: 2 of 2 trials reach beyond the recording" in error
    assert "onsets are seconds from a recording's first sample, neither samples nor milliseconds" in error
    assert main([*arguments, "source", "--trials.prefix", "word/"]) == 2
    assert f"{source}: gives subject p01 no trial: no event is a word by --trials.prefix" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_du_ins_release_is_packed_as_it_is(tmp_path, capsys):
    signals = [np.random.default_rng(number).normal(size=(2, 3000)).astype(np.float32) for number in range(3)]
    for subject in ("001", "002"):
        run = tmp_path / "release" / subject / "word-recitation" / "run1"
        write_duin_run(run, DuinRun(["水", "吃饭", "水"], signals, ["SM8", "SM9"]))
    out = tmp_path / "packed"
    arguments = ["data", "convert", str(tmp_path / "release"), "--out", str(out)]
    assert main([*arguments, "--subject", "001"]) == 0
    assert main(arguments) == 2
    assert "001: the subject is there already; --replace" in capsys.readouterr().err
    assert main([*arguments, "--replace"]) == 0
    first, second = find_subjects(out)
    assert first.trials.words == ["水", "吃饭", "水"]
    np.testing.assert_array_equal(second.trials.signals, signals)
    assert sorted(path.name for path in out.iterdir()) == ["001", "002"]
    for asked in (["--events", "source"], ["--preparation.mains", "50"], ["--continuous", "all"]):
        assert main([*arguments, "--replace", *asked]) == 2
        assert "is prepared already: it takes only subject and replace" in capsys.readouterr().err


def test_a_folder_of_another_layout_is_said_to_be_one(tmp_path, capsys):
    release, packed = tmp_path / "release", tmp_path / "packed"
    signals = [np.random.default_rng(0).normal(size=(2, 3000)).astype(np.float32)]
    write_duin_run(release / "001" / "word-recitation" / "run1", DuinRun(["水"], signals, ["SM8", "SM9"]))
    assert main(["data", "convert", str(release), "--out", str(packed)]) == 0
    for source, told in (
        (release / "001", f"is one subject of Du-IN's release: give the folder that it lies in, {release}, and --subj"),
        (packed, "is in the packed layout already"),
        (packed / "001", "is in the packed layout already"),
        (release / "001" / "word-recitation", "files of other names are given one by one, with --subject"),
    ):
        assert main(["data", "convert", str(source), "--out", str(tmp_path / "out")]) == 2
        assert f"{source}: " in (shown := capsys.readouterr().err)
        assert told in shown
