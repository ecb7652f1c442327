"""Where sentences end in running text."""

from __future__ import annotations

import re

_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof rev gen col sgt capt lt gov sen rep st jr sr vs etc eg ie inc ltd co corp no vol fig dept "
    "approx jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_END = re.compile(r"([.!?…]+)([\"'”’)\]]*)\s+(?=[\"'“‘(\[]*[^\W_a-z])")
_LAST_WORD = re.compile(r"(\S+)$")


def split_sentences(text: str) -> list[str]:
    """Split where `.`, `!`, `?` or `…` is followed by a blank and a digit or a letter other than `a` to `z`.

    A full stop after an abbreviation such as `Mr.`, or after a single capital letter (an initial, `U.S.A.`), ends
    nothing. Quotation marks and brackets belong to the sentence they stand at.
    """
    sentences = []
    begin = 0
    for end in _END.finditer(text):
        if end[1] == "." and _is_abbreviation(text[begin : end.start()]):
            continue
        sentences.append(text[begin : end.end()].strip())
        begin = end.end()
    sentences.append(text[begin:].strip())
    return [sentence for sentence in sentences if sentence]


def _is_abbreviation(before: str) -> bool:
    found = _LAST_WORD.search(before)
    if found is None:
        return False
    word = found[1].lstrip("\"'“‘([")
    is_initial = (len(word) == 1 and word.isupper() and word != "I") or re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word)
    return bool(is_initial) or word.lower().replace(".", "") in _ABBREVIATIONS
