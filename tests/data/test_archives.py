"""Zip archives that are whole, damaged or malicious."""

import re
import shutil
import stat
import zipfile

import pytest

from neurolect.data.archives import extract_zip, is_inside
from neurolect.errors import DataError

MEMBERS = {
    "hdf5_data_final/t15.2023.08.11/data_train.hdf5": b"train" * 1000,
    "hdf5_data_final/t15.2023.08.11/data_val.hdf5": b"val",
    "notes.txt": b"hello",
}


@pytest.fixture
def archive(tmp_path):
    return write_zip(tmp_path / "a.zip", MEMBERS)


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_archive_unpacks_to_what_is_in_it(archive, tmp_path):
    to = tmp_path / "data"
    assert extract_zip(archive, to) == [to / "hdf5_data_final", to / "notes.txt"]
    assert contents(to) == MEMBERS
    assert archive.exists()


def test_what_is_unpacked_already_stays_as_it_is(archive, tmp_path):
    to = tmp_path / "data"
    (to / "hdf5_data_final").mkdir(parents=True)
    (to / "hdf5_data_final" / "mine").write_bytes(b"mine")
    assert extract_zip(archive, to) == [to / "hdf5_data_final", to / "notes.txt"]
    assert contents(to) == {"hdf5_data_final/mine": b"mine", "notes.txt": b"hello"}


def test_what_a_killed_unpacking_left_is_cleared_away(archive, tmp_path):
    to = tmp_path / "data"
    (to / ".a.zip.unpacking" / "hdf5_data_final").mkdir(parents=True)
    (to / ".a.zip.unpacking" / "hdf5_data_final" / "half").write_bytes(b"half")
    extract_zip(archive, to)
    assert contents(to) == MEMBERS


@pytest.mark.parametrize(
    "name", ["../evil", "good/../../evil", "/evil", "C:/evil", "C:evil", "..\\evil", "\\evil", "//host/evil", ".."]
)
def test_a_member_that_would_land_outside_is_refused_and_nothing_is_unpacked(tmp_path, name):
    archive = write_zip(tmp_path / "a.zip", {"good/file": b"good", name: b"evil"})
    to = tmp_path / "deep" / "data"
    with pytest.raises(DataError, match=r"a\.zip: refused, '.*' is a path that leaves the folder$"):
        extract_zip(archive, to)
    assert not list(tmp_path.rglob("evil"))
    assert not to.exists()


def test_a_symbolic_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = write_zip(tmp_path / "a.zip", {})
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(link, "/etc")
    with pytest.raises(DataError, match="'link' is a symbolic link"):
        extract_zip(archive, tmp_path / "data")


def test_a_damaged_member_leaves_nothing_under_the_final_name(archive, tmp_path):
    damaged = bytearray(archive.read_bytes())
    damaged[80:90] = b"0123456789"
    archive.write_bytes(damaged)
    with pytest.raises(DataError, match=r"a\.zip: not a whole zip archive"):
        extract_zip(archive, tmp_path / "data")
    assert contents(tmp_path / "data") == {}


@pytest.mark.parametrize("n_bytes", [0, 100])
def test_a_cut_archive_is_named(archive, tmp_path, n_bytes):
    archive.write_bytes(archive.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match=r"a\.zip: not a whole zip archive"):
        extract_zip(archive, tmp_path / "data")


def test_an_archive_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.zip: cannot be unpacked: No such file"):
        extract_zip(tmp_path / "none.zip", tmp_path)


def test_an_archive_too_large_for_the_disk_is_not_unpacked(tmp_path):
    four_gb = b"\xfe\xff\xff\xff"
    n_members = shutil.disk_usage(tmp_path).free // 4_000_000_000 + 2
    archive = write_zip(tmp_path / "a.zip", {f"file_{number}": b"small" for number in range(n_members)})
    # Bytes 24 to 28 of an entry in the directory are the size of the member once it is unpacked.
    lying = re.sub(rb"(?s)(PK\x01\x02.{20}).{4}", lambda entry: entry[1] + four_gb, archive.read_bytes())
    archive.write_bytes(lying)
    with pytest.raises(DataError, match=r"needs .* of disk space, .* are free$"):
        extract_zip(archive, tmp_path / "data")
    assert contents(tmp_path / "data") == {}


@pytest.mark.parametrize(("name", "inside"), [("a", True), ("a/b", True), ("a..b/c", True), ("", False), (".", False)])
def test_ordinary_names_are_inside_and_empty_ones_are_not(name, inside):
    assert is_inside(name) is inside
