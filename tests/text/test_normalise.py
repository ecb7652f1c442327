from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.text.normalise import normalise_for_evaluation, normalise_for_phonemes

# Measured on the reference: sentence, variant A, variant B.
EXAMPLES = [
    ("it's -- a test", "it's - a test", "it's a test"),
    ("well- known", "well known", "well- known"),
    ("what--ever", "whatever", "whatever"),
    ("don 't", "don't", "don't"),
    ("3 dogs", "dogs", "dogs"),
    ("'tis 'so'", "'tis'so'", "'tis'so'"),
    ("rock 'n' roll", "rock'n' roll", "rock'n' roll"),
]


@pytest.mark.parametrize(("sentence", "for_evaluation", "for_phonemes"), EXAMPLES)
def test_the_references_measured_examples(sentence, for_evaluation, for_phonemes):
    assert normalise_for_evaluation(sentence) == for_evaluation
    assert normalise_for_phonemes(sentence) == for_phonemes


@given(st.text())
def test_only_lower_case_letters_hyphens_apostrophes_and_single_spaces_remain(sentence):
    for normalise in (normalise_for_evaluation, normalise_for_phonemes):
        text = normalise(sentence)
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz-' ")
        assert text == " ".join(text.split())
