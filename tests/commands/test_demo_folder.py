from __future__ import annotations

from contextlib import suppress

import pytest

from neurolect.commands.demo_folder import begin_demo, made_anew
from neurolect.commands.main import main
from neurolect.errors import ConfigError


def test_a_demo_replaces_what_an_earlier_one_made_and_nothing_else(tmp_path):
    out = tmp_path / "demo"
    begin_demo(out, "recordings", "run")
    (out / "recordings").mkdir()
    (out / "notes").mkdir()
    begin_demo(out, "recordings", "run")
    assert sorted(path.name for path in out.iterdir()) == ["DEMO.txt", "notes"]


@pytest.mark.parametrize(("verb", "part"), [("demo", "run"), ("demo seeg", "runs")])
def test_a_demo_leaves_the_runs_of_others_beside_simulated_recordings(tmp_path, capsys, verb, part):
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "SIMULATED.txt").touch()
    (tmp_path / part / "mine").mkdir(parents=True)
    assert main([*verb.split(), "--out", str(tmp_path)]) == 2
    assert f"{tmp_path / 'recordings'}: is there and is not of an earlier demo" in capsys.readouterr().err
    assert (tmp_path / part / "mine").is_dir()
    assert not (tmp_path / "DEMO.txt").exists()


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("writes", "kept"), [(None, "old.hdf5"), ("note.txt", "old.hdf5"), ("new.hdf5", "new.hdf5")])
def test_what_an_earlier_demo_recorded_stays_unless_something_new_was(tmp_path, fails, writes, kept):
    begin_demo(tmp_path, "live")
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "old.hdf5").touch()
    with suppress(OSError), made_anew(tmp_path, "live", "*.hdf5") as live:
        assert not live.exists()
        live.mkdir()
        if writes:
            (live / writes).touch()
        if fails:
            raise OSError
    assert sorted(each.name for each in tmp_path.iterdir()) == ["DEMO.txt", "live"]
    assert [each.name for each in (tmp_path / "live").iterdir()] == [kept]


def test_a_demo_that_was_killed_before_it_recorded_has_lost_nothing_either(tmp_path):
    begin_demo(tmp_path, "live")
    (tmp_path / "live-earlier").mkdir()
    (tmp_path / "live-earlier" / "old.hdf5").touch()
    (tmp_path / "live").mkdir()
    with made_anew(tmp_path, "live", "*.hdf5"):
        pass
    assert [each.name for each in (tmp_path / "live").iterdir()] == ["old.hdf5"]


def test_a_folder_that_no_demo_made_is_refused_and_stays(tmp_path):
    (tmp_path / "live").mkdir()
    with pytest.raises(ConfigError, match="not of an earlier demo"), made_anew(tmp_path, "live", "*.hdf5"):
        pass
    assert (tmp_path / "live").is_dir()
