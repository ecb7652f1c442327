from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from trigram_scorer import WORD, WORD_BITS, TrigramScorer

from backoff_ngrams import END, START
from neurolect.data.simulated_dataset import everyday_sentences
from neurolect.errors import DataError
from neurolect.language.ngram_conversion import convert, write_english_trigram, write_trigram
from neurolect.language.ngram_model import NgramModel
from neurolect.language.pocketsphinx_trigram import ABSENT_WORD_LOG10, Trigram, read_pocketsphinx_trigram
from neurolect.text.lexicon import pocketsphinx_file
from neurolect.text.normalise import normalise_for_evaluation
from neurolect.text.text_lines import read_sentences

TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "real" / "transcripts_train.txt"


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
