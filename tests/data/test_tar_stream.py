"""Archives that are whole, damaged or malicious, read as a stream."""

import io
import tarfile
from pathlib import PurePath

import pytest

from neurolect.data.tar_stream import visit_tar
from neurolect.errors import DataError

MEMBERS = {"model/words.txt": b"a 1\n", "model/TLG.fst": bytes(range(256)) * 2000, "empty": b""}


def tarred(members, path, links=()):
    with tarfile.open(path, "w:gz") as opened:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            opened.addfile(entry)
    return path


def read(archive, progress=lambda n_bytes: None):
    found = {}

    def visit(name, n_bytes, content):
        found[name] = content.read()
        assert len(found[name]) == n_bytes

    visit_tar(archive, visit, progress)
    return found


def test_every_file_is_shown_with_its_content_in_order(tmp_path):
    found = read(tarred(MEMBERS, tmp_path / "a.tar.gz"))
    assert list(found.items()) == list(MEMBERS.items())


def test_a_file_that_is_not_read_is_passed_over(tmp_path):
    seen = []
    visit_tar(tarred(MEMBERS, tmp_path / "a.tar.gz"), lambda name, n_bytes, content: seen.append((name, n_bytes)))
    assert seen == [(name, len(content)) for name, content in MEMBERS.items()]


def test_progress_comes_to_the_size_of_the_archive(tmp_path):
    archive = tarred(MEMBERS, tmp_path / "a.tar.gz")
    steps = []
    read(archive, steps.append)
    assert sum(steps) == archive.stat().st_size


def test_folders_and_links_are_not_shown(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"here")
    (source / "link").symlink_to("/etc/passwd")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as opened:
        opened.add(source, ".")
    assert {PurePath(name): content for name, content in read(tmp_path / "a.tar.gz").items()} == {
        PurePath("file"): b"here"
    }


@pytest.mark.parametrize("name", ["../evil", "good/../../evil", "/evil", "C:/evil", "..\\evil", ".."])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"a\.tar\.gz: refused, '.*' is a path that leaves the folder$"):
        read(tarred({name: b"evil"}, tmp_path / "a.tar.gz"))


@pytest.mark.parametrize("n_bytes", [0, 10, 300, -20])
def test_a_cut_archive_is_named(tmp_path, n_bytes):
    archive = tarred(MEMBERS, tmp_path / "a.tar.gz")
    archive.write_bytes(archive.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match=r"a\.tar\.gz: not a whole tar\.gz archive"):
        read(archive)


@pytest.mark.parametrize("place", [-8, 200])
def test_a_damaged_archive_is_named(tmp_path, place):
    archive = tarred(MEMBERS, tmp_path / "a.tar.gz")
    damaged = bytearray(archive.read_bytes())
    damaged[place] ^= 0xFF
    archive.write_bytes(damaged)
    with pytest.raises(DataError, match=r"a\.tar\.gz: not a whole tar\.gz archive"):
        read(archive)


def test_another_file_is_no_archive(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(b"<html>" * 1000)
    with pytest.raises(DataError, match=r"a\.tar\.gz: not a whole tar\.gz archive"):
        read(tmp_path / "a.tar.gz")


def test_an_archive_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.tar\.gz: cannot be unpacked: No such file"):
        read(tmp_path / "none.tar.gz")
