"""Repositories listed by a server that answers like Hugging Face."""

import hashlib
import json

import pytest

from file_server import Drop, FileServer
from neurolect.data.http import new_session
from neurolect.data.hugging_face import hugging_face_file
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
        {"type": "file", "path": "tokens.txt", "size": 3, "oid": "0"},
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


def test_a_file_outside_the_large_file_storage_has_no_checksum_and_is_refused(server):
    publish(server)
    with pytest.raises(DataError, match=r"^huggingface\.co/lab/model: cannot make sense of the listing"):
        listed(server, "tokens.txt")


@pytest.mark.parametrize("page", [b"<html>", b"{}", b"[1]"])
def test_a_listing_of_another_form_is_one_line(server, page):
    server.add("/api/models/lab/model/tree/main", page)
    with pytest.raises(DataError, match=r"^huggingface\.co/lab/model: .*") as caught:
        listed(server)
    assert "\n" not in str(caught.value)
