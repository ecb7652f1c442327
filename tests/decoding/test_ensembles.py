from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, logsumexp

from neurolect.decoding.ensembles import combine_models
from neurolect.errors import ConfigError, DataError

SCORES = st.floats(-50, 50, width=32)
MODELS = arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 12), st.just(41)), elements=SCORES)
MEANS = ["arithmetic", "geometric"]


@pytest.mark.parametrize("mean", MEANS)
@given(logits=MODELS, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_chunks_of_frames_give_the_whole_bit_for_bit(mean, logits, cuts):
    whole = combine_models(list(logits), mean)
    chunks = np.split(np.asfortranarray(logits), sorted(cuts), axis=1)
    pieces = [combine_models(list(chunk), mean) for chunk in chunks]
    np.testing.assert_array_equal(np.concatenate(pieces), whole, strict=True)
    assert whole.dtype == np.float32


@pytest.mark.parametrize("mean", MEANS)
@given(logits=MODELS)
def test_every_frame_is_a_distribution(mean, logits):
    np.testing.assert_allclose(np.exp(combine_models(list(logits), mean)).sum(axis=-1), 1, rtol=1e-5)


def test_the_arithmetic_mean_is_that_of_the_probabilities(rng):
    logits = rng.normal(size=(3, 7, 41))
    weights = np.array([1.0, 2.0, 5.0])
    expected = logsumexp(log_softmax(logits, axis=-1), b=(weights / 8)[:, None, None], axis=0)
    np.testing.assert_allclose(combine_models(list(logits), weights=weights), expected, rtol=1e-6)


def test_the_geometric_mean_is_that_of_the_log_probabilities(rng):
    logits = rng.normal(size=(3, 7, 41))
    weights = [0.5, 1.0, 2.5]
    expected = log_softmax(np.average(log_softmax(logits, axis=-1), axis=0, weights=weights), axis=-1)
    np.testing.assert_allclose(combine_models(list(logits), "geometric", weights), expected, rtol=1e-6)


@pytest.mark.parametrize("mean", MEANS)
def test_models_that_agree_leave_their_answer_whatever_constant_each_adds(mean, rng):
    logits = rng.normal(size=(2, 5, 41))
    combined = combine_models([logits, logits + 3.0, logits - 700.0], mean)
    np.testing.assert_allclose(combined, log_softmax(logits, axis=-1), atol=1e-5)


def test_one_sure_model_wins_the_arithmetic_mean_and_a_veto_the_geometric():
    sure, doubtful = np.array([[0.0, -np.inf, -np.inf]]), np.array([[-np.inf, 0.0, -8.0]])
    np.testing.assert_allclose(np.exp(combine_models([sure, doubtful]))[0, 0], 0.5)
    with pytest.raises(DataError, match="rule out every class"):
        combine_models([sure, doubtful], "geometric")
    likely = np.array([[0.0, 0.0, -np.inf]])
    np.testing.assert_allclose(np.exp(combine_models([likely, doubtful], "geometric")), [[0, 1, 0]])


@pytest.mark.parametrize("mean", MEANS)
def test_a_class_that_every_model_rules_out_stays_impossible(mean):
    logits = np.array([[0.0, -np.inf, 0.0]])
    np.testing.assert_allclose(np.exp(combine_models([logits, logits], mean)), [[0.5, 0, 0.5]])


@pytest.mark.parametrize("mean", MEANS)
def test_no_frames_give_no_frames(mean):
    assert combine_models([np.empty((0, 41))] * 2, mean).shape == (0, 41)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_logits_that_are_not_numbers_name_their_model(broken):
    faulty = np.zeros((4, 41))
    faulty[2, 3] = broken
    with pytest.raises(DataError, match="model 2 has logits that are not numbers"):
        combine_models([np.zeros((4, 41)), faulty])


def test_different_shapes_name_the_model():
    with pytest.raises(DataError, match=r"model 3 has logits \(5, 41\), model 1 has \(4, 41\)"):
        combine_models([np.zeros((4, 41)), np.zeros((4, 41)), np.zeros((5, 41))])


@pytest.mark.parametrize(
    ("models", "settings", "complaint"),
    [
        (0, {}, "no model"),
        (2, {"weights": [1.0]}, "1 weights for 2 models"),
        (2, {"weights": [1.0, 0.0]}, "must be above zero"),
        (2, {"weights": [1.0, np.nan]}, "must be above zero"),
        (2, {"mean": "harmonic"}, "mean is 'harmonic'"),
    ],
)
def test_impossible_settings_are_refused(models, settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        combine_models([np.zeros((3, 41))] * models, **settings)
