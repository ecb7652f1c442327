from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from smoothing_oracles import katz, kneser_ney

from neurolect import _core
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_building import build
from neurolect.language.ngram_estimation import NgramCounting, estimate_katz, estimate_kneser_ney
from neurolect.language.ngram_mixing import mix
from neurolect.language.ngram_model import NgramModel

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


def probability(model, history, word):
    context = 0
    for each in history:
        context = int(model.score(np.array([context]), model.find([each]))[1][0])
    return math.exp(model.score(np.array([context]), model.find([word]))[0][0])


def zipfian_sentences(seed, n=150, n_words=9):
    """Text with counts of 1, 2, 3, … at all orders."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, n_words + 1)
    words = [f"w{number}" for number in range(n_words)]
    return [" ".join(rng.choice(words, rng.integers(1, 7), p=weights / weights.sum())) for _ in range(n)]


def assert_probabilities_are(model, expected, rng, order, n=300):
    words = [word for word in model.vocabulary if word not in ("<s>", "</s>", "<unk>")]
    events = [*words, "</s>", "<unk>"]
    for _ in range(n):
        history = tuple(map(str, rng.choice(words, rng.integers(0, order + 1))))
        if rng.random() < 0.3:
            history = ("<s>", *history)
        word = str(rng.choice(events))
        assert probability(model, history, word) == pytest.approx(expected(history, word), rel=1e-4), (history, word)


@in_a_folder_each
@given(
    lines=sentences,
    order=st.integers(1, 4),
    least=st.sampled_from([(), (1, 1, 2), (1, 2), (2,)]),
    vocabulary=st.sampled_from([None, ["a", "b"], ["a"]]),
)
def test_the_words_after_every_history_sum_to_1_with_kneser_ney(tmp_path, lines, order, least, vocabulary):
    model, _ = estimate_kneser_ney(lines, tmp_path / "lm.nlm", NgramCounting(order, vocabulary, least[:order]))
    assert total_of_worst_context(model) == pytest.approx(1, abs=2e-5)


@in_a_folder_each
@given(
    lines=sentences,
    order=st.integers(1, 4),
    least=st.sampled_from([(), (1, 1, 2)]),
    vocabulary=st.sampled_from([None, ["a", "b"], ["a"]]),
)
@example(lines=["a a a", "a a a b"], order=2, least=(), vocabulary=["a"])
def test_the_words_after_every_history_sum_to_1_with_katz(tmp_path, lines, order, least, vocabulary):
    model = estimate_katz(lines, tmp_path / "lm.nlm", NgramCounting(order, vocabulary, least[:order]))
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


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("least_counts", [(), (1, 1, 2), (2,)])
def test_kneser_ney_gives_the_probabilities_of_its_definition(tmp_path, rng, order, least_counts):
    lines = zipfian_sentences(order)
    counting = NgramCounting(order, least_counts=least_counts[:order])
    model, discounts = estimate_kneser_ney(lines, tmp_path / "lm.nlm", counting)
    least = counting.least_count_of_each_order
    assert_probabilities_are(model, kneser_ney(lines, order, least), rng, order)
    assert len(discounts) == order


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_katz_gives_the_probabilities_of_its_definition(tmp_path, rng, order):
    lines = zipfian_sentences(order)
    model = estimate_katz(lines, tmp_path / "lm.nlm", NgramCounting(order))
    assert_probabilities_are(model, katz(lines, order), rng, order)


def test_a_bigram_model_of_two_sentences_can_be_checked_by_hand(tmp_path):
    model, discounts = estimate_kneser_ney(["a b", "a"], tmp_path / "lm.nlm", NgramCounting(2))
    # Too little text for discounts of its own: 0.5 off a count of 1, 1 off a count of 2.
    assert not any(each.estimated for each in discounts)
    # a comes after <s>; b after a; </s> after a and b: 4 bigrams, and 5 words with <unk> but without <s> are 4.
    left = (0.5 + 0.5 + 1) / 4
    unigram = {"a": 0.5 / 4 + left / 4, "b": 0.5 / 4 + left / 4, "</s>": 1 / 4 + left / 4, "<unk>": left / 4}
    for word, expected in unigram.items():
        assert probability(model, (), word) == pytest.approx(expected, rel=1e-5)
    assert probability(model, ("<s>",), "a") == pytest.approx((2 - 1) / 2 + 1 / 2 * unigram["a"], rel=1e-5)
    assert probability(model, ("a",), "b") == pytest.approx(0.5 / 2 + (0.5 + 0.5) / 2 * unigram["b"], rel=1e-5)
    assert probability(model, ("b",), "a") == pytest.approx(0.5 * unigram["a"], rel=1e-5)


def test_sorting_on_disk_changes_nothing(tmp_path):
    lines = zipfian_sentences(1, n=20_000, n_words=500)
    models = [
        estimate_kneser_ney(lines, tmp_path / f"{size}.nlm", NgramCounting(4, buffer_bytes=size))[0]
        for size in (1 << 16, 1 << 28)
    ]
    assert models[0].path.read_bytes() == models[1].path.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(model.path.name for model in models)


@pytest.mark.parametrize("smoothing", ["kneser_ney", "katz"])
@pytest.mark.parametrize(("buffer_bytes", "least_counts"), [(1 << 16, (1, 1, 2)), (1 << 20, ()), (1 << 28, (2, 2, 3))])
def test_the_model_does_not_depend_on_the_number_of_threads(tmp_path, smoothing, buffer_bytes, least_counts):
    lines = zipfian_sentences(2, n=5_000, n_words=300)
    for threads in (1, 2, 5, 16):
        counting = NgramCounting(4, least_counts=least_counts, buffer_bytes=buffer_bytes, threads=threads)
        build(lines, tmp_path / f"{threads}.nlm", counting, smoothing)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_any_number_of_sorted_runs_gives_the_same_model(tmp_path):
    words = np.random.default_rng(0).integers(0, 30, 300_000).astype(str).reshape(-1, 10)
    lines = [" ".join(line) for line in words]
    for name, buffer_bytes in (("tiny", 1), ("large", 1 << 28)):
        counter = _core.NgramCounter(2, str(tmp_path), buffer_bytes, [], 1)
        counter.push("\n".join(lines).encode())
        place = _core.NgramTarget(str(tmp_path / name), 32, str(tmp_path), buffer_bytes, 1)
        _core.write_kneser_ney(counter, [], place)
    assert (tmp_path / "tiny").read_bytes() == (tmp_path / "large").read_bytes()


def test_words_outside_the_vocabulary_count_as_unknown(tmp_path):
    lines = zipfian_sentences(1)
    limited = NgramCounting(3, vocabulary=["w0", "w1", "never"])
    replaced = [" ".join(word if word in ("w0", "w1") else "<unk>" for word in line.split()) for line in lines]
    model, _ = estimate_kneser_ney(lines, tmp_path / "limited.nlm", limited)
    same, _ = estimate_kneser_ney(replaced, tmp_path / "same.nlm", limited)
    assert sorted(model.vocabulary) == ["</s>", "<s>", "<unk>", "never", "w0", "w1"]
    assert model.path.read_bytes() == same.path.read_bytes()
    assert probability(model, ("<unk>",), "w0") > probability(model, ("<unk>",), "never") > 0


def test_blank_lines_and_odd_spacing_count_for_nothing(tmp_path):
    neat, _ = estimate_kneser_ney(["a b", "b c a"], tmp_path / "neat.nlm", NgramCounting())
    odd, _ = estimate_kneser_ney(["", " a\t b\r\n", "\n", "b  c a  "], tmp_path / "odd.nlm", NgramCounting())
    assert neat.path.read_bytes() == odd.path.read_bytes()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "the text has no words"),
        (["", " "], "the text has no words"),
        (["a", "b <s> c"], "line 2: '<s>' stands among the words"),
        (["a </s>"], "line 1: '</s>' stands among the words"),
        (["\ud800"], "not UTF-8"),
    ],
)
def test_text_that_gives_no_model_is_refused_and_nothing_is_left_behind(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        estimate_kneser_ney(lines, tmp_path / "lm.nlm", NgramCounting())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 0}, "order is 0"),
        ({"order": 7}, "order is 7"),
        ({"order": 2, "least_counts": (1, 1, 2)}, "least_counts has 3 values"),
        ({"least_counts": (2, 1)}, "must not fall"),
        ({"vocabulary": []}, "the vocabulary has no words"),
        ({"buffer_bytes": 10}, "buffer_bytes is 10"),
        ({"buffer_bytes": 1 << 70}, "buffer_bytes is"),
        ({"least_counts": (1 << 70,)}, "no n-gram occurs so often"),
        ({"threads": 0}, "threads is 0"),
        ({"threads": 1 << 40}, "threads is"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        NgramCounting(**settings)
