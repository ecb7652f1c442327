from __future__ import annotations

import math

import numpy as np
import pytest

from neurolect import _core
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_estimation import NgramCounting, estimate_katz, estimate_kneser_ney
from neurolect.language.ngram_mixing import fit_weights, mix


def sentences(words, n=200, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words.split(), rng.integers(1, 6))) for _ in range(n)]


CHAT, NEWS = "i you the cat is fine", "the market fell the cat rose"


@pytest.fixture
def chat(tmp_path):
    return estimate_kneser_ney(sentences(CHAT), tmp_path / "chat.nlm", NgramCounting(3))[0]


@pytest.fixture
def news(tmp_path):
    return estimate_katz(sentences(NEWS), tmp_path / "news.nlm", NgramCounting(2))


def probabilities(model, sentence):
    return np.array([10**each.log10 for each in model.score_sentence(sentence)])


def listed_counts(*models):
    """N-grams of each order that one of the models lists."""
    listed = set()
    for model in models:
        writer = _core.ArpaWriter(model.store)
        text = b""
        while piece := writer.next():
            text += piece
        listed |= {line.split("\t")[1] for line in text.decode().splitlines() if "\t" in line}
    return tuple(sum(len(ngram.split()) == length for ngram in listed) for length in (1, 2, 3))


def test_a_listed_ngram_has_the_weighted_mean_of_its_probabilities(tmp_path, chat, news):
    mixture = mix([chat, news], [0.3, 0.7], tmp_path / "mixture.nlm")
    for sentence in ("the cat", "the", "cat"):
        expected = 0.3 * probabilities(chat, sentence) + 0.7 * probabilities(news, sentence)
        assert probabilities(mixture, sentence) == pytest.approx(expected, rel=1e-4)


def test_a_mixture_lists_every_ngram_of_its_models_once(tmp_path, chat, news):
    mixture = mix([chat, news], [0.3, 0.7], tmp_path / "mixture.nlm")
    assert set(mixture.vocabulary) == set(chat.vocabulary) | set(news.vocabulary)
    assert mixture.counts == listed_counts(chat, news)


def test_a_model_mixed_with_itself_or_alone_is_itself(tmp_path, chat):
    for models, weights in (([chat], [1.0]), ([chat, chat], [0.4, 0.6]), ([chat, chat], [0.0, 1.0])):
        mixture = mix(models, weights, tmp_path / "mixture.nlm")
        assert mixture.counts == chat.counts
        for sentence in sentences(CHAT, 20, seed=1):
            assert probabilities(mixture, sentence) == pytest.approx(probabilities(chat, sentence), rel=1e-3)


def test_fitted_weights_are_those_of_the_text_s_own_mixture(chat, news):
    chat_only = fit_weights([chat, news], sentences(CHAT, seed=5))
    both = fit_weights([chat, news], sentences(CHAT, seed=5) + sentences(NEWS, seed=6))
    assert sum(chat_only) == pytest.approx(1)
    assert chat_only[0] > 0.95
    assert 0.35 < both[0] < 0.65


def test_no_other_weights_predict_the_text_better(tmp_path, chat, news):
    text = sentences(CHAT, 80, seed=5) + sentences(NEWS, 40, seed=6)

    def log_likelihood(weight):
        return sum(
            np.log(
                weight * probabilities(chat, each) * known(chat, each)
                + (1 - weight) * probabilities(news, each) * known(news, each)
            ).sum()
            for each in text
        )

    def known(model, sentence):
        return np.array([each.order > 0 for each in model.score_sentence(sentence)])

    fitted = fit_weights([chat, news], text)[0]
    best = log_likelihood(fitted)
    assert all(log_likelihood(other) <= best + 1e-6 for other in np.linspace(0.01, 0.99, 25))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "1 weights for 2 models"),
        ([0.5, 0.6], "sum to 1"),
        ([-0.5, 1.5], "not be below 0"),
        ([math.nan, 1], "sum"),
    ],
)
def test_weights_that_are_none_are_refused(tmp_path, chat, news, weights, message):
    with pytest.raises(ConfigError, match=message):
        mix([chat, news], weights, tmp_path / "mixture.nlm")


def test_weights_are_not_fitted_to_a_text_that_no_model_knows(tmp_path):
    model = estimate_katz(["a"], tmp_path / "lm.nlm", NgramCounting(1))
    with pytest.raises(DataError, match="no model knows any word"):
        fit_weights([model], ["", " "])
