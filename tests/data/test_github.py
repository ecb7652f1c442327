"""Folders of repositories, listed by a server that answers like GitHub."""

import hashlib
import json

import pytest

from file_server import FileServer
from neurolect.data.github import github_files
from neurolect.data.remote_file import fetch_file
from neurolect.errors import DataError

LISTING = "/repos/lab/code/contents/models/one%20gram"


@pytest.fixture
def server():
    with FileServer() as running:
        yield running


def publish(server, files, **properties):
    entries = [{"name": "sub", "type": "dir", "size": 0, "sha": "0", "download_url": None}]
    for name, content in files.items():
        sha = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        url = server.add(f"/raw/{name}", content)
        entry = {"name": name, "type": "file", "size": len(content), "sha": sha, "download_url": url}
        entries.append(entry | properties)
    server.add(LISTING, json.dumps(entries).encode())


def files_of(server, *names):
    return github_files("lab/code", "models/one gram", names, server.url, retries=0)


def test_files_come_with_the_checksum_that_git_has(server, tmp_path):
    publish(server, {"TLG.fst": b"graph", "words.txt": b"words", "other": b"other"})
    files = files_of(server, "words.txt", "TLG.fst")
    assert [file.path for file in files] == ["words.txt", "TLG.fst"]
    assert fetch_file(files[1], tmp_path).read_bytes() == b"graph"


def test_a_content_that_is_not_the_listed_one_is_deleted(server, tmp_path):
    publish(server, {"TLG.fst": b"graph"}, sha="0" * 40)
    with pytest.raises(DataError, match=r"^TLG\.fst: what 127\.0\.0\.1 sent has the git-blob checksum .* deleted$"):
        fetch_file(files_of(server, "TLG.fst")[0], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_named(server):
    publish(server, {"words.txt": b"words"})
    with pytest.raises(DataError, match=r"^github\.com/lab/code/models/one gram: there is no file 'TLG\.fst'$"):
        files_of(server, "TLG.fst")


@pytest.mark.parametrize("page", [b"<html>", b"{}", b"[1]", b'[{"name": "a", "type": "file"}]'])
def test_a_listing_of_another_form_is_one_line(server, page):
    server.add(LISTING, page)
    with pytest.raises(DataError, match=r"^github\.com/lab/code/models/one gram: .*") as caught:
        files_of(server, "a")
    assert "\n" not in str(caught.value)
