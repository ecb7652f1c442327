"""What is fuzzed of making n-gram models: text that is counted, models that are pruned and mixed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from decoding_inputs import Attempts
from model_use import some_sentences, use_model
from mutations import damaged_text, overwritten, pick, some_of
from numpy.random import Generator
from small_models import arpa_text, forged, model_of

from neurolect import _core
from neurolect.language.corpus import read_corpus
from neurolect.language.ngram_building import build
from neurolect.language.ngram_estimation import NgramCounting
from neurolect.language.ngram_mixing import fit_weights, mix
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_pruning import prune

_WORDS = ("a", "b", "c", "d", "ab", "A", "\u00e9", "<unk>")
_BUFFERS = (0, 1, 100, 1 << 12, 1 << 14, 1 << 16, 1 << 20, 1 << 62)
_THRESHOLDS = (0.0, 1e-9, 1e-3, 0.1, 1.0, 1e9, 1e300, math.inf)


def fuzz_text(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """Text files: what can be counted must give sound models, and the same with any memory and number of threads."""
    text = "\n".join(" ".join(some_of(rng, _WORDS, 0, 9)) for _ in range(int(rng.integers(0, 60))))
    path = folder / "text.txt"
    path.write_bytes(text.encode() if rng.random() < 0.5 else damaged_text(text, rng))
    cleaning, unit = pick(rng, ("none", "none", "spoken", "reference")), pick(rng, ("word", "word", "letter"))
    counting = attempt(lambda: some_counting(rng))
    if counting is None:
        return
    smoothing, bits = pick(rng, ("kneser_ney", "katz")), pick(rng, (32, 32, 8))
    threshold = pick(rng, (0.0, 0.0, *_THRESHOLDS, -1.0, math.nan))

    def built(name: str, counting: NgramCounting) -> NgramModel | None:
        lines = read_corpus([path], cleaning, unit)
        return attempt(lambda: build(lines, folder / name, counting, smoothing, threshold, bits))

    model = built("model.nlm", counting)
    other = built("other.nlm", replace(counting, buffer_bytes=pick(rng, (1 << 16, 1 << 22)), threads=pick(rng, (1, 3))))
    assert (model is None) == (other is None), "refused with one setting only"
    expected = {"text.txt"} if model is None else {"text.txt", "model.nlm", "other.nlm"}
    assert {each.name for each in folder.iterdir()} == expected, "files are left behind"
    if model is None or other is None:
        return
    assert model.path.read_bytes() == other.path.read_bytes(), "another model with other memory or threads"
    check_sums(model, rng, tolerance=1e-3 if bits == 32 else 0.5)
    check_readable(model)
    use_model(model, rng, attempt)


def some_counting(rng: Generator) -> NgramCounting:
    """Settings of counting.

    Raises:
        ConfigError: what was drawn is out of its range.
    """
    order = pick(rng, (1, 2, 3, 3, 4, 5, 6))
    least = sorted(some_of(rng, (0, 1, 2, 3, 2**40), 0, order))
    vocabulary = pick(rng, (None, None, [], ["a", "b"], ["a", "a", "<s>", "nowhere"], ["\x00", "", " "]))
    buffer_bytes, threads = pick(rng, (1 << 16, 1 << 22)), pick(rng, (1, 2, 7))
    if rng.random() < 0.1:
        order, threads = pick(rng, (3, -1, 0, 7, 2**31, 2**40)), pick(rng, (-1, 0, 1, 2**40))
    if rng.random() < 0.1:
        least, buffer_bytes = some_of(rng, (-1, 5, 2**70), 1, 9), pick(rng, (*_BUFFERS, 2**70))
    return NgramCounting(order, vocabulary, least, buffer_bytes, threads)


def fuzz_counter(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """The counter itself, with nothing checked before: bytes in pieces, absurd sizes, one more go when it is done."""
    text = "\n".join(" ".join(some_of(rng, _WORDS, 0, 9)) for _ in range(int(rng.integers(0, 200))))
    data = damaged_text(text, rng) if rng.random() < 0.5 else text.encode()
    if rng.random() < 0.1:
        data += pick(rng, (b" a", b"a", b"\xc3\xa9", b" ")) * pick(rng, (1_000, 300_000))
    order = pick(rng, (1, 2, 3, 5, 6, 8)) if rng.random() < 0.9 else pick(rng, (0, 9, 100, 2**32 - 1))
    least = some_of(rng, (0, 1, 2, 2**63, 2**64 - 1), 0, 10)
    vocabulary = some_of(rng, (*_WORDS, "<s>", ""), 0, 5)
    estimate = pick(rng, (_core.write_kneser_ney, _core.write_katz))

    def estimated(name: str, cuts: np.ndarray) -> bytes | None:
        buffer_bytes, threads = pick(rng, _BUFFERS), pick(rng, (*[1] * 12, 0, 2, 2, 9))
        counter = attempt(lambda: _core.NgramCounter(order, str(folder), buffer_bytes, vocabulary, threads))
        if counter is None:
            return None
        begin = 0
        for end in [*cuts, len(data)]:
            if attempt(lambda piece=data[begin:end]: counter.push(piece) or True) is None:
                break
            begin = end
        target = _core.NgramTarget(str(folder / name), pick(rng, (32, 32, 7)), str(folder), buffer_bytes, threads)
        done = attempt(lambda: estimate(counter, least, target) or True)
        attempt(lambda: counter.push(b"a b\n"))
        attempt(lambda: estimate(counter, least, target))
        return (folder / name).read_bytes() if done else None

    answers = [estimated("whole", np.zeros(0, int)), estimated("pieces", np.sort(rng.integers(0, len(data) + 1, 5)))]
    if all(answers):
        assert answers[0] == answers[1], "another model of the same text in pieces"


def fuzz_models(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """Stores that nobody would write, pruned and mixed: what comes out must be a store that can be read."""
    models = []
    for number in range(int(rng.integers(1, 4))):
        place = folder / str(number)
        place.mkdir()
        model = attempt(lambda place=place: some_store(rng, place))
        models += [model] if model is not None else []
    for number, model in enumerate(models):
        threshold = pick(rng, _THRESHOLDS if rng.random() < 0.9 else (-1.0, math.nan))
        out = folder / f"pruned{number}.nlm"
        pruned = attempt(lambda: prune(model, threshold, out, pick(rng, (32, 8))))  # noqa: B023
        if pruned is not None:
            check_readable(pruned)
    weights = attempt(lambda: fit_weights(models, some_sentences(rng, models[0]))) if models else None
    if weights is None or rng.random() < 0.5:
        weights = some_of(rng, (0.0, 0.5, 1.0, 1e-30, -1.0, math.nan, math.inf), 0, 4)
    mixture = attempt(lambda: mix(models, weights, folder / "mixture.nlm", pick(rng, (32, 8))))
    if mixture is not None:
        check_readable(mixture)
        use_model(mixture, rng, attempt)


def some_store(rng: Generator, folder: Path) -> NgramModel:
    """A store of odd n-grams and values, or one whose bytes were changed and whose checksums are right again.

    Raises:
        DataError: what was drawn is refused.
    """
    if rng.random() < 0.3:
        data = model_of(arpa_text(rng), folder, bits=pick(rng, (8, 32))).path.read_bytes()
        for _ in range(int(rng.integers(0, 4))):
            data = overwritten(data, int(rng.integers(len(data) // 4)) * 4, rng)
        (folder / "forged.nlm").write_bytes(forged(data))
        return NgramModel(folder / "forged.nlm")
    order = int(rng.integers(1, 6))
    builder = _core.NgramBuilder(order, str(folder), pick(rng, (0, 1 << 20)))
    words = [*pick(rng, ((), ("<s>", "</s>"), ("<s>", "</s>", "<unk>"))), *_WORDS[: int(rng.integers(1, 8))]]
    usual = [-2.0, -1.0, -0.5, -0.1, -99.0]
    values = usual if rng.random() < 0.5 else [*usual, 0.0, 0.5, 3.0, 38.0, 400.0, 1e4, 1e5, -400.0, -1e5]
    values = values if rng.random() < 0.9 else [*values, math.inf, -math.inf, math.nan]
    for word in words:
        builder.add_word(word, pick(rng, values), pick(rng, values))
    for length in range(2, order + 1):
        n = int(rng.integers(0, 20))
        ngrams = rng.integers(0, len(words), (n, length)).astype(np.uint32)
        ngrams = np.unique(ngrams, axis=0) if rng.random() < 0.95 else ngrams
        log10, backoffs = (np.array([pick(rng, values) for _ in ngrams], dtype=np.float32) for _ in range(2))
        builder.add_ngrams(ngrams, log10, backoffs)
    builder.write(str(folder / "odd.nlm"), pick(rng, (8, 32)))
    return NgramModel(folder / "odd.nlm")


def check_readable(model: NgramModel) -> None:
    """Assert that a store that was just written is sound and can be written as ARPA text."""
    model.verify()
    writer = _core.ArpaWriter(model.store)
    while writer.next():
        pass


def check_sums(model: NgramModel, rng: Generator, tolerance: float) -> None:
    """Assert that the words after some histories have probabilities that sum to 1."""
    events = model.find([word for word in model.vocabulary if word != "<s>"])
    context = int(model.store.start_context())
    for _ in range(10):
        log_probabilities, after = model.score(np.full(len(events), context), events)
        total = float(np.exp(log_probabilities.astype(np.float64)).sum())
        assert abs(total - 1) < tolerance, f"the probabilities after a history sum to {total}"
        context = int(pick(rng, after)) if rng.random() < 0.9 else 0
