from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.arpa import random_ngrams
from oracle.exhaustive import Scoring, every_path
from small_search import ALPHABET, LEXICON, Case, emit, random_logits

from neurolect.decoding import DecoderOptions
from neurolect.text.lexicon import Lexicon


def with_bigrams(seed: int, n_frames: int, scoring: Scoring) -> Case:
    ngrams = random_ngrams(np.random.default_rng(seed), list(LEXICON), order=2)
    return Case(random_logits(seed, n_frames), ngrams=ngrams, scoring=scoring)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("silence", [0.0, 0.4])
def test_times_are_those_of_the_best_path_and_confidences_the_posteriors_over_all_paths(seed, silence):
    case = with_bigrams(seed, 5, Scoring(silence_probability=silence))
    paths = list(every_path(case.logits, case.lexicon, ALPHABET, case.log_probability, case.scoring))
    weights = np.exp([path.total for path in paths])
    weights /= weights.sum()
    best = case.expected()
    answers = case.decoder().decode(case.logits)
    assert len(answers) == len(best)
    for answer in answers:
        assert answer.times == best[answer.words].times
        # A path says a word where the word's last phoneme begins.
        expected = [
            sum(
                weight
                for weight, path in zip(weights, paths, strict=True)
                for other, output in zip(path.words, path.outputs, strict=True)
                if other == word and begin <= output < end
            )
            for word, (begin, end) in zip(answer.words, answer.times, strict=True)
        ]
        assert answer.confidence == pytest.approx(tuple(min(1.0, each) for each in expected), abs=1e-5)


def test_confidences_are_those_of_the_frames_that_are_left_when_blanks_are_skipped():
    lexicon = Lexicon({"ab": (("A", "B"),), "c": (("C",),)})
    logits = emit("BLANK BLANK BLANK A BLANK BLANK B BLANK C SIL", confidence=60)
    answer = Case(logits, lexicon=lexicon).decoder(DecoderOptions(blank_skip=0.9)).decode(logits)[0]
    assert answer.text == "ab c"
    assert answer.times == ((3, 7), (8, 9))
    assert answer.confidence == pytest.approx((1.0, 1.0), abs=1e-5)


def test_words_that_sound_alike_share_the_confidence():
    logits = emit("SIL A BLANK SIL B C SIL", confidence=60)
    answer = Case(logits).decoder().decode(logits)[0]
    assert answer.words[1:] == ("cc",)
    assert answer.confidence == pytest.approx((0.5, 1.0), abs=1e-5)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.6]), st.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_words_come_one_after_the_other_inside_the_utterance(seed, blank_skip, n_frames):
    case = with_bigrams(seed, n_frames, Scoring())
    decoder = case.decoder(DecoderOptions(blank_skip=blank_skip))
    for answer in decoder.decode(case.logits):
        assert len(answer.times) == len(answer.confidence) == len(answer.words)
        assert all(0 <= first < end <= n_frames for first, end in answer.times)
        assert all(before[1] <= after[0] for before, after in pairwise(answer.times))
        assert all(0 <= each <= 1 for each in answer.confidence)


def test_silence_and_blanks_around_a_word_are_not_part_of_it():
    lexicon = Lexicon({"ab": (("A", "B"),), "b": (("B",),)})
    logits = emit("BLANK SIL SIL A A BLANK B B SIL BLANK B BLANK")
    answer = Case(logits, lexicon=lexicon).decoder().decode(logits)[0]
    assert answer.words == ("ab", "b")
    assert answer.times == ((3, 8), (10, 11))
