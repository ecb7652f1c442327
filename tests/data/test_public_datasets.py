"""Public datasets, fetched from a server that answers like Dryad."""

import io
import typing
import zipfile
from dataclasses import replace

import pytest

from file_server import Drop, FileServer, Refuse, Remote
from neurolect.commands.data_download import data_download
from neurolect.commands.main import main
from neurolect.data.dryad import dryad_files, token_session
from neurolect.data.http import get
from neurolect.data.public_datasets import DATASETS, bytes_missing, fetch_files, select_files
from neurolect.errors import ConfigError, DataError

T15 = DATASETS["t15"]
LANGUAGE_MODELS = T15.extras["languageModel.tar.gz"]
TRAIN = "hdf5_data_final/t15.2023.08.11/data_train.hdf5"


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return Remote(buffer.getvalue(), "application/zip", etag='"zip"')


FILES = {
    "t15_copyTask.pkl": Remote(b"copy task" * 5000, etag='"copy"'),
    "t15_personalUse.pkl": Remote(b"personal use" * 900, etag='"use"'),
    "t15_copyTask_neuralData.zip": zipped({TRAIN: b"features" * 9000}),
    "t15_pretrained_rnn_baseline.zip": zipped({"t15_pretrained_rnn_baseline/checkpoint/args.yaml": b"a: 1"}),
    "README.md": Remote(b"read me"),
}


@pytest.fixture
def server():
    with FileServer() as running:
        running.add_dataset(T15.doi, FILES)
        models = {"languageModel.tar.gz": Remote(b"3-gram"), "languageModel_5gram.tar.gz": Remote(b"5-gram")}
        running.add_dataset(LANGUAGE_MODELS, models | {"sentences.tar.gz": Remote(b"of another participant")})
        yield running


def requests_for_files(server):
    return [answer.path for answer in server.answers if answer.path.endswith("/download")]


def run(server, to, *more):
    return main(["data", "download", "t15", "--to", str(to), "--base_url", server.url, "--retries", "0", *more])


def test_the_listing_follows_pages_of_the_newest_version(server):
    files = dryad_files(T15.doi, server.url)
    assert [file.path for file in files] == list(FILES)
    first = files[0]
    assert first.size == 45_000
    assert first.mime_type == "application/octet-stream"
    assert first.digest.startswith("sha-256:")
    assert first.url.startswith(server.url + "/api/v2/files/")


def test_a_listing_survives_a_busy_server(server):
    server.faults["/api/v2/datasets/doi:10.5061%2Fdryad.dncjsxm85/versions"].append(Refuse(503))
    assert len(dryad_files(T15.doi, server.url, retries=1)) == len(FILES)


def test_an_unknown_doi_is_named(server):
    with pytest.raises(DataError, match=r"^doi:10\.5061/none: 127\.0\.0\.1 does not have it \(404 Not Found\)$"):
        dryad_files("10.5061/none", server.url)


@pytest.mark.parametrize("page", [b"<html>", b"[]", b"{}", b'{"_embedded": {"stash:versions": []}}'])
def test_a_listing_of_another_form_is_one_line(server, page):
    server.add("/api/v2/datasets/doi:10.5061%2Fx/versions", page)
    with pytest.raises(DataError, match=r"^doi:10\.5061/x: .*127\.0\.0\.1") as caught:
        dryad_files("10.5061/x", server.url)
    assert "\n" not in str(caught.value)


def test_a_listing_whose_pages_go_in_a_circle_ends(server):
    versions = "/api/v2/datasets/doi:10.5061%2Fx/versions"
    server._add_page(versions, "stash:versions", [{"_links": {"stash:files": {"href": "/l"}}}], versions)
    server._add_page("/l", "stash:files", [], "/l")
    assert dryad_files("10.5061/x", server.url) == []


def fetched(server, to, names=None, **settings):
    files = select_files("t15", names, base_url=server.url)
    return fetch_files("t15", files, to, base_url=server.url, **settings)


def test_the_default_is_everything_but_the_read_me_and_the_language_models(server, tmp_path):
    paths = fetched(server, tmp_path)
    assert [path.name for path in paths] == [
        "t15_copyTask.pkl",
        "t15_personalUse.pkl",
        "hdf5_data_final",
        "t15_pretrained_rnn_baseline",
    ]
    assert (tmp_path / TRAIN).read_bytes() == b"features" * 9000
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {*FILES, "hdf5_data_final", "t15_pretrained_rnn_baseline"} - {"README.md"}
    )


def test_zip_archives_can_be_removed_and_are_not_fetched_again(server, tmp_path):
    fetched(server, tmp_path, keep_zip=False)
    assert not list(tmp_path.glob("*.zip"))
    n_requests = len(requests_for_files(server))
    paths = fetched(server, tmp_path, keep_zip=False)
    assert len(requests_for_files(server)) == n_requests == 4
    assert tmp_path / "hdf5_data_final" in paths


def test_named_files_are_the_only_ones_fetched_extras_included(server, tmp_path):
    names = ["languageModel.tar.gz", "t15_personalUse.pkl"]
    paths = fetched(server, tmp_path, names)
    assert paths == [tmp_path / name for name in names]
    assert paths[0].read_bytes() == b"3-gram"
    assert len(requests_for_files(server)) == 2


@pytest.mark.parametrize("name", ["nothing.zip", "sentences.tar.gz", "README.md"])
def test_a_file_that_is_not_in_the_dataset_is_refused_with_those_that_are(server, name):
    with pytest.raises(ConfigError, match=rf"^dataset t15 has no file '{name}'; it has t15_copyTask\.pkl, "):
        select_files("t15", [name], base_url=server.url)


def test_an_unknown_dataset_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"^there is no dataset 't16'; there are t15, duin$"):
        select_files("t16")


def test_a_listed_path_that_leaves_the_folder_is_refused(server, tmp_path):
    file = select_files("t15", base_url=server.url)[0]
    with pytest.raises(DataError, match=r"127\.0\.0\.1 lists '\.\./evil', a path that leaves the folder"):
        fetch_files("t15", [replace(file, path="../evil")], tmp_path / "data", base_url=server.url)
    assert not (tmp_path / "evil").exists()


def test_what_is_missing_counts_parts_files_and_unpacked_folders(server, tmp_path):
    files = {file.path: file for file in select_files("t15", base_url=server.url)}
    copy_task, archive = files["t15_copyTask.pkl"], files["t15_copyTask_neuralData.zip"]
    assert bytes_missing("t15", copy_task, tmp_path) == copy_task.size
    (tmp_path / "t15_copyTask.pkl.part").write_bytes(b"12345")
    assert bytes_missing("t15", copy_task, tmp_path) == copy_task.size - 5
    (tmp_path / "t15_copyTask.pkl").write_bytes(FILES["t15_copyTask.pkl"].content)
    assert bytes_missing("t15", copy_task, tmp_path) == 0
    assert bytes_missing("t15", archive, tmp_path) == archive.size
    (tmp_path / "hdf5_data_final").mkdir()
    assert bytes_missing("t15", archive, tmp_path) == 0


def test_the_token_is_shown_to_its_host_and_to_no_other(server):
    with FileServer() as elsewhere, token_session(server.url, "secret") as session:
        elsewhere.add("/storage", b"file")
        server.add("/file", b"file")
        server.faults["/file"].append(Refuse(302, {"Location": elsewhere.url + "/storage"}))
        get(session, server.url + "/file", "file").close()
        get(session, elsewhere.url + "/storage", "file").close()
        assert server.answers[-1].headers["Authorization"] == "Bearer secret"
        assert len(elsewhere.answers) == 2
        assert not any("Authorization" in answer.headers for answer in elsewhere.answers)


def test_a_refused_file_says_how_to_get_a_token_and_listing_needs_none(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DRYAD_TOKEN", "secret")
    path = select_files("t15", base_url=server.url)[0].url.removeprefix(server.url)
    server.faults[path].append(Refuse(401))
    assert run(server, tmp_path) == 2
    assert "set DRYAD_TOKEN to an API token" in capsys.readouterr().err
    with_token = [answer.path for answer in server.answers if "Authorization" in answer.headers]
    assert with_token == [path]


def test_the_command_fetches_and_says_what(server, tmp_path, capsys):
    assert run(server, tmp_path, "--files", "t15_copyTask_neuralData.zip", "--keep_zip", "false") == 0
    shown = capsys.readouterr()
    assert "t15_copyTask_neuralData.zip" in shown.out
    assert "72.2 kB" in shown.out
    assert shown.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["hdf5_data_final"]


def test_the_command_takes_several_files(server, tmp_path):
    assert run(server, tmp_path, "--files", "[t15_copyTask.pkl, languageModel_5gram.tar.gz]") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"t15_copyTask.pkl", "languageModel_5gram.tar.gz"}


def test_the_command_only_lists_when_asked_to(server, tmp_path, capsys):
    (tmp_path / "t15_personalUse.pkl").write_bytes(FILES["t15_personalUse.pkl"].content)
    assert run(server, tmp_path, "--list", "true") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {words[1]: " ".join(words[3:-1]) for line in lines if len(words := line.split()) > 4}
    assert rows["t15_copyTask.pkl"] == "45.0 kB │ 45.0 kB"
    assert rows["t15_personalUse.pkl"] == "10.8 kB │ is here"
    assert rows["languageModel.tar.gz"] == "6 bytes │ only when named"
    assert "README.md" not in rows
    assert requests_for_files(server) == []


def test_a_failing_download_is_one_line_and_status_2(server, tmp_path, capsys):
    digestless = {"t15_copyTask.pkl": Remote(b"right", digest="0" * 64)}
    server.add_dataset(T15.doi, digestless)
    assert run(server, tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith("neurolect: error: t15_copyTask.pkl: what 127.0.0.1 sent has the sha-256 checksum ")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_not_there_is_one_line_and_status_2(tmp_path, capsys):
    with FileServer() as gone:
        pass
    assert run(gone, tmp_path) == 2
    assert capsys.readouterr().err == (
        "neurolect: error: doi:10.5061/dryad.dncjsxm85: no connection to 127.0.0.1 (attempts: 1)\n"
    )


def test_the_command_offers_every_dataset():
    assert typing.get_args(typing.get_type_hints(data_download)["dataset"]) == tuple(DATASETS)


DUIN = {
    "README.md": b"# Du-IN",
    ".gitattributes": b"*.npy filter=lfs",
    "data/seeg/001/word-recitation/run1/data": b"trials" * 9000,
    "data/seeg/001/word-recitation/run1/info": b"names",
    "data/seeg/002/word-recitation/run1/data": b"other" * 9000,
    "pretrains/duin/001/mae/checkpoint-399.pth": b"weights" * 5000,
}


@pytest.fixture
def hub():
    with FileServer() as running:
        running.add_repository(DATASETS["duin"].repository, DUIN)
        yield running


def download_duin(hub, to, *more):
    return main(["data", "download", "duin", "--to", str(to), "--base_url", hub.url, "--retries", "0", *more])


def test_duin_is_fetched_whole_into_the_folders_it_is_published_in(hub, tmp_path):
    assert download_duin(hub, tmp_path) == 0
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {name: content for name, content in DUIN.items() if name not in ("README.md", ".gitattributes")}
    n_answers = len(hub.answers)
    assert download_duin(hub, tmp_path) == 0
    assert not any("/resolve/" in answer.path for answer in hub.answers[n_answers:])


def test_only_the_subjects_asked_for_are_fetched(hub, tmp_path, capsys):
    assert download_duin(hub, tmp_path, "--subjects", "001") == 0
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["checkpoint-399.pth", "data", "info"]
    assert not (tmp_path / "data" / "seeg" / "002").exists()
    assert download_duin(hub, tmp_path, "--subjects", "001", "002") == 0
    assert (tmp_path / "data" / "seeg" / "002" / "word-recitation" / "run1" / "data").exists()
    capsys.readouterr()
    assert download_duin(hub, tmp_path, "--subjects", "013") == 2
    assert capsys.readouterr().err == "neurolect: error: dataset duin has no subject '013'; it has 001, 002\n"


def test_a_broken_download_of_duin_goes_on_where_it_was(hub, tmp_path, capsys):
    path = f"/datasets/{DATASETS['duin'].repository}/resolve/main/data/seeg/001/word-recitation/run1/data"
    hub.faults[path].append(Drop(20_000))
    assert download_duin(hub, tmp_path, "--subjects", "001") == 2
    assert "keeps dropping" in capsys.readouterr().err
    assert download_duin(hub, tmp_path, "--subjects", "001") == 0
    assert hub.bytes_sent(path) == 54_000


def test_a_token_of_one_host_is_not_shown_to_another(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("DRYAD_TOKEN", "secret")
    assert download_duin(hub, tmp_path) == 0
    assert not any("Authorization" in answer.headers for answer in hub.answers)


def test_t15_is_not_told_apart_by_subject(server):
    with pytest.raises(
        ConfigError, match=r"^dataset t15 has no subject '001'; its files are not told apart by subject$"
    ):
        select_files("t15", subjects=["001"], base_url=server.url)
