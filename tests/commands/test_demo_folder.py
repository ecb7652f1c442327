from __future__ import annotations

import pytest

from neurolect.commands.demo_folder import begin_demo
from neurolect.commands.main import main


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
