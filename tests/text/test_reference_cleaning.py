from __future__ import annotations

import pytest

from neurolect.text.reference_cleaning import clean_as_reference, clean_sentence_as_reference


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Hello, World! It's 5:30 at the U.S.A. today.", "hello world it's at the usa today"),
        ("visit https://a.com now", "visit httpsacomhttpsacom now"),
        ("the dog' house", "the dog house"),
        ("the boys' house", "the boys' house"),
        ("rock 'n' roll", ""),
        ("x marks the spot", ""),
        ("I have a dog", "i have a dog"),
        ("“It’s fine” – she said…", "it's fine she said"),
        ("write to me@home.org or #now", "write to mehomeorgmehomeorg or nownow"),
        ("12.5 %", ""),
    ],
)
def test_a_sentence_is_cleaned_as_the_reference_does(text, cleaned):
    assert clean_sentence_as_reference(text) == cleaned


def test_a_line_gives_the_sentences_that_are_kept():
    assert clean_as_reference("Go on. X marks the spot! Why not?") == ["go on", "why not"]
