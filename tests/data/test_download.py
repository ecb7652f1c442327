"""Downloads of one file from a real server that drops, refuses, changes and lies."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from file_server import Drop, FileServer, Refuse, Stall
from neurolect.data import http
from neurolect.data.download import download_file
from neurolect.errors import ConfigError, DataError

CONTENT = bytes(range(256)) * 1200 + b"the end"
SIZE = len(CONTENT)
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SHA256 = "sha-256:" + hashlib.sha256(CONTENT).hexdigest()
OTHER = bytes(reversed(CONTENT))


@pytest.fixture
def server():
    with FileServer() as running:
        yield running


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "file.bin"


def fetch(url, target, **settings):
    return download_file(url, target, **({"backoff": 0.001} | settings))


def names(target):
    return sorted(path.name for path in target.parent.iterdir())


def leave_part(server, path, target, after=100_000):
    """Break a download off after some bytes, as a lost connection does."""
    server.faults[path].append(Drop(after))
    with pytest.raises(DataError):
        fetch(server.url + path, target, retries=0)
    assert target.with_name("file.bin.part").stat().st_size == after
    assert not target.exists()


@pytest.mark.parametrize("digest", [None, MD5, SHA256, SHA256.upper().replace("SHA-256", "SHA-256")])
def test_a_file_arrives_whole_and_nothing_else_remains(server, target, digest):
    url = server.add("/f", CONTENT)
    assert fetch(url, target, size=SIZE, digest=digest) == target
    assert target.read_bytes() == CONTENT
    assert names(target) == ["file.bin"]


def test_an_empty_file_arrives(server, target):
    fetch(server.add("/f", b""), target, size=0, digest="md5:d41d8cd98f00b204e9800998ecf8427e")
    assert target.read_bytes() == b""


def test_a_file_of_unknown_length_arrives(server, target):
    fetch(server.add("/f", CONTENT, announce_length=False), target)
    assert target.read_bytes() == CONTENT


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drops=st.lists(st.integers(0, 150_000), max_size=8))
def test_any_drops_give_identical_bytes_and_no_byte_is_sent_twice(server, tmp_path, drops):
    path = f"/{len(server.answers)}"
    target = tmp_path / path[1:] / "file.bin"
    url = server.add(path, CONTENT)
    server.faults[path].extend(Drop(after) for after in drops)
    fetch(url, target, size=SIZE, digest=MD5, retries=8)
    assert target.read_bytes() == CONTENT
    assert server.bytes_sent(path) == SIZE


def test_a_later_call_continues_what_an_earlier_one_left(server, target):
    url = server.add("/f", CONTENT)
    leave_part(server, "/f", target, after=100_000)
    fetch(url, target, size=SIZE, digest=MD5)
    assert target.read_bytes() == CONTENT
    assert server.answers[-1].status == 206
    assert server.answers[-1].n_bytes == SIZE - 100_000
    assert names(target) == ["file.bin"]


def test_drops_that_make_progress_are_forgiven_however_many(server, target):
    url = server.add("/f", CONTENT)
    server.faults["/f"].extend([Drop(20_000)] * 12)
    fetch(url, target, size=SIZE, retries=1)
    assert target.read_bytes() == CONTENT


def test_drops_without_progress_end_in_an_error_that_keeps_the_part(server, target):
    url = server.add("/f", CONTENT)
    server.faults["/f"].extend([Drop(50_000), Drop(0), Drop(0), Drop(0)])
    with pytest.raises(DataError, match=r"^file\.bin: the connection to 127\.0\.0\.1 keeps dropping"):
        fetch(url, target, retries=2)
    assert names(target) == ["file.bin.part", "file.bin.part.json"]
    fetch(url, target, digest=MD5, retries=1)
    assert server.bytes_sent("/f") == SIZE


def test_a_server_that_cuts_a_file_of_unknown_length_is_caught_by_the_size(server, target):
    url = server.add("/f", CONTENT, announce_length=False)
    server.faults["/f"].append(Drop(1000))
    with pytest.raises(DataError, match="has 1,000 bytes instead of 307,207"):
        fetch(url, target, size=SIZE)
    assert names(target) == []


def test_a_silent_server_is_asked_again_for_the_rest(server, target, monkeypatch):
    monkeypatch.setattr(http, "_TIMEOUT", (1.0, 0.2))
    url = server.add("/f", CONTENT)
    release = threading.Event()
    server.faults["/f"].append(Stall(100_000, until=release))
    fetch(url, target, digest=MD5)
    release.set()
    assert target.read_bytes() == CONTENT
    assert server.bytes_sent("/f") < SIZE + 2**16


def test_a_server_without_ranges_starts_over(server, target):
    url = server.add("/f", CONTENT, allow_ranges=False)
    leave_part(server, "/f", target)
    seen = []
    fetch(url, target, size=SIZE, progress=seen.append)
    assert target.read_bytes() == CONTENT
    assert server.answers[-1].status == 200
    assert (seen[0], seen[-1]) == (0, SIZE)


@pytest.mark.parametrize("honour_if_range", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"etag": 'W/"1"'}, {"etag": 'W/"2"'}),
        ({"etag": None, "last_modified": formatdate(1, usegmt=True)}, {"etag": None, "last_modified": formatdate(2)}),
    ],
    ids=["strong tag", "weak tag", "date"],
)
def test_a_part_of_another_version_is_thrown_away(server, target, before, after, honour_if_range):
    server.add("/f", OTHER, **before)
    leave_part(server, "/f", target)
    url = server.add("/f", CONTENT, honour_if_range=honour_if_range, **after)
    fetch(url, target)
    assert target.read_bytes() == CONTENT
    told_by_condition = honour_if_range and not (after.get("etag") or "").startswith("W/")
    assert [answer.status for answer in server.answers[1:]] == ([200] if told_by_condition else [206, 200])


def test_content_that_changes_between_attempts_starts_over(server, target):
    url = server.add("/f", OTHER)
    server.faults["/f"].append(Drop(100_000))
    changed = []

    def change(n_bytes):
        if n_bytes >= 100_000 and not changed:
            changed.append(server.add("/f", CONTENT))

    fetch(url, target, progress=change)
    assert changed
    assert target.read_bytes() == CONTENT


def test_a_part_whose_version_is_unknown_is_only_continued_where_a_checksum_proves_it(server, target):
    url = server.add("/f", CONTENT, etag=None)
    leave_part(server, "/f", target)
    target.with_name("file.bin.part.json").write_text("not JSON")
    fetch(url, target, digest=MD5)
    assert server.answers[-1].status == 206
    target.unlink()
    leave_part(server, "/f", target)
    fetch(url, target)
    assert server.answers[-1].status == 200
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_whole_already_only_gets_its_name(server, target):
    url = server.add("/f", CONTENT)
    leave_part(server, "/f", target)
    target.with_name("file.bin.part").write_bytes(CONTENT)
    fetch(url, target, size=SIZE)
    assert target.read_bytes() == CONTENT
    assert [answer.status for answer in server.answers] == [200, 416]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server, target):
    url = server.add("/f", CONTENT)
    leave_part(server, "/f", target)
    target.with_name("file.bin.part").write_bytes(CONTENT + b"more")
    fetch(url, target, size=SIZE)
    assert target.read_bytes() == CONTENT


def test_a_killed_process_leaves_only_a_part_and_the_next_call_finishes_it(server, target):
    url = server.add("/f", CONTENT)
    release = threading.Event()
    server.faults["/f"].append(Stall(200_000, until=release))
    script = "import sys; from neurolect.data.download import download_file; download_file(*sys.argv[1:])"
    part = target.with_name("file.bin.part")
    process = subprocess.Popen([sys.executable, "-c", script, url, str(target)])
    try:
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > 2**16) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        release.set()
    assert names(target) == ["file.bin.part", "file.bin.part.json"]
    left = part.stat().st_size
    assert 2**16 < left <= 200_000
    fetch(url, target, size=SIZE, digest=SHA256)
    assert target.read_bytes() == CONTENT
    assert server.answers[-1].n_bytes == SIZE - left


@pytest.mark.parametrize("expected", [{"digest": MD5}, {"digest": MD5, "size": SIZE}])
def test_wrong_bytes_leave_nothing(server, target, expected):
    url = server.add("/f", OTHER)
    with pytest.raises(DataError, match=r"^file\.bin: what 127\.0\.0\.1 sent has the md5 checksum .*it was deleted$"):
        fetch(url, target, **expected)
    assert names(target) == []


def test_a_file_of_another_length_than_listed_is_not_even_fetched(server, target):
    url = server.add("/f", CONTENT)
    with pytest.raises(DataError, match=r"^file\.bin: 127\.0\.0\.1 offers 307,207 bytes, 5 are listed$"):
        fetch(url, target, size=5)
    assert not target.exists()


def test_a_complete_right_file_is_not_asked_for(server, target):
    url = server.add("/f", CONTENT)
    fetch(url, target)
    n_answers, seen = len(server.answers), []
    fetch(url, target, size=SIZE, digest=MD5, progress=seen.append)
    assert len(server.answers) == n_answers
    assert seen == [SIZE]


def test_a_wrong_file_is_replaced_only_once_the_right_one_is_complete(server, target):
    target.parent.mkdir()
    target.write_bytes(OTHER)
    url = server.add("/f", CONTENT)
    server.faults["/f"].append(Drop(1000))
    with pytest.raises(DataError):
        fetch(url, target, digest=MD5, retries=0)
    assert target.read_bytes() == OTHER
    fetch(url, target, digest=MD5)
    assert target.read_bytes() == CONTENT


def test_progress_counts_what_was_there_before(server, target):
    url = server.add("/f", CONTENT)
    leave_part(server, "/f", target, after=100_000)
    seen = []
    fetch(url, target, progress=seen.append)
    assert seen[0] == 100_000
    assert seen == sorted(seen)
    assert seen[-1] == SIZE


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(server, target, status):
    url = server.add("/f", CONTENT)
    server.faults["/f"].extend([Refuse(status)] * 3)
    fetch(url, target, digest=MD5, retries=3)
    assert target.read_bytes() == CONTENT


def test_waits_double_with_every_failure(server, target):
    url = server.add("/f", CONTENT)
    server.faults["/f"].extend([Refuse(503)] * 3)
    start = time.monotonic()
    fetch(url, target, backoff=0.05)
    assert time.monotonic() - start >= 0.05 + 0.1 + 0.2


@pytest.mark.parametrize("in_seconds", [lambda: "1", lambda: formatdate(time.time() + 2, usegmt=True)])
def test_a_server_that_says_when_to_come_back_is_obeyed(server, target, in_seconds):
    url = server.add("/f", CONTENT)
    server.faults["/f"].append(Refuse(429, {"Retry-After": in_seconds()}))
    start = time.monotonic()
    fetch(url, target)
    assert time.monotonic() - start >= 0.9


@pytest.mark.parametrize("nonsense", ["soon", "\u00b2", "Mon, 01 Jan 99999999999 00:00:00 GMT"])
def test_a_time_to_come_back_that_is_none_is_not_heeded(server, target, nonsense):
    url = server.add("/f", CONTENT)
    server.faults["/f"].append(Refuse(503, {"Retry-After": nonsense}))
    fetch(url, target)
    assert target.read_bytes() == CONTENT


def test_a_server_that_asks_for_hours_is_not_waited_for(server, target):
    url = server.add("/f", CONTENT)
    server.faults["/f"].append(Refuse(503, {"Retry-After": "7200"}))
    with pytest.raises(DataError, match=r"^file\.bin: 127\.0\.0\.1 is busy .* come back in 120 minutes$"):
        fetch(url, target)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, r"^file\.bin: 127\.0\.0\.1 does not have it \(404 Not Found\)$"),
        (401, r"^file\.bin: 127\.0\.0\.1 refuses access \(401 Unauthorized\)$"),
        (403, r"^file\.bin: 127\.0\.0\.1 refuses access \(403 Forbidden\)$"),
        (206, r"^file\.bin: 127\.0\.0\.1 sends a part of the file when asked for all of it$"),
        (400, r"^file\.bin: 127\.0\.0\.1 answered 400 Bad Request$"),
    ],
)
def test_a_refusal_is_final_and_says_who_refused_what(server, target, status, message):
    url = server.add("/f", CONTENT)
    server.faults["/f"].append(Refuse(status))
    with pytest.raises(DataError, match=message):
        fetch(url, target)
    assert len(server.answers) == 1
    assert names(target) == []


def test_a_web_page_is_not_taken_for_the_file(server, target):
    url = server.add("/f", b"<!doctype html>are you a robot?", mime_type="text/html; charset=utf-8")
    with pytest.raises(http.AccessRefusedError, match=r"127\.0\.0\.1 sent a web page instead of the file"):
        fetch(url, target)
    assert names(target) == []


def test_a_host_that_is_not_there_is_named(target):
    with FileServer() as gone:
        url = gone.url + "/f"
    with pytest.raises(DataError, match=r"^file\.bin: no connection to 127\.0\.0\.1 \(attempts: 3\)$"):
        fetch(url, target, retries=2)


def test_an_address_that_is_none_is_refused(target):
    with pytest.raises(DataError, match=r"^file\.bin: cannot ask for datadryad\.org/f"):
        fetch("datadryad.org/f", target)


def test_a_file_that_does_not_fit_is_not_started(server, target):
    url = server.add("/f", CONTENT)
    with pytest.raises(DataError, match=r"file\.bin: needs 1\.0 EB of disk space, .* are free$"):
        fetch(url, target, size=10**18)
    assert server.answers == []


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "new").write_text("a file")
    with pytest.raises(DataError, match=r"new: cannot be written"):
        fetch(server.add("/f", CONTENT), tmp_path / "new" / "file.bin")


def test_an_unknown_checksum_is_refused_before_anything_is_fetched(server, target):
    with pytest.raises(ConfigError, match="'crc-32:00' is not a checksum"):
        fetch(server.add("/f", CONTENT), target, digest="crc-32:00")
    assert server.answers == []


def test_a_gz_that_the_server_calls_a_content_encoding_is_stored_as_it_is(server, target):
    import gzip

    packed = gzip.compress(CONTENT)
    url = server.add("/f", packed, extra={"Content-Encoding": "gzip"})
    fetch(url, target, size=len(packed))
    assert target.read_bytes() == packed


def test_the_destination_may_be_given_as_text(server, tmp_path):
    fetch(server.add("/f", CONTENT), str(tmp_path / "f"))
    assert Path(tmp_path / "f").read_bytes() == CONTENT
