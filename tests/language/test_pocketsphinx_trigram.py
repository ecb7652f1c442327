from __future__ import annotations

import math
import time

import numpy as np
import pocketsphinx
import pytest
from trigram_scorer import WORD, WORD_BITS, TrigramScorer

from neurolect.errors import DataError
from neurolect.language.pocketsphinx_trigram import read_pocketsphinx_trigram
from neurolect.text.lexicon import pocketsphinx_file

ENGLISH = pocketsphinx_file("en-us.lm.bin")


@pytest.fixture(scope="module")
def trigram():
    return read_pocketsphinx_trigram()


@pytest.fixture(scope="module")
def scorer(trigram):
    return TrigramScorer(trigram)


def test_the_english_model_has_the_n_grams_that_are_reachable_in_its_trie(trigram):
    assert len(trigram.vocabulary) == 72_547
    assert len(trigram.bigram_keys) == 2_051_541
    assert len(trigram.trigram_keys) == 1_669_625
    assert (np.diff(trigram.bigram_keys) > 0).all()
    assert (np.diff(trigram.trigram_keys) > 0).all()


@pytest.mark.parametrize("listed", ["trigram", "bigram", "only the history", "nothing"])
def test_scores_equal_pocketsphinx_at_every_back_off_depth(trigram, scorer, listed, rng):
    n = 150
    anything = rng.integers(len(trigram.vocabulary), size=(3, n))
    bigrams = rng.choice(trigram.bigram_keys, n)
    trigrams = rng.choice(trigram.trigram_keys, n)
    first, second, word = {
        "trigram": (trigrams & WORD, trigrams >> WORD_BITS & WORD, trigrams >> 2 * WORD_BITS),
        "bigram": (anything[0], bigrams & WORD, bigrams >> WORD_BITS),
        "only the history": (bigrams & WORD, bigrams >> WORD_BITS, anything[2]),
        "nothing": tuple(anything),
    }[listed]
    judge = pocketsphinx.NGramModel.readfile(str(ENGLISH))
    name = trigram.vocabulary.__getitem__
    expected = [
        judge.prob([name(w), name(v), name(u)]) * math.log(1.0001) for u, v, w in zip(first, second, word, strict=True)
    ]
    np.testing.assert_allclose(scorer.score(first, second, word), expected, atol=1e-3)


def test_the_first_word_is_scored_after_the_start_of_the_sentence_alone(scorer):
    judge = pocketsphinx.NGramModel.readfile(str(ENGLISH))
    words = ["the", "i", "zydeco"]
    expected = [judge.prob([word, "<s>"]) * math.log(1.0001) for word in words]
    np.testing.assert_allclose([scorer.score_sentence(word)[0] for word in words], expected, atol=1e-3)


def test_an_english_sentence_is_likelier_than_a_homophone_of_it_and_than_its_words_reversed(scorer):
    right = scorer.score_sentence("i want to go home").sum()
    homophone = scorer.score_sentence("i want two go home").sum()
    reversed_words = scorer.score_sentence("home go to want i").sum()
    assert right > homophone + 5 > reversed_words + 5


def test_the_words_that_may_follow_a_history_have_probabilities_that_sum_to_one(trigram, scorer):
    words = np.arange(len(trigram.vocabulary))
    one, of = scorer.ids["one"], scorer.ids["of"]
    scores = scorer.score(np.full(len(words), one), np.full(len(words), of), words)
    assert np.exp(scores.astype(np.float64)).sum() == pytest.approx(1, abs=0.01)


def test_the_n_grams_listed_are_word_ids_in_reading_order(trigram, scorer):
    (bigrams, bigram_scores, back_offs), (trigrams, trigram_scores, no_back_offs) = trigram.ngrams()
    assert bigrams.shape == (len(trigram.bigram_keys), 2)
    assert trigrams.shape == (len(trigram.trigram_keys), 3)
    of_the = (bigrams == [scorer.ids["of"], scorer.ids["the"]]).all(axis=1)
    one_of_the = (trigrams == [scorer.ids["one"], scorer.ids["of"], scorer.ids["the"]]).all(axis=1)
    assert of_the.sum() == one_of_the.sum() == 1
    assert np.exp(bigram_scores[of_the]) > 0.1
    assert trigram_scores[one_of_the] == scorer.score_sentence("one of the")[2]
    assert back_offs.any()
    assert not no_back_offs.any()


def test_added_words_get_a_unigram_and_known_words_keep_theirs():
    trigram = read_pocketsphinx_trigram(additions=["blorp", "home", "blorp"], addition_log10=-8)
    assert trigram.vocabulary.count("blorp") == 1
    assert trigram.vocabulary.count("home") == 1
    scorer = TrigramScorer(trigram)
    blorp, of = trigram.unigram[[scorer.ids["blorp"], scorer.ids["of"]]]
    assert blorp == pytest.approx(-8 * math.log(10))
    scores = scorer.score_sentence("blorp of")
    assert scores[0] < blorp / 2
    assert scores[1] == pytest.approx(of)


def test_loading_takes_less_than_three_seconds_of_cpu_time():
    start = time.process_time()
    read_pocketsphinx_trigram()
    assert time.process_time() - start < 3


@pytest.mark.parametrize("kept", [30, 1_000, 900_000, 10_000_000, 27_000_000])
def test_a_file_that_is_cut_short_is_named_in_one_line(tmp_path, kept):
    path = tmp_path / "short.lm.bin"
    path.write_bytes(ENGLISH.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"short\.lm\.bin: .*cut short") as error:
        read_pocketsphinx_trigram(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "not a sphinxbase"), (b"\\data\\\nngram 1=2", "not a sphinxbase"), (b"Trie Language Model\x02", "order")],
)
def test_another_file_is_refused_in_one_line(tmp_path, content, complaint):
    path = tmp_path / "other.arpa"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"other\.arpa: .*{complaint}"):
        read_pocketsphinx_trigram(path)


def test_a_damaged_file_is_refused_rather_than_read_wrong(tmp_path):
    content = bytearray(ENGLISH.read_bytes())
    content[2_000_000:2_000_400] = bytes(400)
    path = tmp_path / "damaged.lm.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged\.lm\.bin: the language model is damaged"):
        read_pocketsphinx_trigram(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.lm\.bin: cannot read"):
        read_pocketsphinx_trigram(tmp_path / "absent.lm.bin")
