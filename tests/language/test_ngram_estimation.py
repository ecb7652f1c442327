from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_building import build
from neurolect.language.ngram_estimation import NgramCounting, estimate_katz, estimate_kneser_ney
from neurolect.language.ngram_mixing import fit_weights, mix
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_pruning import prune

WORDS = "abcd"
sentences = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=30).filter(
    lambda lines: any(lines)
)
in_a_folder_each = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def total_of_worst_context(model: NgramModel) -> float:
    """Sum of the probabilities of all words after each history of up to order − 1 words; the one farthest from 1."""
    events = [word for word in model.vocabulary if word != "<s>"]
    ids = model.find(events)
    inner = [word for word in events if word != "</s>"]
    totals = []
    for length in range(model.order):
        for history in product(inner, repeat=length):
            for first in ((), ("<s>",)):
                context = 0
                for word in (*first, *history):
                    _, after = model.score(np.array([context]), model.find([word]))
                    context = int(after[0])
                log, _ = model.score(np.full(len(ids), context), ids)
                totals.append(float(np.exp(log.astype(np.float64)).sum()))
    return max(totals, key=lambda total: abs(total - 1))


def log10_after(model, history, word):
    context = 0
    for each in history:
        context = int(model.score(np.array([context]), model.find([each]))[1][0])
    return float(model.score(np.array([context]), model.find([word]))[0][0]) / math.log(10)


@in_a_folder_each
@given(lines=sentences, order=st.integers(1, 4), least=st.sampled_from([(), (1, 1, 2), (1, 2), (2,)]))
def test_the_words_after_every_history_sum_to_1_with_kneser_ney(tmp_path, lines, order, least):
    model, _ = estimate_kneser_ney(lines, tmp_path / "lm.nlm", NgramCounting(order, least_counts=least[:order]))
    assert total_of_worst_context(model) == pytest.approx(1, abs=2e-5)


@in_a_folder_each
@given(lines=sentences, order=st.integers(1, 4), least=st.sampled_from([(), (1, 1, 2)]))
def test_the_words_after_every_history_sum_to_1_with_katz(tmp_path, lines, order, least):
    model = estimate_katz(lines, tmp_path / "lm.nlm", NgramCounting(order, least_counts=least[:order]))
    assert total_of_worst_context(model) == pytest.approx(1, abs=2e-5)


@in_a_folder_each
@given(
    lines=sentences,
    order=st.integers(2, 4),
    threshold=st.sampled_from([1e-4, 1e-3, 1e-2, 1e-1, 1e9]),
    smoothing=st.sampled_from(["kneser_ney", "katz"]),
)
def test_the_words_after_every_history_sum_to_1_after_pruning(tmp_path, lines, order, threshold, smoothing):
    model = build(lines, tmp_path / "lm.nlm", NgramCounting(order), smoothing, prune_below=threshold)
    assert total_of_worst_context(model) == pytest.approx(1, abs=2e-5)


@in_a_folder_each
@given(
    first=sentences, second=sentences, orders=st.tuples(st.integers(1, 4), st.integers(1, 4)), weight=st.floats(0, 1)
)
def test_the_words_after_every_history_sum_to_1_in_a_mixture(tmp_path, first, second, orders, weight):
    models = [
        estimate_kneser_ney(first, tmp_path / "first.nlm", NgramCounting(orders[0]))[0],
        estimate_katz(second, tmp_path / "second.nlm", NgramCounting(orders[1])),
    ]
    mixture = mix(models, [weight, 1 - weight], tmp_path / "mixture.nlm")
    assert total_of_worst_context(mixture) == pytest.approx(1, abs=2e-5)
