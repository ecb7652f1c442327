"""The brain-to-text reference's cleaning of text for language models (`format_lm_data.py`), step by step."""

from __future__ import annotations

import re

from neurolect.text.sentence_splitting import split_sentences

_LINK = re.compile(r"https?\S+|www\S+|\S+@\S+|#\S+|@\S+|\w+://\S+|\b\w+(?:\.\w+)*\.[A-Za-z]{2,}\b")
_INITIALISM = re.compile(r"\b(?:[A-Za-z]\.){2,}")
_TYPOGRAPHY = (("“", '"'), ("”", '"'), ("‘", "'"), ("’", "'"), ("…", "..."), ("–", "-"), ("—", "-"))
_NOT_KEPT = re.compile(r"[^a-zA-Z\s']")
_BEGINNING_QUOTE = re.compile(r"(^|\s)'+")
_ENDING_QUOTE = re.compile(r"'+$|(?<=[^sS\s])'+(?=\s)")


def clean_as_reference(text: str) -> list[str]:
    """A line of text → the sentences that the reference would keep, as lower-case words between single spaces.

    Links, addresses and handles become one nonsense word, digits go, and a sentence with a one-letter word other than
    `a` and `i` is dropped. The reference writes the result in capitals and splits sentences with nltk, where ours is
    `split_sentences`.

    Example: `Hello, World! It's 5:30 at the U.S.A. today.` is `hello world` and `it's at the usa today`.
    """
    cleaned = map(clean_sentence_as_reference, split_sentences(text))
    return [sentence for sentence in cleaned if sentence]


def clean_sentence_as_reference(sentence: str) -> str:
    """One sentence; empty if the reference drops it."""
    sentence = _LINK.sub(_doubled, sentence.strip())
    sentence = _INITIALISM.sub(lambda found: found[0].replace(".", "").upper(), sentence)
    for typographic, plain in _TYPOGRAPHY:
        sentence = sentence.replace(typographic, plain)
    sentence = _NOT_KEPT.sub(" ", sentence)
    sentence = _ENDING_QUOTE.sub("", _BEGINNING_QUOTE.sub(r"\1", sentence.strip()))
    words = sentence.lower().split()
    if any(len(word) == 1 and word not in "ai" for word in words):
        return ""
    return " ".join(words)


def _doubled(found: re.Match[str]) -> str:
    return re.sub(r"\W", "", found[0]) * 2
