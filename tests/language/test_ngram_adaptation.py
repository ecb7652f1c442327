from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_arpa import files_in

from neurolect.errors import ConfigError, DataError
from neurolect.language.corpus import read_corpus
from neurolect.language.english import english_trigram
from neurolect.language.ngram_adaptation import adapt
from neurolect.language.ngram_estimation import NgramCounting, estimate_kneser_ney
from neurolect.language.ngram_mixing import fit_weights
from neurolect.language.ngram_model import UNKNOWN_WORD

TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "real" / "transcripts_train.txt"


def sentences(words, n=200, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words.split(), rng.integers(1, 6))) for _ in range(n)]


NEWS, MINE = "the market fell the cat rose again", "feed my cat smokey the blanket please"


@pytest.fixture
def base(tmp_path):
    return estimate_kneser_ney(sentences(NEWS), tmp_path / "base.nlm", NgramCounting(3))[0]


def probabilities(model, sentence):
    return np.array([10**each.log10 for each in model.score_sentence(sentence)])


def test_an_adapted_model_is_the_weighted_mean_of_the_base_and_the_sentences(base, tmp_path):
    mine = sentences(MINE, seed=1)
    adapted = adapt(base, mine, tmp_path / "mine.nlm", order=2, weight=0.3)
    own = estimate_kneser_ney(mine, tmp_path / "own.nlm", NgramCounting(2))[0]
    expected = 0.7 * probabilities(base, "the cat") + 0.3 * probabilities(own, "the cat")
    assert probabilities(adapted.model, "the cat") == pytest.approx(expected, rel=1e-4)
    assert adapted.weight == 0.3


def test_words_that_are_new_to_the_base_get_in_and_none_gets_lost(base, tmp_path):
    adapted = adapt(base, sentences(MINE, seed=1), tmp_path / "mine.nlm")
    assert set(adapted.new_words) == set(MINE.split()) - set(NEWS.split())
    assert set(adapted.model.vocabulary) == set(base.vocabulary) | set(adapted.new_words)
    assert UNKNOWN_WORD not in adapted.model.find(adapted.new_words)


def test_the_fitted_weight_is_that_for_what_the_person_says_later(base, tmp_path):
    mine = [line for pair in zip(sentences(MINE, seed=1), sentences(NEWS, seed=2), strict=True) for line in pair]
    later = sentences(MINE, seed=3) + sentences(NEWS, seed=4)
    own = estimate_kneser_ney(mine, tmp_path / "own.nlm", NgramCounting(3))[0]
    best = fit_weights([base, own], later)[1]
    assert adapt(base, mine, tmp_path / "mine.nlm").weight == pytest.approx(best, abs=0.1)


def test_the_gain_is_measured_on_sentences_that_took_no_part(base, tmp_path):
    later = sentences(MINE, seed=3)
    gain = adapt(base, sentences(MINE, seed=1), tmp_path / "mine.nlm").gain
    truly = adapt(base, sentences(MINE, seed=1), tmp_path / "mine.nlm", validation=later).gain
    assert truly.words == sum(len(line.split()) + 1 for line in later)
    assert gain.perplexity_after == pytest.approx(truly.perplexity_after, rel=0.1)
    assert gain.perplexity_after < gain.perplexity_before
    assert gain.unknown_after == 0 < gain.unknown_before


def test_what_is_said_only_once_does_not_count_as_predicted(base, tmp_path):
    """Each sentence has a word of its own: predicted from the others alone, none of these is known."""
    mine = [f"the cat name{n}" for n in range(40)]
    gain = adapt(base, mine, tmp_path / "mine.nlm").gain
    assert gain.unknown_after == 40


def test_validation_takes_the_place_of_the_sentences_in_fitting(base, tmp_path):
    mine = sentences(MINE, seed=1)
    like_mine = adapt(base, mine, tmp_path / "a.nlm", validation=sentences(MINE, seed=3))
    like_news = adapt(base, mine, tmp_path / "b.nlm", validation=sentences(NEWS, seed=3))
    assert like_news.weight < 0.1 < 0.8 < like_mine.weight


def test_a_text_that_never_needs_the_base_does_not_remove_it(base, tmp_path):
    adapted = adapt(base, ["feed smokey"] * 20, tmp_path / "mine.nlm")
    assert 0.9 < adapted.weight < 0.999
    assert probabilities(adapted.model, "market").min() > 1e-5


def test_pruning_leaves_fewer_ngrams(base, tmp_path):
    whole = adapt(base, sentences(MINE, seed=1), tmp_path / "a.nlm")
    pruned = adapt(base, sentences(MINE, seed=1), tmp_path / "b.nlm", prune_below=1e-3, bits=8)
    assert len(pruned.model) < len(whole.model)
    assert pruned.model.bits == 8


def test_only_the_model_is_left_even_in_the_place_of_the_base(base, tmp_path):
    adapted = adapt(base, sentences(MINE, seed=1), tmp_path / "base.nlm", prune_below=1e-6)
    assert files_in(tmp_path) == ["base.nlm"]
    assert "smokey" in adapted.model.vocabulary


def test_one_sentence_needs_a_weight(base, tmp_path):
    with pytest.raises(
        DataError, match=r"^one sentence is too little to fit a weight to; give a weight, or validation"
    ):
        adapt(base, ["feed smokey"], tmp_path / "mine.nlm")
    adapted = adapt(base, ["", "feed smokey"], tmp_path / "mine.nlm", weight=0.5)
    assert adapted.gain is None
    assert "smokey" in adapted.model.vocabulary


@pytest.mark.parametrize("weight", [0.0, 1.0, -0.5, float("nan")])
def test_a_weight_that_leaves_nothing_of_either_is_refused(base, tmp_path, weight):
    with pytest.raises(ConfigError, match=r"^weight is .*, it must be above 0 and below 1$"):
        adapt(base, ["the cat", "my cat"], tmp_path / "mine.nlm", weight=weight)


def test_no_sentence_is_refused(base, tmp_path):
    with pytest.raises(DataError):
        adapt(base, [""], tmp_path / "mine.nlm", weight=0.5)
    assert files_in(tmp_path) == ["base.nlm"]


@pytest.mark.skipif(not TRANSCRIPTS.exists(), reason="needs the transcripts in ../shared")
def test_what_participants_said_first_helps_to_predict_what_they_said_last(tmp_path):
    lines = list(read_corpus([TRANSCRIPTS]))
    first, last = lines[: len(lines) * 4 // 5], lines[len(lines) * 4 // 5 :]
    trigram = english_trigram()
    adapted = adapt(trigram, first, tmp_path / "mine.nlm")
    before, after = trigram.perplexity(last), adapted.model.perplexity(last)
    assert after.with_unknown < 0.9 * before.with_unknown
    assert after.unknown <= before.unknown
