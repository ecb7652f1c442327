from __future__ import annotations

import numpy as np
import pytest
from oracle.arpa import log_probability, random_ngrams, stored
from oracle.exhaustive import Scoring, best_paths
from oracle.lexicon_beam import LexiconBeam
from oracle.word_model import UniformWords
from small_search import ALPHABET, LEXICON, emit, random_logits


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("penalty", "silence", "weight"), [(90.0, 0.9, 1.0), (1.0, 0.3, 2.5)])
def test_the_oracle_scores_every_sentence_as_exhaustive_enumeration_does(seed, penalty, silence, weight):
    ngrams = random_ngrams(np.random.default_rng(seed), list(LEXICON), order=3)
    scoring = Scoring(blank_penalty=penalty, silence_probability=silence, language_model_weight=weight)
    logits = random_logits(seed, n_frames=5)
    expected = best_paths(logits, LEXICON, ALPHABET, lambda words: log_probability(ngrams, words), scoring)
    oracle = LexiconBeam(
        LEXICON,
        stored(ngrams),
        ALPHABET,
        acoustic_scale=scoring.acoustic_scale,
        blank_penalty=penalty,
        silence_probability=silence,
        language_model_weight=weight,
    )
    found = {answer.words: answer for answer in oracle.decode(logits)}
    assert found.keys() == expected.keys()
    assert len(expected) > 60
    for words, path in expected.items():
        answer = found[words]
        assert (answer.total, answer.acoustic, answer.ngram, answer.lexicon) == pytest.approx(
            (path.total, path.acoustic, path.ngram, path.lexicon), abs=1e-4
        )


def test_without_a_language_model_the_oracle_prefers_no_word_and_no_number_of_words():
    oracle = LexiconBeam(LEXICON, UniformWords(tuple(LEXICON)), ALPHABET, blank_penalty=1, silence_probability=0.5)
    answers = oracle.decode(emit("A BLANK A"))
    assert {answer.words for answer in answers[:4]} == {
        (first, last) for first in ("a", "eigh") for last in ("a", "eigh")
    }
    assert {answer.ngram for answer in answers} == {0}
