from __future__ import annotations

import gzip

import numpy as np
import pytest
from backoff import random_ngrams, score
from hypothesis import given, settings
from hypothesis import strategies as st
from small_arpa import ARPA

from backoff_ngrams import END, START, arpa_text
from neurolect import _core
from neurolect.errors import DataError
from neurolect.language.ngram_conversion import convert, kind_of, write_arpa
from neurolect.text.lexicon import pocketsphinx_file


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_a_complete_model_comes_back_from_a_store_as_the_same_text(arpa, tmp_path, rng, order):
    text = arpa_text(random_ngrams(rng, order))
    first = convert(arpa(text), tmp_path / "first.nlm")
    assert convert(first.path, tmp_path / "back.arpa") is None
    assert (tmp_path / "back.arpa").read_text() == text
    again = convert(tmp_path / "back.arpa", tmp_path / "again.nlm")
    assert again.path.read_bytes() == first.path.read_bytes()


def test_a_pruned_model_comes_back_with_what_was_added_and_equal_scores(arpa, tmp_path, rng):
    ngrams = random_ngrams(rng, 4)
    for words in [words for words in ngrams if 1 < len(words) < 4][::3]:
        del ngrams[words]
    first = convert(arpa(arpa_text(ngrams)), tmp_path / "first.nlm")
    assert len(first) == len(ngrams) + sum(first.added)
    assert sum(first.added) > 20
    write_arpa(first, tmp_path / "back.arpa")
    again = convert(tmp_path / "back.arpa", tmp_path / "again.nlm")
    assert again.counts == first.counts
    assert not any(again.added)
    for sentence in ("w1 w2 w3 w4 w5", "w7 w6 zyzzyva w0", ""):
        assert again.score_sentence(sentence) == first.score_sentence(sentence)
        expected = [log10 for log10, _ in score(ngrams, sentence.split())]
        np.testing.assert_allclose([each.log10 for each in again.score_sentence(sentence)], expected, atol=1e-5)


def test_what_longer_n_grams_need_is_added_once_and_counted_by_order(arpa):
    text = """\\data\\
ngram 1=5
ngram 2=1
ngram 3=3

\\1-grams:
-99\t<s>\t-0.5
-1\t</s>
-1\ta\t-0.25
-1\tb\t-0.125
-2\tc

\\2-grams:
-0.5\ta b\t-0.0625

\\3-grams:
-0.25\ta b c
-0.375\tb c a
-0.4375\tb c b

\\end\\
"""
    model = convert(arpa(text), arpa(text).with_suffix(".nlm"))
    # 'b c', which ends one trigram and begins two, and the endings 'c a' and 'c b'.
    assert model.counts == (5, 4, 3)
    assert model.added == (0, 3, 0)
    found = [(each.log10, each.order) for each in model.score_sentence("b c b a")]
    assert found == [(-1.5, 1), (-2.125, 2), (-0.4375, 3), (-1.125, 1), (-1.25, 1)]


@pytest.mark.parametrize("order", [1, 3])
def test_gzipped_text_goes_both_ways_and_equal_models_give_equal_files(arpa, tmp_path, rng, order):
    text = arpa_text(random_ngrams(rng, order))
    plain = convert(arpa(text), tmp_path / "plain.nlm")
    packed = convert(arpa(gzip.compress(text.encode()), "lm.gz"), tmp_path / "packed.nlm")
    assert packed.path.read_bytes() == plain.path.read_bytes()
    for name in ("one.arpa.gz", "two.arpa.gz"):
        convert(packed.path, tmp_path / name)
    assert gzip.decompress((tmp_path / "one.arpa.gz").read_bytes()).decode() == text
    assert (tmp_path / "one.arpa.gz").read_bytes() == (tmp_path / "two.arpa.gz").read_bytes()


def test_a_file_of_several_gzip_members_is_read_to_its_end(arpa, tmp_path):
    packed = arpa(gzip.compress(ARPA[:70].encode()) + gzip.compress(ARPA[70:].encode()), "lm.arpa.gz")
    assert convert(packed, tmp_path / "lm.nlm").counts == (4, 2)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_text_in_any_pieces_makes_the_same_store(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "lm.arpa").write_text(ARPA)
    reader = _core.ArpaReader(folder=str(folder), buffer_bytes=1 << 20, lower_case=False)
    text, number = ARPA.encode(), 0
    while text:
        size = sizes[number % len(sizes)]
        reader.push(text[:size])
        text, number = text[size:], number + 1
    reader.write(str(folder / "pieces.nlm"), 32)
    whole = convert(folder / "lm.arpa", folder / "whole.nlm")
    assert (folder / "pieces.nlm").read_bytes() == whole.path.read_bytes()


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\t", "  "),
        lambda text: text.replace("\n", " \t\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("ngram 1=4", "ngram  1 = 4"),
        lambda text: "written by hand\n" + text + "whatever follows\n",
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("-1.5", "-15e-1").replace("-0.75", "-7.5E-01"),
        lambda text: text.replace("-99\t", "-inf\t"),
        lambda text: text.replace("\tend\n\n", "\tend\t+0.0\n\n"),
        lambda text: text.replace("<s> The\n", "<s> The\t-0.5\n"),
    ],
)
def test_the_layouts_that_tools_write_mean_the_same(arpa, tmp_path, rewrite):
    plain = convert(arpa(ARPA), tmp_path / "plain.nlm")
    assert rewrite(ARPA) != ARPA
    other = convert(arpa(rewrite(ARPA)), tmp_path / "other.nlm")
    assert other.path.read_bytes() == plain.path.read_bytes()


def test_an_order_without_n_grams_is_no_fault(arpa, tmp_path):
    text = ARPA.replace("ngram 2=2", "ngram 2=2\nngram 3=0").replace("\\end\\", "\\3-grams:\n\n\\end\\")
    model = convert(arpa(text), tmp_path / "lm.nlm")
    assert model.counts == (4, 2, 0)
    assert [each.order for each in model.score_sentence("The end")] == [2, 2, 1]


def test_capitals_are_kept_unless_lower_case_is_asked_for(arpa, tmp_path):
    text = ARPA.replace("\tend", "\tÉND").replace("The end", "The ÉND")
    as_they_stand = convert(arpa(text), tmp_path / "lm.nlm")
    assert as_they_stand.vocabulary == (START, END, "The", "ÉND")
    assert convert(as_they_stand.path, tmp_path / "small.nlm", lower_case=True).vocabulary[2:] == ("the", "Énd")
    model = convert(arpa(text), tmp_path / "lower.nlm", lower_case=True)
    assert model.vocabulary[2:] == ("the", "Énd")
    assert [each.order for each in model.score_sentence("the Énd")] == [2, 2, 1]


def test_words_that_differ_only_in_capitals_do_not_become_one_silently(arpa, tmp_path):
    text = ARPA.replace("-2\tend", "-2\tthe").replace("The end", "The the")
    assert convert(arpa(text), tmp_path / "lm.nlm").counts == (4, 2)
    with pytest.raises(DataError, match=r"lm\.arpa: line 10: the word 'the' occurs twice"):
        convert(arpa(text), tmp_path / "lower.nlm", lower_case=True)


@pytest.mark.parametrize("packed", [False, True])
def test_progress_adds_up_to_the_bytes_of_the_source(arpa, tmp_path, packed):
    # Random words, so that the packed text too is more than one piece is long.
    words = np.random.default_rng(0).integers(1 << 62, size=350_000)
    body = "\n".join(f"-5.5\t{word}" for word in words)
    content = f"\\data\\\nngram 1={len(words)}\n\n\\1-grams:\n{body}\n\n\\end\\\n".encode()
    source = arpa(gzip.compress(content, 1) if packed else content)
    steps = []
    convert(source, tmp_path / "lm.nlm", progress=steps.append)
    assert sum(steps) == source.stat().st_size
    assert len([step for step in steps if step]) > 1


@pytest.mark.parametrize("out", ["again.nlm", "back.arpa.gz"])
def test_progress_of_a_store_adds_up_too(arpa, tmp_path, out):
    store = convert(arpa(ARPA), tmp_path / "lm.nlm")
    steps = []
    convert(store.path, tmp_path / out, progress=steps.append)
    assert sum(steps) == store.n_bytes


def test_what_a_file_holds_is_told_from_its_first_bytes(arpa, tmp_path):
    assert kind_of(arpa(ARPA, "any.name")) == "arpa"
    assert kind_of(convert(arpa(ARPA), tmp_path / "lm.arpa.store").path) == "store"
    assert kind_of(pocketsphinx_file("en-us.lm.bin")) == "sphinx"


def test_few_distinct_values_survive_8_bits_exactly(arpa, tmp_path):
    full, small = convert(arpa(ARPA), tmp_path / "lm.nlm"), convert(arpa(ARPA), tmp_path / "lm8.nlm", bits=8)
    assert (full.bits, small.bits) == (32, 8)
    assert small.score_sentence("The end The zyzzyva") == full.score_sentence("The end The zyzzyva")
    again = convert(full.path, tmp_path / "again.nlm", bits=8)
    assert again.path.read_bytes() == small.path.read_bytes()


def test_8_bits_change_a_score_by_little_and_no_back_off_of_0(arpa, tmp_path, rng):
    ngrams = random_ngrams(rng, 3, n_words=60, n_longest=3000)
    full = convert(arpa(arpa_text(ngrams)), tmp_path / "lm.nlm")
    small = convert(full.path, tmp_path / "lm8.nlm", bits=8)
    sentences = [" ".join(f"w{word}" for word in rng.integers(60, size=12)) for _ in range(100)]
    exact, rounded = (
        np.array([each.log10 for sentence in sentences for each in model.score_sentence(sentence)])
        for model in (full, small)
    )
    assert 0 < np.abs(exact - rounded).max() < 0.03
    assert [len(small.score_sentence(sentence)) for sentence in sentences] == [13] * 100
    assert small.start() == full.start()
