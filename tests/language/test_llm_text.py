from __future__ import annotations

import pytest

from neurolect.language.llm_text import text_for_llm


@pytest.mark.parametrize(
    ("sentence", "context", "text"),
    [
        (" a , b", "hello there", "hello there a, b"),
        ("bcd  e", "hello there", "hello there bcd e"),
        ("  how are you ? ", "", "how are you?"),
        ("how are you", "  ", "how are you"),
        ("> yes .", "", " yes."),
        ("a    b", "", "a  b"),
        ("", "hello", "hello "),
    ],
)
def test_text_is_cleaned_as_the_reference_cleans_it(sentence, context, text):
    assert text_for_llm(sentence, context) == text
