"""Posteriors, settings and hints for one utterance, from ordinary to absurd, and what any answer must fulfil."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from mutations import pick, some_of
from numpy.random import Generator

from neurolect.decoding import Decoder, DecoderOptions, Guidance, Hypothesis
from neurolect.errors import NeurolectError
from neurolect.text.alphabet import Alphabet

T = TypeVar("T")

_LONGEST_MESSAGE = 10_000

ALPHABET = Alphabet(("BLANK", "SIL", "A", "B", "C"), blank=0, silence=1)


def some_logits(rng: Generator, n_classes: int, strange: float = 0.2) -> np.ndarray:
    """Logits (frames, classes) of 0 to 30 frames; with a probability of `strange` something is wrong with them."""
    logits = rng.normal(0, pick(rng, (0, 1, 5)), (int(rng.integers(0, 31)), n_classes)).astype(np.float32)
    if rng.random() >= strange:
        return logits
    kind = rng.integers(7)
    if kind == 0:
        return logits.astype(pick(rng, ("f8", "f2", "i4", "?", "c16", "U3", "O")))
    if kind == 1:
        return np.zeros(pick(rng, ((0,), (5,), (5, 0), (0, 9), (5, 4), (2, 3, 5), ())))
    if kind == 2:
        return logits.astype(np.float64) * pick(rng, (1e30, 1e300, 1e-300))
    if kind == 3:
        return np.asfortranarray(logits[::-1])
    place = rng.random(logits.shape) < pick(rng, (0.05, 0.5, 1.0))
    logits[place] = pick(rng, (np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e4, -1e4))
    return logits


def some_options(rng: Generator, strange: float = 0.2) -> DecoderOptions:
    """Settings of the search.

    Raises:
        ConfigError: what was drawn is out of its range.
    """
    settings = {
        "max_active": pick(rng, (1, 3, 1000)),
        "min_active": pick(rng, (0, 200)),
        "lattice_beam": pick(rng, (0.1, 8.0)),
        "beam": pick(rng, (1.0, 17.0)),
        "blank_skip": pick(rng, (1.0, 0.4)),
        "n_best": pick(rng, (1, 10, 100)),
    }
    if rng.random() < strange:
        extremes = [0.0, 1e-30, 1e-3, 1.0, 1e4, 1e6, 1e20, 3e38, 1e300, math.inf, math.nan, -1.0, -1e6, -3e38]
        names = ("acoustic_scale", "blank_penalty", "blank_skip", "beam", "lattice_beam", "length_penalty")
        settings[pick(rng, (*names, "phoneme_bonus", "word_bonus"))] = pick(rng, extremes)
    return DecoderOptions(**settings)


def some_guidance(rng: Generator, words: Sequence[str], strange: float = 0.2) -> Guidance | None:
    """Hints with words of a network, or none."""
    if rng.random() < 0.5 or not words:
        return None
    amounts = [0.5, 3.0, 50.0, -2.0] if rng.random() >= strange else [1e6, 3e38, 1e300, math.inf, -math.inf, math.nan]
    phrases = {" ".join(some_of(rng, words, 1, 3)): pick(rng, amounts) for _ in range(int(rng.integers(0, 4)))}
    vocabulary = frozenset(some_of(rng, words, 0, 3)) if rng.random() < 0.3 else None
    allowed = list(words) if vocabulary is None else sorted(vocabulary)
    prefix = tuple(some_of(rng, allowed, 0, 2)) if allowed and rng.random() < 0.3 else ()
    return Guidance(phrases=phrases, vocabulary=vocabulary, prefix=prefix)


def decode_in_pieces(
    decoder: Decoder, logits: np.ndarray, guidance: Guidance | None, attempt: Callable, rng: Generator
) -> list[Hypothesis] | None:
    """Decode at once and in pieces, with a look at the partial result after every piece, also after an error."""
    at_once = attempt(lambda: decoder.decode(logits, guidance=guidance))
    stream = attempt(lambda: decoder.stream(guidance))
    if stream is None:
        return None
    failed = False
    cuts = np.sort(rng.integers(0, len(logits) + 1, int(rng.integers(0, 4)))) if logits.ndim == 2 else []
    for piece in np.split(logits, cuts) if logits.ndim else [logits]:
        failed |= attempt(lambda piece=piece: stream.push(piece) or True) is None
        partial = attempt(stream.partial)
        if partial is not None:
            check_hypothesis(partial, len(logits) if logits.ndim else 0)
    in_pieces = attempt(stream.finish)
    again = attempt(lambda: decoder.decode(logits, guidance=guidance))
    assert again == at_once, "another answer the second time"
    for found in (at_once, in_pieces):
        if found is not None:
            check_hypotheses(found, len(logits) if logits.ndim else 0)
    if not failed:
        assert at_once == in_pieces, "a stream in pieces has another answer"
    return at_once


def change_settings_midway(decoder: Decoder, logits: np.ndarray, attempt: Attempts, rng: Generator) -> None:
    """Decode a stream whose settings become others after a piece."""
    stream, n_frames = decoder.stream(), len(logits)
    attempt(lambda: stream.push(logits[: n_frames // 2]))
    stream.options = some_options(rng, strange=0)
    attempt(lambda: stream.push(logits[n_frames // 2 :]))
    found = attempt(stream.finish)
    if found is not None:
        check_hypotheses(found, n_frames)


def check_hypotheses(found: Sequence[Hypothesis], n_frames: int) -> None:
    """Assert what `Decoder.decode` promises of its answer."""
    assert found, "no hypothesis at all"
    totals = [hypothesis.total for hypothesis in found]
    assert totals == sorted(totals, reverse=True), f"hypotheses are not in the order of their totals: {totals}"
    for hypothesis in found:
        check_hypothesis(hypothesis, n_frames)
        assert len(hypothesis.confidence) == len(hypothesis.words), "as many confidences as words"
        assert all(0 <= value <= 1 for value in hypothesis.confidence), f"confidences {hypothesis.confidence}"
    assert len(found) == 1 or totals[-1] > -math.inf, "an impossible sentence among others"


def check_hypothesis(hypothesis: Hypothesis, n_frames: int) -> None:
    """Assert what is documented of a sentence; a total of −∞ stands for no sentence at all."""
    scores = (hypothesis.acoustic, hypothesis.ngram, hypothesis.lexicon, hypothesis.bonus, hypothesis.total)
    if hypothesis.total == -math.inf:
        assert not hypothesis.words, "an impossible sentence"
        return
    assert all(map(math.isfinite, scores)), f"scores {scores}"
    assert len(hypothesis.times) == len(hypothesis.words), "as many times as words"
    assert all(0 <= begin <= end <= n_frames for begin, end in hypothesis.times), f"times {hypothesis.times}"


class Attempts:
    """Counts what was answered and what was refused in the way that the package promises."""

    def __init__(self) -> None:
        self.answered = 0
        self.refused = 0

    def __call__(self, action: Callable[[], T]) -> T | None:
        """What the action answers, or None where it is refused with one clear line."""
        try:
            result = action()
        except NeurolectError as error:
            message = str(error)
            assert message, "an error without a message"
            assert "\n" not in message, f"a message of several lines: {message!r}"
            assert len(message) < _LONGEST_MESSAGE, f"a message of {len(message)} characters: {message[:100]!r} …"
            self.refused += 1
            return None
        self.answered += 1
        return result
