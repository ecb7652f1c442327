"""Reading pronunciation dictionaries: CMUdict's form and Kaldi's, with and without probabilities."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from neurolect.errors import DataError, NeurolectError
from neurolect.text.alphabet import ARPABET
from neurolect.text.text_lines import read_lines

Pronunciation = tuple[str, ...]

Pronounce = Callable[[str], tuple[Pronunciation, ...]]
"""Gives the pronunciations of a word, the preferred one first."""

_VARIANT = re.compile(r"\(\d+\)$")
_STRESS = re.compile(r"\d$")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)


def read_pronunciations(
    path: Path, symbols: frozenset[str], guess: Pronounce | None
) -> tuple[dict[str, tuple[Pronunciation, ...]], dict[str, tuple[float, ...]]]:
    """Words → pronunciations, likeliest first, and their probabilities where the file has some.

    Args:
        path: `word PH PH …` a line, or `word 0.8 PH PH …`; see `Lexicon.read`.
        symbols: what a pronunciation may consist of.
        guess: pronounces the words that stand alone on their line; None refuses such lines.

    Raises:
        DataError: the file cannot be read, or a line is not what its form promises; the message names the line.
    """
    entries: dict[str, dict[Pronunciation, float]] = {}
    weighted: bool | None = None
    for number, line in _lines(path):
        entry, *fields = line.split()
        word = _VARIANT.sub("", entry).lower()
        try:
            if not fields and guess is not None:
                found = dict.fromkeys(guess(word), 1.0)
            else:
                probability, pronunciation = _parse(entry, fields, symbols)
                if weighted not in (None, probability is not None):
                    raise DataError(f"'{entry}': some lines have a probability and others have none")
                weighted = probability is not None
                found = {pronunciation: probability or 1.0}
        except NeurolectError as error:
            raise DataError(f"{path}: line {number}: {error}") from None
        variants = entries.setdefault(word, {})
        for pronunciation, probability in found.items():
            variants[pronunciation] = max(probability, variants.get(pronunciation, 0.0))
    if not entries:
        raise DataError(f"{path}: the lexicon holds no words")
    if not weighted:
        return {word: tuple(variants) for word, variants in entries.items()}, {}
    ranked = {word: sorted(variants.items(), key=lambda item: -item[1]) for word, variants in entries.items()}
    pronunciations = {word: tuple(pronunciation for pronunciation, _ in variants) for word, variants in ranked.items()}
    return pronunciations, {word: tuple(value for _, value in variants) for word, variants in ranked.items()}


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_lines(path, "lexicon"), start=1):
        if line.strip() and not line.startswith(";;;"):
            yield number, line


def _parse(entry: str, fields: list[str], symbols: frozenset[str]) -> tuple[float | None, Pronunciation]:
    probability = None
    if fields and fields[0] not in symbols and _NUMBER.fullmatch(fields[0]):
        probability = float(fields.pop(0))
        if not 0 < probability <= 1:
            raise DataError(f"'{entry}' has the probability {probability:g}, it must be above 0 and at most 1")
    if not fields:
        raise DataError(f"'{entry}' has no phonemes")
    pronunciation = tuple(fields)
    if not symbols.issuperset(pronunciation):
        pronunciation = tuple(field if field in symbols else _STRESS.sub("", field) for field in fields)
    unknown = [symbol for symbol in pronunciation if symbol not in symbols]
    if unknown:
        kind = "an ARPAbet phoneme" if symbols == frozenset(ARPABET) else f"one of the {len(symbols)} symbols expected"
        raise DataError(f"'{unknown[0]}' is not {kind}")
    return probability, pronunciation
