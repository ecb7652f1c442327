from __future__ import annotations

import inspect
import io
import tarfile
import typing

import pytest

from file_server import FileServer, Remote
from neurolect.commands.lm_download import lm_download
from neurolect.commands.main import main
from neurolect.language.ready_models import READY_MODELS

THREE = READY_MODELS["reference_3gram"]


def archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def server():
    with FileServer() as running:
        running.add_dataset(THREE.doi, {THREE.file: Remote(archive({"languageModel/TLG.fst": b"graph"}))})
        yield running


def run(server, to, *more):
    return main(
        ["lm", "download", "reference_3gram", "--to", str(to), "--base_url", server.url, "--retries", "0", *more]
    )


def test_the_verb_says_the_space_first_and_then_what_to_search_with(server, tmp_path, capsys):
    to = tmp_path / "models"
    assert run(server, to) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("reference_3gram: ")
    assert "bytes to fetch, then what it unpacks to (not known in advance); " in lines[0]
    assert lines[0].endswith(f"are free in {to}")
    assert (
        lines[-1] == f"ready: {to / 'reference_3gram' / 'languageModel' / 'TLG.fst'}, 5 bytes; search it with --graph"
    )


def test_the_verb_asks_for_nothing_that_is_here(server, tmp_path, capsys):
    assert run(server, tmp_path) == 0
    server.files.clear()
    capsys.readouterr()
    assert run(server, tmp_path) == 0
    assert capsys.readouterr().out.startswith("ready: ")


def test_the_verb_removes_an_archive_that_a_killed_call_left(server, tmp_path):
    assert run(server, tmp_path, "--keep_archive") == 0
    assert (tmp_path / THREE.file).exists()
    assert run(server, tmp_path) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["reference_3gram"]


def test_the_verb_says_what_an_unpruned_store_is_for(server, tmp_path, capsys):
    store = tmp_path / "reference_3gram_unpruned.nlm"
    store.write_bytes(b"store")
    assert run(server, tmp_path, "--form", "unpruned_store") == 0
    assert capsys.readouterr().out == f"ready: {store}, 5 bytes; rescore lattices with it: --lattice_lm\n"


def test_a_host_that_lacks_the_model_is_one_line_and_status_2(server, tmp_path, capsys):
    server.files.clear()
    assert run(server, tmp_path / "models") == 2
    error = capsys.readouterr().err
    assert error == f"neurolect: error: doi:{THREE.doi}: 127.0.0.1 does not have it (404 Not Found)\n"
    assert not (tmp_path / "models").exists()


def test_the_help_lists_every_model_and_the_verb_offers_it():
    listed = [line.split()[0] for line in inspect.getdoc(lm_download).splitlines()[2 : 2 + len(READY_MODELS)]]
    assert listed == list(typing.get_args(typing.get_type_hints(lm_download)["model"])) == list(READY_MODELS)
