"""Public n-gram models, fetched from servers that answer like Dryad, GitHub and openslr.org."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_arpa import ARPA, files_in

from file_server import Drop, FileServer, Refuse, Remote
from neurolect.decoding import Decoder, GraphNetwork, LexiconNetwork
from neurolect.errors import ConfigError, DataError
from neurolect.language import ready_models
from neurolect.language.model_download import fetch_model, space_needed
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ready_models import READY_MODELS, ArpaFile, download_name, remote_files, source_of
from neurolect.text.alphabet import PHONEMES
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER as ORDER
from neurolect.text.lexicon import Lexicon

DOI = READY_MODELS["reference_3gram"].doi
THREE, FIVE = READY_MODELS["reference_3gram"].file, READY_MODELS["reference_5gram"].file
FOLDER = "languageModel"
MEMBERS = {
    f"{FOLDER}/words.txt": b"<eps> 0\n",
    f"{FOLDER}/TLG.fst": np.random.default_rng(0).bytes(200_000),
    f"{FOLDER}/G.fst": b"grammar",
    f"{FOLDER}/lm.arpa": ARPA.encode(),
    f"{FOLDER}/more/big.arpa.gz": gzip.compress(ARPA.encode()),
}
KENLM = Path(__file__).parents[1] / "golden" / "kenlm"
ARPA_FILE = gzip.compress(ARPA.encode())
SMALL = ArpaFile("https://models.invalid/lm/small.arpa.gz", f"sha-256:{hashlib.sha256(ARPA_FILE).hexdigest()}")


def tarred(members, sizes=()):
    """A .tar.gz in memory; `sizes` are what the archive says of members instead of the truth."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = dict(sizes).get(name, len(content))
            opened.fileobj.write(entry.tobuf(tarfile.GNU_FORMAT))
            opened.fileobj.write(content + bytes(-len(content) % 512))
    return buffer.getvalue()


@pytest.fixture
def server():
    with FileServer() as running:
        yield running


@pytest.fixture
def to(tmp_path):
    return tmp_path / "models"


def publish(server, archive, name=THREE, **properties):
    server.add_dataset(DOI, {"other.tar.gz": Remote(b"other"), name: Remote(archive, etag='"a"', **properties)})


def path_of(server):
    return next(path for path, remote in server.files.items() if path.endswith("/download") and remote.etag == '"a"')


def fetch(server, to, name="reference_3gram", files=None, **settings):
    files = remote_files(source_of(name), server.url, retries=0) if files is None else files
    return fetch_model(name, files, to, base_url=server.url, **({"retries": 0} | settings))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_archive_becomes_a_folder_with_its_graph_and_goes(server, to):
    publish(server, tarred(MEMBERS))
    graph = fetch(server, to)
    assert graph == to / "reference_3gram" / FOLDER / "TLG.fst"
    assert graph.read_bytes() == MEMBERS[f"{FOLDER}/TLG.fst"]
    assert files_in(to) == ["reference_3gram"]
    assert set(contents(to / "reference_3gram")) == {
        f"{FOLDER}/{name}" for name in ("TLG.fst", "words.txt", "lm.nlm", "more/big.nlm")
    }


def test_arpa_text_in_an_archive_becomes_a_store_on_the_way(server, to):
    publish(server, tarred(MEMBERS))
    folder = fetch(server, to).parent
    for store in (folder / "lm.nlm", folder / "more" / "big.nlm"):
        model = NgramModel(store)
        assert model.counts == (4, 2)
        assert [each.order for each in model.score_sentence("the end")] == [2, 2, 1]


def test_a_line_of_faulty_arpa_text_is_named_with_its_member(server, to):
    publish(server, tarred(MEMBERS | {f"{FOLDER}/lm.arpa": ARPA.replace("-1.5", "x").encode()}))
    with pytest.raises(DataError, match=r"languageModel\.tar\.gz: languageModel/lm\.arpa: line 9: 'x' is not a log10"):
        fetch(server, to)
    assert files_in(to) == [THREE]


def test_graphs_that_a_search_does_not_use_are_left_out_and_the_archive_is_kept_when_asked_for(server, to):
    publish(server, tarred(MEMBERS))
    graph = fetch(server, to, keep_archive=True)
    assert files_in(to) == [THREE, "reference_3gram"]
    assert not graph.with_name("G.fst").exists()


def test_a_model_that_is_here_is_not_fetched_again(server, to):
    publish(server, tarred(MEMBERS))
    first = fetch(server, to)
    n_answers = len(server.answers)
    assert fetch(server, to, files=[]) == first
    assert len(server.answers) == n_answers


def test_an_archive_that_a_killed_call_left_beside_the_graph_goes_with_the_next_call(server, to):
    publish(server, tarred(MEMBERS))
    graph = fetch(server, to, keep_archive=True)
    assert fetch(server, to, files=[], keep_archive=True) == graph
    assert files_in(to) == [THREE, "reference_3gram"]
    assert fetch(server, to, files=[]) == graph
    assert files_in(to) == ["reference_3gram"]


@pytest.mark.parametrize("name", ["reference_3gram", "lab_5gram_pruned", "librispeech_3gram"])
def test_what_a_killed_call_left_beside_a_store_goes_with_the_next_call(server, to, name):
    to.mkdir()
    store, left = to / f"{name}.nlm", to / f".{name}.nlm.unpacking"
    store.write_bytes(b"store")
    left.mkdir()
    (left / "G.fst").write_bytes(b"graph")
    for download in (THREE, "5gram_pruned.bin", "3-gram.pruned.1e-7.arpa.gz"):
        (to / download).write_bytes(b"download")
    assert fetch(server, to, name, files=[], form="store") == store
    assert not left.exists()
    assert len(files_in(to)) == 3
    assert not (to / download_name(source_of(name))).exists()


def test_a_broken_download_is_continued_by_the_next_call(server, to):
    archive = tarred(MEMBERS)
    publish(server, archive)
    server.faults[path_of(server)].append(Drop(100_000))
    with pytest.raises(DataError, match=r"languageModel\.tar\.gz: the connection to 127\.0\.0\.1 keeps dropping"):
        fetch(server, to)
    assert (to / f"{THREE}.part").stat().st_size == 100_000
    fetch(server, to)
    assert server.bytes_sent(path_of(server)) == len(archive)


def test_an_archive_with_another_checksum_is_deleted(server, to):
    publish(server, tarred(MEMBERS), digest="0" * 64)
    with pytest.raises(DataError, match=r"^languageModel\.tar\.gz: what 127\.0\.0\.1 sent has the sha-256 checksum"):
        fetch(server, to)
    assert files_in(to) == []


def test_an_archive_that_climbs_out_of_its_folder_leaves_nothing_outside(server, to):
    publish(server, tarred(MEMBERS | {"../../evil": b"evil"}))
    with pytest.raises(DataError, match=r"refused, '\.\./\.\./evil' is a path that leaves the folder"):
        fetch(server, to)
    assert files_in(to) == [THREE]
    assert not list(to.parent.rglob("evil"))


def test_an_archive_without_a_graph_is_refused_and_kept(server, to):
    publish(server, tarred({"readme": b"nothing"}))
    with pytest.raises(DataError, match=r"languageModel\.tar\.gz: the archive has no TLG\.fst, it should have one$"):
        fetch(server, to)
    assert files_in(to) == [THREE]


def test_a_member_too_large_for_the_disk_is_refused_before_it_is_written(server, to):
    graph = f"{FOLDER}/TLG.fst"
    publish(server, tarred(MEMBERS, {graph: 1 << 60}))
    with pytest.raises(DataError, match=r"TLG\.fst: needs 1\.2 EB of disk space, .* are free$"):
        fetch(server, to)
    assert files_in(to) == [THREE]


def test_a_download_too_large_for_the_disk_is_not_begun(server, to):
    publish(server, tarred(MEMBERS))
    files = [replace(each, size=1 << 60) for each in remote_files(source_of("reference_3gram"), server.url)]
    n_answers = len(server.answers)
    with pytest.raises(DataError, match=r"reference_3gram: needs 1\.2 EB of disk space, .* are free$"):
        fetch(server, to, files=files)
    assert len(server.answers) == n_answers


def test_the_space_needed_counts_what_is_here_and_what_it_becomes(server, to):
    archive = tarred(MEMBERS)
    publish(server, archive, FIVE)
    files = remote_files(source_of("reference_5gram"), server.url)
    assert space_needed("reference_5gram", files, to) == (len(archive), 42_000_000_000)
    to.mkdir()
    (to / f"{FIVE}.part").write_bytes(b"12345")
    assert space_needed("reference_5gram", files, to)[0] == len(archive) - 5


def test_what_a_killed_unpacking_left_is_cleared_away(server, to):
    publish(server, tarred(MEMBERS))
    left = to / ".reference_3gram.unpacking" / FOLDER
    left.mkdir(parents=True)
    (left / "TLG.fst").write_bytes(b"half")
    assert fetch(server, to).read_bytes() == MEMBERS[f"{FOLDER}/TLG.fst"]
    assert files_in(to) == ["reference_3gram"]


def test_a_folder_of_the_users_own_is_left_alone(server, to):
    publish(server, tarred(MEMBERS))
    (to / "reference_3gram").mkdir(parents=True)
    (to / "reference_3gram" / "mine").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"reference_3gram: is there and has no TLG\.fst"):
        fetch(server, to)
    assert contents(to) == {"reference_3gram/mine": b"mine"}


def test_the_unigram_comes_from_its_repository_file_by_file(server, to):
    source = source_of("reference_1gram")
    entries = []
    for name, content in {"TLG.fst": b"graph", "words.txt": b"words", ".gitignore": b""}.items():
        sha = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        url = server.add(f"/raw/{name}", content)
        entries.append({"name": name, "type": "file", "size": len(content), "sha": sha, "download_url": url})
    server.add(f"/repos/{source.repository}/contents/{source.folder}", json.dumps(entries).encode())
    server.faults["/raw/words.txt"].append(Refuse(404))
    with pytest.raises(DataError, match=r"^words\.txt: 127\.0\.0\.1 does not have it"):
        fetch(server, to, "reference_1gram")
    assert fetch(server, to, "reference_1gram") == to / "reference_1gram" / "TLG.fst"
    assert contents(to / "reference_1gram") == {"TLG.fst": b"graph", "words.txt": b"words"}
    assert server.bytes_sent("/raw/TLG.fst") == len(b"graph")


@pytest.fixture
def small_arpa_model(monkeypatch):
    """The registry with one more model, whose ARPA file is small."""
    monkeypatch.setattr(ready_models, "READY_MODELS", {"small": SMALL})


@pytest.mark.usefixtures("small_arpa_model")
def test_an_arpa_file_becomes_a_store(server, to):
    server.add("/lm/small.arpa.gz", ARPA_FILE)
    store = fetch(server, to, "small")
    assert store == to / "small.nlm"
    assert NgramModel(store).counts == (4, 2)
    assert "the" in NgramModel(store).vocabulary
    assert files_in(to) == ["small.nlm"]
    assert fetch(server, to, "small", files=[]) == store


@pytest.mark.usefixtures("small_arpa_model")
def test_an_arpa_file_with_another_checksum_is_refused(server, to):
    server.add("/lm/small.arpa.gz", gzip.compress(ARPA.replace("-1.5", "-1.6").encode()))
    with pytest.raises(DataError, match=r"^small\.arpa\.gz: what 127\.0\.0\.1 sent has the sha-256 checksum"):
        fetch(server, to, "small")
    assert files_in(to) == []


@pytest.mark.usefixtures("small_arpa_model")
def test_a_file_of_unknown_length_is_refused(server):
    server.add("/lm/small.arpa.gz", ARPA_FILE, announce_length=False)
    with pytest.raises(DataError, match=r"^small\.arpa\.gz: 127\.0\.0\.1 does not say how long it is$"):
        remote_files(source_of("small"), server.url, retries=0)


def test_the_token_is_shown_to_dryad_alone(server, to, monkeypatch):
    publish(server, tarred(MEMBERS))
    fetch(server, to, token="secret")
    assert server.answers[-1].headers["Authorization"] == "Bearer secret"
    monkeypatch.setattr(ready_models, "READY_MODELS", {"small": SMALL})
    server.add("/lm/small.arpa.gz", ARPA_FILE)
    fetch(server, to, "small", token="secret")
    assert server.answers[-1].path == "/lm/small.arpa.gz"
    assert "Authorization" not in server.answers[-1].headers


def publish_binary(server, content):
    source = source_of("lab_5gram_pruned")
    lfs = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    entry = {"type": "file", "path": source.file, "size": len(content), "lfs": lfs}
    server.add(f"/api/models/{source.repository}/tree/main", json.dumps([entry]).encode())
    server.add(f"/{source.repository}/resolve/main/{source.file}", content)


def test_a_trie_of_kenlm_becomes_a_store(server, to):
    publish_binary(server, (KENLM / "trie.bin").read_bytes())
    store = fetch(server, to, "lab_5gram_pruned")
    assert store == to / "lab_5gram_pruned.nlm"
    assert files_in(to) == ["lab_5gram_pruned.nlm"]
    assert NgramModel(store).order == 3


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("hash_table", "a hash table of KenLM, in which no word can be found"),
        ("trie_without_words", "a trie of KenLM without its words"),
    ],
)
def test_a_file_of_kenlm_that_cannot_become_a_store_is_refused_before_it_is_fetched(server, to, name, complaint):
    content = (KENLM / f"{name}.bin").read_bytes()
    publish_binary(server, content)
    with pytest.raises(DataError, match=rf"^5gram_pruned\.bin: {complaint}"):
        fetch(server, to, "lab_5gram_pruned")
    assert server.answers[-1].n_bytes < len(content)
    assert files_in(to) == []


def test_a_file_of_another_version_of_kenlm_is_refused_before_it_is_fetched(server, to):
    content = (KENLM / "trie.bin").read_bytes().replace(b"version 5", b"version 4")
    publish_binary(server, content)
    with pytest.raises(DataError, match=r"^5gram_pruned\.bin: of another version of KenLM's format"):
        fetch(server, to, "lab_5gram_pruned")
    assert server.answers[-1].n_bytes < len(content)
    assert files_in(to) == []


def test_a_dataset_without_the_archive_is_named(server):
    publish(server, b"", FIVE)
    with pytest.raises(DataError, match=rf"^doi:{DOI}: there is no file '{THREE}'$"):
        remote_files(source_of("reference_3gram"), server.url)


def test_an_unknown_model_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"^there is no model '7gram'; there are reference_1gram, reference_3gram, "):
        source_of("7gram")


@pytest.fixture
def built_graph(tmp_path):
    """A small G.fst, TLG.fst and words.txt."""
    kaldifst = pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    from neurolect.language.graph_building import build_graph
    from neurolect.language.ngram_conversion import convert
    from neurolect.language.ngram_graph import ngram_transducer

    (tmp_path / "lm.arpa").write_text(ARPA)
    lexicon = Lexicon({"the": (("DH", "AH"),), "end": (("EH", "N", "D"),)})
    folder = tmp_path / "speech" / "lang_test"
    folder.parent.mkdir()
    build_graph(tmp_path / "lm.arpa", lexicon, folder, with_topology=True)
    symbols = [line.split()[0] for line in (folder / "words.txt").read_text().splitlines()]
    model = convert(tmp_path / "lm.arpa", tmp_path / "lm.nlm")
    grammar, _ = ngram_transducer(model, symbols[1 : symbols.index("#0")], tmp_path / "lm.arpa")
    kaldifst.arcsort(grammar, "ilabel")
    grammar.write(str(folder / "G.fst"))
    return tmp_path / "speech"


def logits_of(spoken, alphabet):
    logits = np.full((len(spoken), len(alphabet)), -9.0, dtype=np.float32)
    logits[np.arange(len(spoken)), [alphabet.symbols.index(symbol) for symbol in spoken]] = 9.0
    return logits


SPOKEN = ["BLANK", "DH", "AH", "SIL", "EH", "N", "D", "SIL"]


def test_a_graph_that_we_built_arrives_as_one_that_can_be_searched(server, to, built_graph):
    publish(server, tarred(contents(built_graph)))
    decoder = Decoder(GraphNetwork(fetch(server, to), alphabet=ORDER), alphabet=ORDER)
    assert decoder.decode(logits_of(SPOKEN, ORDER))[0].text == "the end"


def test_the_ngrams_of_an_archive_become_a_store_that_can_be_searched(server, to, built_graph):
    publish(server, tarred(contents(built_graph)))
    store = fetch(server, to, form="store")
    assert store == to / "reference_3gram.nlm"
    assert files_in(to) == ["reference_3gram.nlm"]
    model = NgramModel(store)
    assert model.counts == (4, 2)
    assert [each.log10 for each in model.score_sentence("the end")] == pytest.approx([-0.5, -0.125, -0.75], abs=1e-5)
    decoder = Decoder(LexiconNetwork(Lexicon.english().only(["the", "end"]), model))
    assert decoder.decode(logits_of(SPOKEN, PHONEMES))[0].text == "the end"
    assert fetch(server, to, form="store", files=[]) == store


def test_the_ngrams_of_before_pruning_become_a_store_of_their_own(server, to, built_graph):
    folder = built_graph / "lang_test"
    (folder / "G.fst").rename(folder / "G_no_prune.fst")
    (folder / "G.fst").write_bytes(b"pruned")
    publish(server, tarred(contents(built_graph)))
    store = fetch(server, to, form="unpruned_store")
    assert store == to / "reference_3gram_unpruned.nlm"
    assert files_in(to) == ["reference_3gram_unpruned.nlm"]
    assert NgramModel(store).counts == (4, 2)
    assert fetch(server, to, form="unpruned_store", files=[]) == store


@pytest.mark.parametrize(("form", "grammar"), [("store", r"G\.fst"), ("unpruned_store", r"G_no_prune\.fst")])
def test_an_archive_without_ngrams_makes_no_store(server, to, form, grammar):
    publish(server, tarred({"readme": b"nothing"}))
    with pytest.raises(DataError, match=rf"languageModel\.tar\.gz: the archive has no {grammar}, it should have one$"):
        fetch(server, to, form=form)
    assert files_in(to) == [THREE]


@pytest.mark.parametrize("form", ["store", "unpruned_store"])
def test_a_model_that_is_published_as_a_graph_of_sounds_has_no_store(server, to, form):
    with pytest.raises(ConfigError, match=r"^reference_1gram: its n-grams are published only inside a graph of sounds"):
        fetch(server, to, "reference_1gram", form=form, files=[])


@pytest.mark.parametrize("name", ["lab_5gram", "librispeech_3gram"])
def test_a_model_that_is_published_once_has_no_unpruned_store(server, to, name):
    with pytest.raises(ConfigError, match=rf"^{name}: is not published both pruned and unpruned"):
        fetch(server, to, name, form="unpruned_store", files=[])
