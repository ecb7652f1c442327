"""Repositories listed by a server that answers like Hugging Face."""

import hashlib
import json

import pytest

from file_server import Drop, FileServer
from neurolect.data.http import new_session
from neurolect.data.hugging_face import hugging_face_dataset_files, hugging_face_file
from neurolect.data.remote_file import fetch_file, first_bytes
from neurolect.errors import DataError

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def server():
    with FileServer() as running:
        yield running


def publish(server, content=CONTENT, digest=None):
    entries = [
        {"type": "directory", "path": "sub", "size": 0, "oid": "0"},
        {"type": "file", "path": "tokens.txt", "size": 3, "oid": hashlib.sha1(b"blob 3\0abc").hexdigest()},
        {
            "type": "file",
            "path": "lm.bin",
            "size": len(content),
            "oid": "0",
            "lfs": {"oid": digest or hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134},
        },
    ]
    server.add("/api/models/lab/model/tree/main", json.dumps(entries).encode())
    server.add("/lab/model/resolve/main/lm.bin", content)


def listed(server, name="lm.bin"):
    return hugging_face_file("lab/model", name, server.url, retries=0)


def test_a_file_comes_with_its_listed_checksum(server, tmp_path):
    publish(server)
    assert fetch_file(listed(server), tmp_path).read_bytes() == CONTENT


def test_a_content_that_is_not_the_listed_one_is_deleted(server, tmp_path):
    publish(server, digest="0" * 64)
    with pytest.raises(DataError, match=r"^lm\.bin: what 127\.0\.0\.1 sent has the sha-256 checksum .* deleted$"):
        fetch_file(listed(server), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("allow_ranges", [True, False])
def test_the_first_bytes_come_without_the_rest(server, allow_ranges):
    publish(server)
    server.files["/lab/model/resolve/main/lm.bin"].allow_ranges = allow_ranges
    server.faults["/lab/model/resolve/main/lm.bin"].append(Drop(10))
    with new_session() as session:
        assert first_bytes(listed(server), 200, session, retries=1) == CONTENT[:200]


def test_a_file_that_is_not_there_is_named(server):
    publish(server)
    with pytest.raises(DataError, match=r"^huggingface\.co/lab/model: there is no file 'other\.bin'$"):
        listed(server, "other.bin")


def test_a_small_file_is_checked_against_the_name_that_git_knows_it_by(server, tmp_path):
    publish(server)
    server.add("/lab/model/resolve/main/tokens.txt", b"abc")
    assert fetch_file(listed(server, "tokens.txt"), tmp_path).read_bytes() == b"abc"
    server.add("/lab/model/resolve/main/tokens.txt", b"abd")
    with pytest.raises(DataError, match=r"^tokens\.txt: what 127\.0\.0\.1 sent has the git-blob checksum .* deleted$"):
        fetch_file(listed(server, "tokens.txt"), tmp_path / "other")


def test_all_pages_of_a_dataset_are_listed_folders_left_out(server, tmp_path):
    files = {"README.md": b"# data", "data/001/run 1/data": b"x" * 3000, "data/001/run 1/info": b"names", "a.bin": b"y"}
    server.add_repository("lab/set", files, per_page=2)
    found = hugging_face_dataset_files("lab/set", server.url, retries=0)
    assert {file.path: file.size for file in found} == {name: len(content) for name, content in files.items()}
    assert {file.path: file.digest.partition(":")[0] for file in found}["data/001/run 1/data"] == "sha-256"
    for file in found:
        assert fetch_file(file, tmp_path).read_bytes() == files[file.path]


def test_pages_that_go_in_a_circle_end(server):
    path = "/api/datasets/lab/set/tree/main?recursive=true"
    server.add(path, b"[]", extra={"Link": f'<{path}>; rel="next"'})
    assert hugging_face_dataset_files("lab/set", server.url, retries=0) == []


@pytest.mark.parametrize("page", [b"<html>", b"{}", b"[1]"])
def test_a_listing_of_another_form_is_one_line(server, page):
    server.add("/api/models/lab/model/tree/main", page)
    with pytest.raises(DataError, match=r"^huggingface\.co/lab/model: .*") as caught:
        listed(server)
    assert "\n" not in str(caught.value)
