from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.arpa import random_ngrams
from small_graphs import NETWORKS, decoder_of
from small_search import EVERYTHING, LEXICON, emit, random_logits

from neurolect.decoding import DecoderOptions, Guidance

NGRAMS = random_ngrams(np.random.default_rng(8), list(LEXICON), order=3)
NOTHING_ALLOWED = Guidance(vocabulary=frozenset())
SCORES = ("acoustic", "ngram", "lexicon", "bonus", "total")


@cache
def searching(name, options=EVERYTHING):
    return decoder_of(name, LEXICON, NGRAMS, options)


@pytest.mark.parametrize("name", NETWORKS)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
@settings(deadline=None, max_examples=40)
def test_where_no_word_is_allowed_the_empty_sentence_has_its_score_among_all_sentences(name, seed, n_frames):
    logits = random_logits(seed, n_frames)
    (answer,) = searching(name).decode(logits, guidance=NOTHING_ALLOWED)
    plain = next(each for each in searching(name).decode(logits) if each.words == ())
    assert (answer.words, answer.times, answer.confidence) == ((), (), ())
    for score in SCORES:
        assert getattr(answer, score) == pytest.approx(getattr(plain, score), abs=1e-4)
    assert np.isfinite(answer.total)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_empty_sentence_is_scored_however_surely_words_are_said_and_however_narrow_the_beam(name):
    logits = emit("SIL A B SIL C BLANK C SIL A SIL " * 6, confidence=60)
    decoder = searching(name, DecoderOptions(beam=2.0, max_active=3, min_active=0))
    (answer,) = decoder.decode(logits, guidance=NOTHING_ALLOWED)
    assert answer.words == ()
    parts = 0.325 * answer.acoustic + answer.ngram + answer.lexicon
    assert answer.total == pytest.approx(parts, abs=1e-2, rel=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_stream_without_allowed_words_never_says_any(name):
    stream = searching(name).stream(NOTHING_ALLOWED)
    for frame in emit("SIL A B SIL A SIL"):
        stream.push(frame[None])
        assert stream.partial().words == ()
        assert np.isfinite(stream.partial().total)
    assert [each.words for each in stream.finish()] == [()]
