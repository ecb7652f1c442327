"""Binary files that KenLM 0.3.0's `build_binary` made of one small trigram, options as their names say."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from small_arpa import files_in

from neurolect.errors import DataError
from neurolect.language.kenlm_header import require_convertible
from neurolect.language.ngram_conversion import convert

FILES = Path(__file__).parents[1] / "golden" / "kenlm"
PLAIN, QUANTISED = ["trie", "trie_tops"], ["trie_quantised", "trie_quantised_tops"]


def sentences(n=100):
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice([f"w{word}" for word in range(11)], rng.integers(0, 8))) for _ in range(n)]


def scores(model, sentence):
    return [each.log10 for each in model.score_sentence(sentence)]


@pytest.mark.parametrize("name", PLAIN)
def test_a_trie_becomes_the_store_of_the_arpa_file_that_it_was_made_from(name, tmp_path):
    expected = convert(FILES / "trigram.arpa", tmp_path / "expected.nlm")
    read = []
    found = convert(FILES / f"{name}.bin", tmp_path / "found.nlm", progress=read.append)
    assert found.counts == expected.counts
    assert set(found.vocabulary) == set(expected.vocabulary)
    for sentence in sentences():
        assert scores(found, sentence) == pytest.approx(scores(expected, sentence), abs=1e-5)
    assert sum(read) == (FILES / f"{name}.bin").stat().st_size


@pytest.mark.parametrize("name", PLAIN + QUANTISED)
def test_a_store_scores_as_kenlm_scores_the_same_file(name, tmp_path):
    kenlm = pytest.importorskip("kenlm", reason="needs the wheel ufal.kenlm")
    model = kenlm.Model(str(FILES / f"{name}.bin"))
    found = convert(FILES / f"{name}.bin", tmp_path / "found.nlm")
    for sentence in sentences():
        expected = [log10 for log10, _, _ in model.full_scores(sentence)]
        assert scores(found, sentence) == pytest.approx(expected, abs=1e-5)


def test_words_can_be_made_small(tmp_path):
    capitals = tmp_path / "capitals.bin"
    capitals.write_bytes((FILES / "trie.bin").read_bytes().replace(b"\0w1\0", b"\0W1\0"))
    assert "W1" in convert(capitals, tmp_path / "as_they_are.nlm").vocabulary
    assert "w1" in convert(capitals, tmp_path / "small.nlm", lower_case=True).vocabulary


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("hash_table", "a hash table of KenLM, in which no word can be found; only a trie is read"),
        ("trie_without_words", "a trie of KenLM without its words"),
    ],
)
def test_a_file_without_its_ngrams_words_is_refused_in_one_line(name, complaint, tmp_path):
    with pytest.raises(DataError, match=rf"{name}\.bin: {complaint}") as caught:
        convert(FILES / f"{name}.bin", tmp_path / "lm.nlm")
    assert "\n" not in str(caught.value)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("name", PLAIN + QUANTISED)
def test_a_file_that_is_cut_is_refused_wherever_it_is_cut(name, tmp_path):
    whole = (FILES / f"{name}.bin").read_bytes()
    for length in range(40, len(whole), 13):
        (tmp_path / "cut.bin").write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cut\.bin: "):
            convert(tmp_path / "cut.bin", tmp_path / "lm.nlm")


@pytest.mark.parametrize("name", PLAIN + QUANTISED)
@pytest.mark.parametrize("seed", range(20))
def test_a_file_with_any_bytes_overwritten_is_read_or_refused(name, seed, tmp_path):
    rng = np.random.default_rng(seed)
    damaged = np.frombuffer((FILES / f"{name}.bin").read_bytes(), dtype=np.uint8).copy()
    damaged[rng.integers(56, len(damaged), 3)] = rng.integers(0, 256, 3)
    (tmp_path / "damaged.bin").write_bytes(damaged.tobytes())
    with suppress(DataError):
        convert(tmp_path / "damaged.bin", tmp_path / "lm.nlm").verify()


@pytest.mark.parametrize("name", PLAIN + QUANTISED)
def test_the_first_bytes_of_a_trie_say_that_it_can_become_a_store(name):
    require_convertible((FILES / f"{name}.bin").read_bytes()[:200], name)


def trie_start(place=0, content=b""):
    """The first 200 bytes of a trie, with other content at one place."""
    start = (FILES / "trie.bin").read_bytes()[:200]
    return start[:place] + content + start[place + len(content) :]


@pytest.mark.parametrize(
    ("start", "complaint"),
    [
        ((FILES / "hash_table.bin").read_bytes()[:200], "a hash table of KenLM, in which no word can be found"),
        ((FILES / "trie_without_words.bin").read_bytes()[:200], "a trie of KenLM without its words"),
        (b"<html>" * 50, "not a binary file of KenLM$"),
        (b"", "not a binary file of KenLM$"),
        (trie_start(50, b"4"), "of another version of KenLM's format; only version 5 is read$"),
        (trie_start(88, b"\0"), "a trie of KenLM of order 0; only orders 2 to 8 become a store$"),
        (trie_start(88, b"\1"), "a trie of KenLM of order 1; only orders 2 to 8 become a store$"),
        (trie_start(88, b"\x09"), "a trie of KenLM of order 9; only orders 2 to 8 become a store$"),
        (trie_start(96, b"\x06"), "the binary file of KenLM is damaged or cut short$"),
        (trie_start()[:120], "the binary file of KenLM is damaged or cut short$"),
        (trie_start(116, (1 << 40).to_bytes(8, "little")), r"1,099,511,[\d,]+ n-grams, more than a store can"),
    ],
)
def test_the_first_bytes_of_other_files_say_why_they_cannot(start, complaint):
    with pytest.raises(DataError, match=rf"^lm\.bin: {complaint}"):
        require_convertible(start, "lm.bin")


def test_a_header_is_refused_wherever_it_is_cut():
    for length in range(108 + 3 * 8):
        with pytest.raises(DataError, match=r"^lm\.bin: "):
            require_convertible(trie_start()[:length], "lm.bin")
