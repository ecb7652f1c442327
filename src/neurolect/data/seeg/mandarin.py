"""Mandarin words as syllables in pinyin, and lists of them in files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from neurolect.data.seeg.tables import Row, read_rows
from neurolect.errors import DataError

INITIALS = ("", *"b p m f d t n l g k h j q x zh ch sh r z c s".split())
"""The 22 initials of pinyin; the first is none at all. A written y or w belongs to the final."""

FINALS = tuple(
    "a o e ai ei ao ou an en ang eng ong er i ia ie iao iou ian in iang ing iong "
    "u ua uo uai uei uan uen uang ueng v ve van vn".split()
)
"""The 36 finals of pinyin in full spelling: ü is v, and the vowel of zi and zhi counts as i."""

NEUTRAL_TONE = 5
_NO_INITIAL = "-"
_COLUMNS = ("word", "initials", "finals", "tones")


@dataclass(frozen=True)
class Syllable:
    """One of `INITIALS`, one of `FINALS`, and a tone from 1 to 4, or 5 where it is neutral."""

    initial: str
    final: str
    tone: int


@dataclass(frozen=True)
class MandarinWord:
    """A word in characters, and how it is spoken."""

    word: str
    syllables: tuple[Syllable, ...]


def mandarin_words() -> list[MandarinWord]:
    """The 61 everyday words that come with the package."""
    return list(_shipped_words())


def read_mandarin_words(path: Path) -> list[MandarinWord]:
    """Words from a CSV file with a header.

    Args:
        path: columns `word`, `initials`, `finals`, `tones`; the last three hold one item a syllable, separated by
            spaces, with `-` for a syllable without initial; further columns are ignored. 你好 is `n h`, `i ao`, `3 3`.

    Raises:
        DataError: the file is missing or empty, or a line is not understood; names the line.
    """
    return _parse(str(path), read_rows(path, _COLUMNS))


@cache
def _shipped_words() -> tuple[MandarinWord, ...]:
    table = files("neurolect.data.seeg").joinpath("mandarin_words.csv").read_text(encoding="utf-8")
    return tuple(_parse("mandarin_words.csv", csv.DictReader(table.splitlines())))


def _parse(path: str, rows: Iterable[Row]) -> list[MandarinWord]:
    words: dict[str, MandarinWord] = {}
    for line, row in enumerate(rows, start=2):
        try:
            word = _read_word(row)
        except ValueError as error:
            raise DataError(f"{path}: line {line}: {error}") from None
        if word.word in words:
            raise DataError(f"{path}: line {line}: '{word.word}' occurs twice")
        words[word.word] = word
    if not words:
        raise DataError(f"{path}: no words in it")
    return list(words.values())


def _read_word(row: Row) -> MandarinWord:
    word, initials, finals, tones = (row[column].strip() for column in _COLUMNS)
    if not word:
        raise ValueError("there is no word")
    parts = initials.split(), finals.split(), tones.split()
    if not parts[0] or len({len(part) for part in parts}) > 1:
        raise ValueError(
            f"'{word}' has {len(parts[0])} initials, {len(parts[1])} finals and {len(parts[2])} tones; "
            "each syllable needs one of each, '-' for no initial"
        )
    return MandarinWord(word, tuple(_read_syllable(*syllable) for syllable in zip(*parts, strict=True)))


def _read_syllable(initial: str, final: str, tone: str) -> Syllable:
    initial = "" if initial == _NO_INITIAL else initial
    if initial not in INITIALS:
        raise ValueError(f"'{initial}' is not an initial of pinyin; known are {' '.join(INITIALS[1:])} and '-'")
    if final not in FINALS:
        raise ValueError(f"'{final}' is not a final of pinyin in full spelling; known are {' '.join(FINALS)}")
    if tone not in ("1", "2", "3", "4", "5"):
        raise ValueError(f"'{tone}' is not a tone; known are 1 to 4, and 5 for the neutral tone")
    return Syllable(initial, final, int(tone))
