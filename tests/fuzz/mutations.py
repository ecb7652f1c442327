"""Damage to files: what disks, interrupted copies, wrong tools and strangers do to bytes and to lines of text."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator

T = TypeVar("T")

_INTEGERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
_FLOATS = (0.0, -0.0, 1e-45, -1e-3, 1.0, 1e4, -1e4, 1e30, -1e30, 3e38, -3e38, float("inf"), float("-inf"), float("nan"))
_FIELDS = (
    *(
        "",
        "0",
        "-0",
        "+1",
        "-1",
        "1",
        "1e3",
        "-1e3",
        "-1e30",
        "1e-400",
        "-1e400",
        "1e400",
        "1e999999999",
        "nan",
        "-inf",
    ),
    *("inf", "0x1p3", "1.", ".5", "--1", "1,5", "-99", "4294967296", "18446744073709551615", "99999999999999999999999"),
    *(
        "<s>",
        "</s>",
        "<unk>",
        "a",
        "b",
        "A",
        "SIL",
        "BLANK",
        "\\end\\",
        "\\data\\",
        "\\2-grams:",
        "ngram",
        "1=1",
        "(2)",
    ),
    *("\u00e9", "\u2028", "\ufeff", "\u00a0", "\x00", "\x1c", "\u0660", "e\u0301" * 40, "9" * 5000),
)


def pick(rng: Generator, choices: Sequence[T]) -> T:
    """One of some things of any kind."""
    return choices[rng.integers(len(choices))]


def some_of(rng: Generator, choices: Sequence[T], least: int, most: int) -> list[T]:
    """Between `least` and `most` draws from some things of any kind."""
    return [pick(rng, choices) for _ in range(int(rng.integers(least, most + 1)))]


def damaged(data: bytes, rng: Generator) -> bytes:
    """The same bytes with one to four faults."""
    for _ in range(int(rng.integers(1, 5))):
        data = pick(rng, _BYTE_FAULTS)(data, rng)
    return data


def damaged_text(text: str, rng: Generator) -> bytes:
    """The same text with one to four faults in its lines or fields, and sometimes in its bytes."""
    lines = text.split("\n")
    for _ in range(int(rng.integers(1, 5))):
        pick(rng, _LINE_FAULTS)(lines, rng)
    data = "\n".join(lines).encode()
    return damaged(data, rng) if rng.random() < 0.2 else data


def overwritten(data: bytes, place: int, rng: Generator) -> bytes:
    """The same bytes with an odd number of 1 to 8 bytes at a place."""
    width = pick(rng, (1, 2, 4, 8))
    if width == 4 and rng.random() < 0.5:
        value = struct.pack("<f", pick(rng, _FLOATS))
    else:
        number = pick(rng, _INTEGERS) if rng.random() < 0.8 else int(rng.integers(len(data) + 2))
        value = struct.pack("<Q", number)[:width]
    return data[:place] + value + data[place + width :]


def _slice(data: bytes, rng: Generator) -> tuple[int, int]:
    begin = int(rng.integers(len(data) + 1))
    return begin, min(len(data), begin + pick(rng, (1, 2, 4, 8, 16, 20, 100)))


def _flip(data: bytes, rng: Generator) -> bytes:
    if not data:
        return data
    place = int(rng.integers(len(data)))
    return data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :]


def _overwrite(data: bytes, rng: Generator) -> bytes:
    step = pick(rng, (1, 4, 8))
    return overwritten(data, int(rng.integers(len(data) // step + 1)) * step, rng)


def _truncate(data: bytes, rng: Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _remove(data: bytes, rng: Generator) -> bytes:
    begin, end = _slice(data, rng)
    return data[:begin] + data[end:]


def _splice(data: bytes, rng: Generator) -> bytes:
    begin, end = _slice(data, rng)
    place = int(rng.integers(len(data) + 1))
    return data[:place] + data[begin:end] + data[place + (end - begin) * int(rng.integers(2)) :]


def _insert(data: bytes, rng: Generator) -> bytes:
    place = int(rng.integers(len(data) + 1))
    return data[:place] + rng.bytes(int(rng.integers(1, 20))) + data[place:]


_BYTE_FAULTS = (_flip, _flip, _overwrite, _overwrite, _overwrite, _truncate, _remove, _splice, _insert)


def _drop_line(lines: list[str], rng: Generator) -> None:
    if lines:
        del lines[rng.integers(len(lines))]


def _repeat_line(lines: list[str], rng: Generator) -> None:
    if lines:
        lines.insert(int(rng.integers(len(lines) + 1)), pick(rng, lines))


def _end_here(lines: list[str], rng: Generator) -> None:
    del lines[int(rng.integers(len(lines) + 1)) :]


def _change_field(lines: list[str], rng: Generator) -> None:
    if not lines:
        return
    place = int(rng.integers(len(lines)))
    for separator in ("=", "\t", " "):
        fields = lines[place].split(separator)
        if len(fields) > 1:
            fields[rng.integers(len(fields))] = pick(rng, _FIELDS)
            lines[place] = separator.join(fields)
            return
    lines[place] = pick(rng, _FIELDS)


def _lengthen(lines: list[str], rng: Generator) -> None:
    if lines:
        lines[rng.integers(len(lines))] += " a" * pick(rng, (1, 10, 10_000))


_LINE_FAULTS = (_drop_line, _repeat_line, _end_here, _change_field, _change_field, _change_field, _lengthen)
