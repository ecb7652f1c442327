from __future__ import annotations

import math
import time

import numpy as np
import pocketsphinx
import pytest

from neurolect.errors import DataError
from neurolect.language.pocketsphinx_trigram import read_pocketsphinx_trigram
from neurolect.text.lexicon import pocketsphinx_file

ENGLISH = pocketsphinx_file("en-us.lm.bin")


@pytest.fixture(scope="module")
def trigram():
    return read_pocketsphinx_trigram()


def ids(trigram, words):
    return [trigram.vocabulary.index(word) for word in words]


def score_after(trigram, first, second, word):
    """Word ids (n,) each → log P(word | first second), the history built as a search builds it."""
    start = np.full(len(word), trigram.start())
    _, states = trigram.score(start, first)
    _, states = trigram.score(states, second)
    return trigram.score(states, word)[0]


def log_probability(trigram, sentence):
    total, states = 0.0, np.array([trigram.start()])
    for word in ids(trigram, sentence.split()):
        scores, states = trigram.score(states, np.array([word]))
        total += scores[0]
    return total + trigram.finish(states)[0]


def test_the_english_model_has_the_n_grams_that_are_reachable_in_its_trie(trigram):
    assert len(trigram.vocabulary) == 72_547
    assert len(trigram.bigram_keys) == 2_051_541
    assert len(trigram.trigram_keys) == 1_669_625
    assert (np.diff(trigram.bigram_keys) > 0).all()
    assert (np.diff(trigram.trigram_keys) > 0).all()


@pytest.mark.parametrize("listed", ["trigram", "bigram", "only the history", "nothing"])
def test_scores_equal_pocketsphinx_at_every_back_off_depth(trigram, listed, rng):
    n, mask = 150, (1 << 20) - 1
    anything = rng.integers(len(trigram.vocabulary), size=(3, n))
    bigrams = rng.choice(trigram.bigram_keys, n)
    trigrams = rng.choice(trigram.trigram_keys, n)
    first, second, word = {
        "trigram": (trigrams & mask, trigrams >> 20 & mask, trigrams >> 40),
        "bigram": (anything[0], bigrams & mask, bigrams >> 20),
        "only the history": (bigrams & mask, bigrams >> 20, anything[2]),
        "nothing": tuple(anything),
    }[listed]
    judge = pocketsphinx.NGramModel.readfile(str(ENGLISH))
    name = trigram.vocabulary.__getitem__
    expected = [
        judge.prob([name(w), name(v), name(u)]) * math.log(1.0001) for u, v, w in zip(first, second, word, strict=True)
    ]
    np.testing.assert_allclose(score_after(trigram, first, second, word), expected, atol=1e-3)


def test_the_first_word_is_scored_after_the_start_of_the_sentence_alone(trigram):
    judge = pocketsphinx.NGramModel.readfile(str(ENGLISH))
    words = ["the", "i", "zydeco"]
    scores, _ = trigram.score(np.full(3, trigram.start()), np.array(ids(trigram, words)))
    expected = [judge.prob([word, "<s>"]) * math.log(1.0001) for word in words]
    np.testing.assert_allclose(scores, expected, atol=1e-3)


def test_an_english_sentence_is_likelier_than_a_homophone_of_it_and_than_its_words_reversed(trigram):
    right = log_probability(trigram, "i want to go home")
    homophone = log_probability(trigram, "i want two go home")
    reversed_words = log_probability(trigram, "home go to want i")
    assert right > homophone + 5 > reversed_words + 5


def test_the_words_that_may_follow_a_history_have_probabilities_that_sum_to_one(trigram):
    state = np.array([trigram.start()])
    for word in ids(trigram, ["one", "of"]):
        _, state = trigram.score(state, np.array([word]))
    words = np.arange(len(trigram.vocabulary))
    scores, _ = trigram.score(np.repeat(state, len(words)), words)
    assert np.exp(scores.astype(np.float64)).sum() == pytest.approx(1, abs=0.01)


def test_added_words_get_a_unigram_and_known_words_keep_theirs():
    trigram = read_pocketsphinx_trigram(additions=["blorp", "home", "blorp"], addition_log10=-8)
    assert trigram.vocabulary.count("blorp") == 1
    assert trigram.vocabulary.count("home") == 1
    blorp, of = ids(trigram, ["blorp", "of"])
    assert trigram.unigram[blorp] == pytest.approx(-8 * math.log(10))
    scores, states = trigram.score(np.array([trigram.start()]), np.array([blorp]))
    assert scores[0] < trigram.unigram[blorp] / 2
    after, _ = trigram.score(states, np.array([of]))
    assert after[0] == pytest.approx(trigram.unigram[of])


def test_no_histories_give_no_scores(trigram):
    nothing = np.empty(0, dtype=np.int64)
    scores, states = trigram.score(nothing, nothing)
    assert len(scores) == len(states) == len(trigram.finish(nothing)) == 0


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
