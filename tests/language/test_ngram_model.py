from __future__ import annotations

import math
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from backoff import random_ngrams, score
from hypothesis import given, settings
from hypothesis import strategies as st

from backoff_ngrams import END, START, UNKNOWN, arpa_text, ngrams_of, order_of
from neurolect.errors import DataError
from neurolect.language.ngram_conversion import convert, write_english_trigram
from neurolect.language.ngram_model import UNKNOWN_WORD, NgramModel, perplexity_of

SMAPS = Path("/proc/self/smaps")

# 'b c' has no n-gram that goes on from it and no back-off weight, 'a b' has both.
SMALL = {
    (START,): (-99.0, -0.25),
    (END,): (-0.75, 0.0),
    ("a",): (-1.0, -0.5),
    ("b",): (-1.5, -0.125),
    ("c",): (-2.0, 0.0),
    (START, "a"): (-0.5, -0.375),
    ("a", "b"): (-0.625, -0.0625),
    ("b", "c"): (-0.875, 0.0),
    (START, "a", "b"): (-0.4375, 0.0),
    ("a", "b", "c"): (-0.3125, 0.0),
}


@pytest.fixture
def stored(tmp_path):
    """Store a model given as a dictionary."""

    def store(ngrams, bits=32):
        source = tmp_path / "lm.arpa"
        source.write_text(arpa_text(ngrams), encoding="utf-8")
        return convert(source, tmp_path / f"lm{bits}.nlm", bits)

    return store


@pytest.fixture(scope="module")
def english_store(tmp_path_factory):
    return write_english_trigram(tmp_path_factory.mktemp("english") / "en.nlm").path


def random_sentences(rng, ngrams, n=60):
    """Words of the model and 'zyzzyva', which it lacks: mostly along its n-grams, so that all orders match."""
    words = [word for (word,) in ngrams_of(ngrams, 1) if word not in (START, END, UNKNOWN)]
    longest = [[word for word in each if word in words] for each in ngrams_of(ngrams, order_of(ngrams))]
    sentences = []
    for _ in range(n):
        sentence = []
        while rng.random() < 0.7:
            sentence += longest[rng.integers(len(longest))] if rng.random() < 0.6 else [str(rng.choice(words))]
            sentence += ["zyzzyva"] if rng.random() < 0.1 else []
        sentences.append(sentence)
    return sentences


def assert_scores_equal_kenlm(model, path, sentences):
    """And return the orders that matched."""
    kenlm = pytest.importorskip("kenlm", reason="needs the wheel ufal.kenlm")
    quiet = kenlm.Config()
    quiet.show_progress, quiet.arpa_complain = False, kenlm.ARPALoadComplain.NONE
    judge = kenlm.Model(str(path), quiet)
    orders = set()
    for sentence in sentences:
        found = model.score_sentence(" ".join(sentence))
        expected = list(judge.full_scores(" ".join(sentence)))
        np.testing.assert_allclose([each.log10 for each in found], [log10 for log10, _, _ in expected], atol=1e-5)
        assert [each.order for each in found] == [0 if unknown else order for _, order, unknown in expected]
        orders |= {each.order for each in found}
    return orders


def assert_scores_follow_the_definition(model, ngrams, sentences):
    """Probabilities of all words, and their orders where the store lists just what the dictionary lists."""
    for sentence in sentences:
        found, expected = model.score_sentence(" ".join(sentence)), score(ngrams, sentence)
        assert [each.word for each in found] == [*sentence, END]
        np.testing.assert_allclose(
            [each.log10 for each in found], [log10 for log10, _ in expected], rtol=1e-6, atol=1e-5
        )
        if not any(model.added):
            assert [each.order for each in found] == [order for _, order in expected]


@pytest.mark.parametrize("unknown", [True, False])
@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
def test_scores_and_orders_equal_kenlm_with_unknown_words_and_every_back_off_depth(stored, rng, order, unknown):
    ngrams = random_ngrams(rng, order, n_words=5, unknown=unknown)
    model = stored(ngrams)
    sentences = random_sentences(rng, ngrams)
    assert assert_scores_equal_kenlm(model, model.path.with_name("lm.arpa"), sentences) == set(range(order + 1))
    assert_scores_follow_the_definition(model, ngrams, sentences)
    assert not any(model.added)


@pytest.mark.parametrize("order", [3, 4, 5])
def test_scores_equal_kenlm_where_pruning_took_the_endings_of_n_grams(stored, rng, order):
    ngrams = random_ngrams(rng, order, n_words=7)
    begun = {words[:-1] for words in ngrams}
    endings = sorted({words[1:] for words in ngrams if len(words) > 2} - begun)
    for number in rng.permutation(len(endings))[: len(ngrams) // 10]:
        del ngrams[endings[number]]
    model = stored(ngrams)
    sentences = random_sentences(rng, ngrams)
    assert_scores_equal_kenlm(model, model.path.with_name("lm.arpa"), sentences)
    assert_scores_follow_the_definition(model, ngrams, sentences)
    assert any(model.added)


@pytest.mark.parametrize("order", [3, 4, 5])
def test_n_grams_whose_beginnings_pruning_took_still_give_their_probabilities(stored, rng, order):
    ngrams = random_ngrams(rng, order, n_words=5)
    shorter = [words for words in ngrams if 1 < len(words) < order]
    for number in rng.permutation(len(shorter))[: len(shorter) // 3]:
        del ngrams[shorter[number]]
    model = stored(ngrams)
    assert any(model.added)
    assert_scores_follow_the_definition(model, ngrams, random_sentences(rng, ngrams))


def test_a_unigram_model_scores_each_word_alone(stored):
    model = stored({(START,): (-99.0, 0.0), (END,): (-0.5, 0.0), ("a",): (-1.25, 0.0), (UNKNOWN,): (-3.0, 0.0)})
    found = model.score_sentence("a a zyzzyva")
    assert [(each.log10, each.order) for each in found] == [(-1.25, 1), (-1.25, 1), (-3.0, 0), (-0.5, 1)]
    assert model.start() == 0


@st.composite
def models_and_sentences(draw):
    """Any n-grams at all over a small vocabulary: beginnings and endings may be missing, and so may the symbols."""
    symbols = [symbol for symbol in (START, END, UNKNOWN) if draw(st.booleans())]
    vocabulary = symbols + draw(st.lists(st.text("abü", min_size=1, max_size=3), min_size=1, max_size=5, unique=True))
    weight = st.floats(-20, 0, width=16)
    ngrams = {(word,): (draw(weight), draw(weight)) for word in vocabulary}
    for length in range(2, draw(st.integers(1, 6)) + 1):
        words = st.tuples(*[st.sampled_from(vocabulary)] * length)
        for ngram in draw(st.lists(words, min_size=1, max_size=8, unique=True)):
            ngrams[ngram] = draw(weight), draw(weight)
    highest = order_of(ngrams)
    ngrams = {words: (log10, back_off if len(words) < highest else 0.0) for words, (log10, back_off) in ngrams.items()}
    return ngrams, draw(
        st.lists(st.lists(st.sampled_from([*vocabulary, "zyzzyva"]), max_size=9), min_size=1, max_size=5)
    )


@given(models_and_sentences())
@settings(max_examples=40, deadline=None)
def test_any_model_scores_as_back_off_is_defined(tmp_path_factory, model_and_sentences):
    ngrams, sentences = model_and_sentences
    folder = tmp_path_factory.mktemp("model")
    (folder / "lm.arpa").write_text(arpa_text(ngrams), encoding="utf-8")
    model = convert(folder / "lm.arpa", folder / "lm.nlm")
    assert_scores_follow_the_definition(model, ngrams, sentences)
    model.verify()


def test_contexts_carry_a_sentence_from_word_to_word_in_natural_logarithms(stored):
    model = stored(SMALL)
    contexts, total = np.array([model.start()]), 0.0
    for word in model.find(["a", "b", "c"]):
        scores, contexts = model.score(contexts, np.array([word]))
        total += float(scores[0])
    total += float(model.finish(contexts)[0])
    assert total == pytest.approx(math.log(10) * sum(each.log10 for each in model.score_sentence("a b c")))
    np.testing.assert_allclose(model.unigram, math.log(10) * np.array([-99, -0.75, -1, -1.5, -2]))


def test_histories_that_make_no_difference_share_a_context(stored):
    model = stored(SMALL)
    a, b, c = model.find(["a", "b", "c"])
    starts = np.array([0, model.start()])
    _, after_a = model.score(starts, np.repeat(a, 2))
    assert after_a[0] != after_a[1]
    _, after_b = model.score(after_a, np.repeat(b, 2))
    assert after_b[0] == after_b[1]
    _, after_c = model.score(after_b, np.repeat(c, 2))
    np.testing.assert_array_equal(after_c, [0, 0])


def test_words_have_the_numbers_of_their_order_in_the_model_and_unknown_ones_none(stored):
    model = stored(SMALL)
    assert model.vocabulary == (START, END, "a", "b", "c")
    np.testing.assert_array_equal(model.find(["c", "zyzzyva", START, ""]), [4, UNKNOWN_WORD, 0, UNKNOWN_WORD])
    nothing = np.empty(0, dtype=np.int64)
    scores, contexts = model.score(nothing, nothing)
    assert len(scores) == len(contexts) == len(model.finish(nothing)) == len(model.find([])) == 0


@pytest.mark.parametrize("symbol", [UNKNOWN, "<UNK>"])
def test_an_unknown_word_has_the_probability_of_the_models_symbol_for_it(stored, symbol):
    model = stored({**SMALL, (symbol,): (-4.0, 0.0)})
    assert [(each.log10, each.order) for each in model.score_sentence("zyzzyva")] == [(-4.25, 0), (-0.75, 1)]


def test_spaces_of_any_kind_separate_words_and_an_empty_sentence_is_its_end(stored):
    model = stored(SMALL)
    assert model.score_sentence(" a\t\tb\u3000c\r\n") == model.score_sentence("a b c")
    assert [(each.word, each.log10, each.order) for each in model.score_sentence(" \t")] == [(END, -1.0, 1)]


def test_a_sentence_with_an_undecoded_byte_is_refused(stored):
    with pytest.raises(DataError, match="not UTF-8"):
        stored(SMALL).score_sentence("a \udcff")


def test_perplexity_is_that_of_all_words_and_ends_of_sentences(stored, rng):
    ngrams = random_ngrams(rng, 4, n_words=5)
    model = stored(ngrams)
    sentences = random_sentences(rng, ngrams)
    found = model.perplexity([*map(" ".join, sentences), "", " \n"])
    words = [each for sentence in sentences if sentence for each in score(ngrams, sentence)]
    assert (found.sentences, found.words) == (sum(map(bool, sentences)), len(words))
    assert (found.unknown, *found.orders) == tuple(sum(order == wanted for _, order in words) for wanted in range(5))
    known = [log10 for log10, order in words if order]
    assert found.with_unknown == pytest.approx(10 ** -np.mean([log10 for log10, _ in words]), rel=1e-5)
    assert found.without_unknown == pytest.approx(10 ** -np.mean(known), rel=1e-5)


def test_perplexity_equals_kenlm(stored, rng):
    kenlm = pytest.importorskip("kenlm", reason="needs the wheel ufal.kenlm")
    model = stored(random_ngrams(rng, 3))
    judge = kenlm.Model(str(model.path.with_name("lm.arpa")))
    sentence = "w1 w2 zyzzyva w3"
    assert model.perplexity([sentence]).with_unknown == pytest.approx(judge.perplexity(sentence), rel=1e-5)


def test_a_text_without_words_has_no_perplexity(stored):
    with pytest.raises(DataError, match="no words"):
        stored(SMALL).perplexity(["", " "])


def test_a_perplexity_that_no_number_holds_is_infinite():
    assert perplexity_of(-6.0, 3) == pytest.approx(100)
    assert perplexity_of(-1000.0, 3) == math.inf


def test_the_bytes_of_the_orders_and_the_words_are_those_of_the_file(stored, rng):
    ngrams = random_ngrams(rng, 4)
    for bits in (32, 8):
        large = stored(ngrams, bits)
        small = stored(
            {words: weights for words, weights in ngrams.items() if len(words) < 4 or words[-1] == END}, bits
        )
        assert large.counts[3] > small.counts[3]
        # Sections begin at whole multiples of 8 bytes.
        assert large.n_bytes - small.n_bytes == pytest.approx(
            sum(large.bytes_by_order) - sum(small.bytes_by_order), abs=7 * 4
        )
        assert large.n_bytes > sum(large.bytes_by_order)


def mapped(path, field):
    """Kilobytes that the kernel counts for this process's mappings of a file, under a heading that ends in `field`."""
    inside, kilobytes = False, 0
    for line in SMAPS.read_text().splitlines():
        heading = line.split()[0]
        if not heading.endswith(":"):
            inside = line.endswith(str(path))
        elif inside and heading.removesuffix(":").endswith(field):
            kilobytes += int(line.split()[1])
    return kilobytes


@pytest.mark.skipif(not SMAPS.exists(), reason="needs Linux's account of mapped memory")
def test_opening_reads_next_to_nothing_and_scoring_only_what_it_needs(english_store):
    model = NgramModel(english_store)
    size = mapped(english_store, "Size")
    if not size:
        pytest.skip("this kernel does not account for mapped files")
    assert size > 30_000
    assert mapped(english_store, "Rss") < 2_000
    model.score_sentence("the quick brown fox jumps over the lazy dog")
    assert mapped(english_store, "Rss") < size / 4


@pytest.mark.skipif(not SMAPS.exists(), reason="needs Linux's account of mapped memory")
def test_processes_that_open_one_store_share_its_pages(english_store):
    hold = f"""
from neurolect.language.ngram_model import NgramModel
model = NgramModel({str(english_store)!r})
model.verify()
print("read", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "read\n"
        model = NgramModel(english_store)
        model.verify()
        resident, shared = (
            mapped(english_store, "Rss"),
            sum(mapped(english_store, f"Shared_{x}") for x in ("Clean", "Dirty")),
        )
        other.communicate("\n")
    if not resident:
        pytest.skip("this kernel does not account for mapped files")
    assert shared == resident > 30_000


def test_a_store_stays_readable_once_its_file_is_deleted(stored):
    model = stored(SMALL)
    before = model.score_sentence("a b c")
    model.path.unlink()
    assert model.score_sentence("a b c") == before


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """The bytes of a small store."""
    folder = tmp_path_factory.mktemp("intact")
    (folder / "lm.arpa").write_text(arpa_text(random_ngrams(np.random.default_rng(2), 3, n_words=4, n_longest=6)))
    return convert(folder / "lm.arpa", folder / "lm.nlm").path.read_bytes()


@pytest.fixture
def damaged(tmp_path, intact):
    """Write the bytes of a small store, changed by a function, to a file of their own."""

    def write(change):
        path = tmp_path / "damaged.nlm"
        path.write_bytes(change(intact))
        return path

    return write


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda content: b"", "not an n-gram store; 'neurolect lm convert' makes one from an ARPA file"),
        (lambda content: b"\\data\\\nngram 1=2\n" * 90, "not an n-gram store"),
        (lambda content: content[:100], "not an n-gram store"),
        (lambda content: b"X" + content[1:], "not an n-gram store"),
        (lambda content: content[:8] + b"\7" + content[9:], "version 7, this neurolect reads 1"),
        (lambda content: content[:-1], r"cut short: \d+ of \d+ bytes"),
        (lambda content: content[:700], r"cut short: 700 of \d+ bytes"),
        (lambda content: content + b"\0", r"\d+ of \d+ bytes"),
    ],
)
def test_what_is_no_whole_store_is_refused_in_one_line(damaged, change, complaint):
    path = damaged(change)
    with pytest.raises(DataError, match=rf"damaged\.nlm: .*{complaint}") as error:
        NgramModel(path)
    assert "\n" not in str(error.value)


def complaint_about(path):
    try:
        NgramModel(path).verify()
    except DataError as error:
        return str(error)
    return ""


def test_any_changed_byte_is_noticed_by_opening_or_by_verifying(damaged, intact):
    path = damaged(bytes)
    assert not complaint_about(path)
    scores = NgramModel(path).score_sentence("w0 w1 zyzzyva w3")
    unnoticed = 0
    for place in range(len(intact)):
        path.write_bytes(intact[:place] + bytes([intact[place] ^ 16]) + intact[place + 1 :])
        if complaint := complaint_about(path):
            assert "damaged.nlm: " in complaint
            assert "\n" not in complaint
        else:
            # What fills the gaps between sections stands for nothing.
            unnoticed += 1
            assert NgramModel(path).score_sentence("w0 w1 zyzzyva w3") == scores
    assert unnoticed < 7 * 7


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_damage_that_nobody_looked_for_gives_a_clear_error_or_a_number_but_never_a_crash(
    tmp_path_factory, intact, data
):
    content = bytearray(intact)
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=20)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / "lm.nlm"
    path.write_bytes(content)
    with suppress(DataError):
        model = NgramModel(path)
        assert len(model.score_sentence("w0 w1 w2 zyzzyva w3 w1")) == 7
        assert len(model.vocabulary) == model.counts[0]
        convert(path, path.with_suffix(".arpa"))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.nlm: cannot be read: No such file"):
        NgramModel(tmp_path / "absent.nlm")
    with pytest.raises(DataError, match="is not a file"):
        NgramModel(tmp_path)
