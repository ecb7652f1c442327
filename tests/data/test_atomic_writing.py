from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neurolect.data.files import require_replaceable, written_atomically


def test_a_file_takes_the_place_of_another_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file"
    with written_atomically(path) as partial:
        partial.write_text("first")
    with pytest.raises(UnicodeEncodeError), written_atomically(path) as partial:
        partial.write_text("second \ud800", encoding="utf-8")
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_whole_where_there_was_none_or_an_empty_one(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with written_atomically(tmp_path / name) as partial:
            partial.mkdir()
            (partial / "file").touch()
        assert (tmp_path / name / "file").exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_link_leads_to_is_replaced_and_not_the_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "link").symlink_to("folder/file")
    with written_atomically(tmp_path / "link") as partial:
        partial.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_text() == "new"


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "kept").touch()


@pytest.mark.parametrize(
    ("make", "complaint"), [(make_folder, "is a folder"), (os.mkfifo, "a device or a pipe")], ids=["folder", "pipe"]
)
def test_what_no_file_can_replace_is_refused_by_its_name_before_any_work(make, complaint, tmp_path):
    path = tmp_path / "target"
    make(path)
    (tmp_path / "link").symlink_to("target")
    for name in (path, tmp_path / "link"):
        with pytest.raises(OSError, match=complaint) as caught, written_atomically(name):
            pytest.fail("the work began")
        assert caught.value.filename == str(name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "target"]


def test_an_empty_folder_can_be_refused_before_any_work_too(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        require_replaceable(tmp_path / "empty")
    require_replaceable(tmp_path / "new")


def test_errors_of_the_system_name_the_target_and_not_the_temporary_name(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(IsADirectoryError) as caught, written_atomically(tmp_path / "empty") as partial:
        partial.touch()
    assert caught.value.filename == str(tmp_path / "empty")
    assert ".partial" not in str(caught.value)
    too_long = tmp_path / ("x" * 250)
    with pytest.raises(OSError, match="too long") as caught, written_atomically(too_long) as partial:
        partial.touch()
    assert caught.value.filename == str(too_long)
    assert [each.name for each in tmp_path.iterdir()] == ["empty"]


def test_the_standard_output_of_a_process_stays_a_link(tmp_path):
    probe = "from pathlib import Path; from neurolect.data.files import written_atomically as w\n"
    probe += "with w(Path('/dev/stdout')) as partial: partial.write_text('answer')"
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", probe], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "answer"
    assert Path("/dev/stdout").is_symlink()
