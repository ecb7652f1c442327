from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from backoff import END, START, arpa_text, random_ngrams, score
from hypothesis import given, settings
from hypothesis import strategies as st
from trigram_scorer import WORD, WORD_BITS, TrigramScorer

from neurolect import _core
from neurolect.data.simulated_dataset import everyday_sentences
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_conversion import convert, kind_of, write_arpa, write_english_trigram, write_trigram
from neurolect.language.ngram_model import NgramModel
from neurolect.language.pocketsphinx_trigram import ABSENT_WORD_LOG10, Trigram, read_pocketsphinx_trigram
from neurolect.language.text_lines import read_sentences
from neurolect.text.lexicon import pocketsphinx_file
from neurolect.text.normalise import normalise_for_evaluation

SHARED = Path(__file__).parents[3] / "shared"
TRANSCRIPTS = SHARED / "real" / "transcripts_train.txt"
GOLDEN_ARPA = SHARED / "golden" / "decoder" / "trigram_pruned.arpa.gz"

ARPA = """
\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.25
-0.75\t</s>
-1.5\tThe\t-0.5
-2\tend

\\2-grams:
-0.5\t<s> The
-0.125\tThe end

\\end\\
"""


@pytest.fixture
def arpa(tmp_path):
    """Write ARPA text to a file."""

    def write(text, name="lm.arpa"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


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


MISTAKES = {
    "empty file": (lambda text: "", "there was no .data. line"),
    "another text": (
        lambda text: "once upon a time\n" * 30,
        "line 30: .*there was no .data. line; this is not an ARPA",
    ),
    "no data line": (lambda text: text.replace("\\data\\\n", ""), "there was no .data. line"),
    "no counts": (lambda text: text.replace("ngram 1=4\nngram 2=2\n", ""), "line 4: no counts of n-grams"),
    "count missing": (lambda text: text.replace("ngram 1=4\n", ""), "line 3: the count of 1-grams should come here"),
    "count no number": (lambda text: text.replace("2=2", "2=two"), "line 4: 'ngram 2=two' is not 'ngram ORDER=COUNT'"),
    "negative count": (lambda text: text.replace("2=2", "2=-2"), "line 4: 'ngram 2=-2' is not"),
    "no equals sign": (lambda text: text.replace("2=2", "2"), "line 4: 'ngram 2' is not"),
    "too many orders": (
        lambda text: text.replace("ngram 2=2", "\n".join(f"ngram {order}=2" for order in range(2, 10))),
        "line 13: n-grams of order 9 are not supported, only 1 to 8",
    ),
    "count too small": (lambda text: text.replace("1=4", "1=3"), r"line 10: more 1-grams than the header says \(3\)"),
    "count too large": (lambda text: text.replace("1=4", "1=5"), "line 12: .*1-grams ends after 4, the header says 5"),
    "no number": (lambda text: text.replace("-1.5", "x"), "line 9: 'x' is not a log10 probability"),
    "half a number": (lambda text: text.replace("-1.5", "-1.5.2"), "line 9: '-1.5.2' is not a log10 probability"),
    "nan": (lambda text: text.replace("-1.5", "nan"), "line 9: 'nan' is not a log10 probability"),
    "back-off no number": (lambda text: text.replace("-0.5\n", "half\n"), "line 9: 'half' is not a log10 back-off"),
    "positive probability": (lambda text: text.replace("-0.125", "0.125"), "line 14: a log10 probability above 0"),
    "unknown word": (lambda text: text.replace("The end", "The and"), "line 14: 'and' is not among the unigrams"),
    "too few words": (lambda text: text.replace("The end", "The"), "line 14: fewer than 2 words"),
    "no word": (lambda text: text.replace("-2\tend", "-2"), "line 10: no word"),
    "too many words": (
        lambda text: text.replace("-2\tend", "-2\tend -1 -1"),
        "line 10: more than a probability, 1 word",
    ),
    "word twice": (lambda text: text.replace("-2\tend", "-2\tThe"), "line 10: the word 'The' occurs twice"),
    "n-gram twice": (lambda text: text.replace("The end", "<s> The"), "the n-gram '<s> The' occurs twice"),
    "sections swapped": (lambda text: text.replace("1-grams", "3-grams"), "'.3-grams:' where .1-grams: should stand"),
    "section too many": (
        lambda text: text.replace("\\end\\", "\\3-grams:\n\\end\\"),
        "line 16: '.3-grams:' where .end. should stand",
    ),
    "section missing": (
        lambda text: text[: text.index("\\2-")] + "\\end\\\n",
        "line 12: .end. before the section of 2-",
    ),
    "no end mark": (lambda text: text.replace("\\end\\\n", ""), "line 15: the text ends before its .end. line"),
    "cut inside a number": (lambda text: text[: text.index("0.125")], "line 14: '-' is not a log10 probability"),
    "binary": (lambda text: bytes(range(256)) * 40, "there was no .data. line"),
    "one long line": (
        lambda text: text.replace("-1.5\tThe", "-1.5\tThe" + "The" * 2_000_000),
        "line 9: longer than any n-gram",
    ),
    "binary after the header": (
        lambda text: text[: text.index("-99")].encode() + bytes(range(1, 9)) * 9,
        "line 7: '.*' is not a log10 probability",
    ),
    "cut gzip file": (lambda text: gzip.compress(text.encode())[:-30], "the gzip file is cut short or damaged"),
    "gzip of little": (lambda text: gzip.compress(text.encode())[:12], "the gzip file is cut short or damaged"),
    "gzip checksum": (
        lambda text: gzip.compress(text.encode())[:-8] + bytes(8),
        "the gzip file is cut short or damaged",
    ),
    "gzip body": (
        lambda text: gzip.compress(text.encode())[:10] + bytes([7] * 90),
        "the gzip file is cut short or dam",
    ),
    "sphinx": (lambda text: b"Trie Language Model\3" + bytes(40), "the language model is cut short"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_that_is_wrong_is_named_in_one_line_and_nothing_is_left(arpa, tmp_path, mistake):
    change, complaint = MISTAKES[mistake]
    with pytest.raises(DataError, match=rf"lm\.arpa: .*{complaint}") as error:
        convert(arpa(change(ARPA)), tmp_path / "lm.nlm")
    assert "\n" not in str(error.value)
    assert files_in(tmp_path) == ["lm.arpa"]


def test_a_failed_conversion_leaves_the_old_store_as_it_was(arpa, tmp_path):
    before = convert(arpa(ARPA), tmp_path / "lm.nlm").path.read_bytes()
    with pytest.raises(DataError):
        convert(arpa(ARPA[:-20]), tmp_path / "lm.nlm")
    assert (tmp_path / "lm.nlm").read_bytes() == before


def test_a_damaged_store_is_not_written_as_text(arpa, tmp_path, rng):
    store = convert(arpa(arpa_text(random_ngrams(rng, 3))), tmp_path / "lm.nlm").path
    content = bytearray(store.read_bytes())
    content[-150:] = bytes([255] * 150)
    store.write_bytes(content)
    for out in ("back.arpa", "again.nlm"):
        with pytest.raises(DataError, match=r"lm\.nlm: .*"):
            convert(store, tmp_path / out)
    assert files_in(tmp_path) == ["lm.arpa", "lm.nlm"]


def test_a_source_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.arpa: cannot read the language model: No such file"):
        convert(tmp_path / "absent.arpa", tmp_path / "lm.nlm")
    with pytest.raises(DataError, match="cannot read the language model: Is a directory"):
        convert(tmp_path, tmp_path / "lm.nlm")


def test_only_a_store_becomes_text_and_with_what_it_has(arpa, tmp_path):
    source = arpa(ARPA)
    with pytest.raises(DataError, match="only a store is written as ARPA text"):
        convert(source, tmp_path / "copy.arpa")
    with pytest.raises(DataError, match="only a store is written as ARPA text"):
        write_english_trigram(tmp_path / "english.arpa.gz")
    store = convert(source, tmp_path / "lm.nlm").path
    for settings_of_stores in ({"bits": 8}, {"lower_case": True}):
        with pytest.raises(ConfigError, match="ARPA text is written as the store has it"):
            convert(store, tmp_path / "copy.arpa", **settings_of_stores)
    assert files_in(tmp_path) == ["lm.arpa", "lm.nlm"]


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


@pytest.fixture(scope="module")
def trigram():
    return read_pocketsphinx_trigram()


@pytest.fixture(scope="module")
def english(trigram, tmp_path_factory):
    folder = tmp_path_factory.mktemp("english")
    for bits in (32, 8):
        write_trigram(trigram, folder / f"{bits}.nlm", bits)
    return {bits: NgramModel(folder / f"{bits}.nlm") for bits in (32, 8)}


def test_the_english_trigram_is_stored_whole_in_few_bytes(trigram, english):
    for bits, most in ((32, 15), (8, 7)):
        model = english[bits]
        assert model.counts == (72_547, len(trigram.bigram_keys), len(trigram.trigram_keys))
        assert not any(model.added)
        assert model.n_bytes <= most * len(model)


@pytest.mark.parametrize("listed", ["trigram", "bigram", "only the history", "nothing"])
def test_the_english_store_scores_as_the_trigram_at_every_back_off_depth(trigram, english, rng, listed):
    n = 2000
    anything = rng.integers(len(trigram.vocabulary), size=(3, n))
    bigrams, trigrams = rng.choice(trigram.bigram_keys, n), rng.choice(trigram.trigram_keys, n)
    first, second, word = {
        "trigram": (trigrams & WORD, trigrams >> WORD_BITS & WORD, trigrams >> 2 * WORD_BITS),
        "bigram": (anything[0], bigrams & WORD, bigrams >> WORD_BITS),
        "only the history": (bigrams & WORD, bigrams >> WORD_BITS, anything[2]),
        "nothing": tuple(anything),
    }[listed]
    model = english[32]
    _, contexts = model.score(np.zeros(n, dtype=np.uint32), first)
    _, contexts = model.score(contexts, second)
    scores, _ = model.score(contexts, word)
    np.testing.assert_allclose(scores, TrigramScorer(trigram).score(first, second, word), rtol=1e-6, atol=1e-5)


def test_english_sentences_score_as_by_the_trigram_from_their_start_to_their_end(trigram, english):
    scorer = TrigramScorer(trigram)
    for sentence in ("", "hello", "i want to go home", "one of the first of the other zydeco"):
        found = [each.log10 * math.log(10) for each in english[32].score_sentence(sentence)]
        np.testing.assert_allclose(found, scorer.score_sentence(sentence), rtol=1e-6, atol=1e-5)


def test_8_bits_change_the_perplexity_of_english_by_less_than_half_a_percent(english):
    raw = list(read_sentences(TRANSCRIPTS))[::4] if TRANSCRIPTS.exists() else everyday_sentences()
    text = [normalise_for_evaluation(sentence) for sentence in raw]
    full, small = (english[bits].perplexity(text) for bits in (32, 8))
    assert full.unknown == small.unknown < full.words / 50
    assert full.orders == small.orders
    assert small.without_unknown == pytest.approx(full.without_unknown, rel=0.005)
    assert small.without_unknown != full.without_unknown


def test_words_that_the_english_trigram_lacks_get_a_unigram_where_asked(tmp_path):
    model = write_english_trigram(tmp_path / "en.nlm", additions=["blorp", "home"], bits=8)
    assert model.counts[0] == 72_547 + 1
    assert model.unigram[model.find(["blorp"])] == pytest.approx(math.log(10) * ABSENT_WORD_LOG10)
    assert [each.order for each in model.score_sentence("blorp zyzzyva")] == [1, 0, 1]


def small_trigram(*vocabulary):
    nothing, no_keys = np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
    weights = np.full(len(vocabulary), -1, dtype=np.float32)
    return Trigram(vocabulary, weights, weights, no_keys, nothing, nothing, no_keys, nothing)


def test_a_sphinx_model_with_a_word_twice_is_refused(tmp_path):
    write_trigram(small_trigram(START, END, "a", "A"), tmp_path / "lm.nlm")
    with pytest.raises(DataError, match="the word 'a' occurs twice"):
        write_trigram(small_trigram(START, END, "a", "a"), tmp_path / "lm.nlm")


def test_a_sphinx_model_is_converted_with_small_letters_where_asked(tmp_path):
    model = convert(pocketsphinx_file("en-us.lm.bin"), tmp_path / "en.nlm", bits=8, lower_case=True)
    assert model.counts[0] == 72_547
    assert model.score_sentence("i am here")[0].order == 2


def test_a_small_sort_buffer_gives_the_same_bytes_as_a_large_one(tmp_path):
    text = random_text(n_words=20_000, n_each=500_000)
    stores = []
    for name, buffer_bytes in (("small", 1 << 20), ("large", 1 << 28)):
        reader = _core.ArpaReader(folder=str(tmp_path), buffer_bytes=buffer_bytes, lower_case=False)
        reader.push(text)
        reader.write(str(tmp_path / name), 32)
        stores.append((tmp_path / name).read_bytes())
    assert stores[0] == stores[1]
    model = NgramModel(tmp_path / "small")
    assert model.counts[2] > 450_000
    assert model.added[1] > 100_000
    model.verify()
    assert files_in(tmp_path) == ["large", "small"]


def random_text(n_words, n_each):
    """ARPA text of random bigrams and trigrams, out of order; few trigrams begin and end with a listed bigram."""
    rng = np.random.default_rng(0)
    words = np.array([START, END, *(f"w{number}" for number in range(n_words - 2))])
    sections = [[f"{-0.001 * number:.3f}\t{word}\t-0.5" for number, word in enumerate(words)]]
    for length in (2, 3):
        keys = np.unique(rng.integers(n_words**length, size=n_each))
        rng.shuffle(keys)
        columns = [words[keys // n_words**place % n_words].tolist() for place in range(length)]
        scores = rng.uniform(-3, 0, len(keys)).round(3).tolist()
        sections.append([f"{log10}\t{' '.join(ngram)}" for log10, *ngram in zip(scores, *columns, strict=True)])
    text = "\\data\\\n"
    for length, lines in enumerate(sections, start=1):
        text += f"ngram {length}={len(lines)}\n"
    for length, lines in enumerate(sections, start=1):
        text += f"\n\\{length}-grams:\n" + "\n".join(lines) + "\n"
    return f"{text}\n\\end\\\n".encode()


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN_ARPA.exists(), reason="needs the golden decoder outputs in ../shared")
def test_a_real_pruned_trigram_scores_as_kenlm_has_it(tmp_path, rng):
    kenlm = pytest.importorskip("kenlm", reason="needs the wheel ufal.kenlm")
    model = convert(GOLDEN_ARPA, tmp_path / "lm.nlm")
    plain = tmp_path / "lm.arpa"
    plain.write_bytes(gzip.decompress(GOLDEN_ARPA.read_bytes()))
    judge = kenlm.Model(str(plain))
    sentences = [normalise_for_evaluation(sentence) for sentence in everyday_sentences()]
    sentences += [" ".join(rng.choice(model.vocabulary[2:], 8)) for _ in range(1000)]
    for sentence in sentences:
        found, expected = model.score_sentence(sentence), list(judge.full_scores(sentence))
        np.testing.assert_allclose([each.log10 for each in found], [log10 for log10, _, _ in expected], atol=1e-5)
        assert [each.order for each in found] == [0 if unknown else order for _, order, unknown in expected]
