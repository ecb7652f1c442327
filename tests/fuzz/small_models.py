"""Small lexica and n-gram models, sound ones to be damaged, and the checksum that a forger would set right."""

from __future__ import annotations

import itertools
import struct
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from mutations import some_of
from numpy.random import Generator

from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_target import Bits
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon

_HEADER_BYTES = 464
_FIRST_SECTION, _SECTION_BYTES = 168, 24
_ODD = 0x9E3779B97F4A7C15
_ALL_BITS = 2**64 - 1


def small_lexicon() -> Lexicon:
    """Words with homophones, variants and one that is the beginning of another."""
    return Lexicon(
        {
            "a": (("A",), ("A", "B")),
            "b": (("B",),),
            "c": (("C", "A", "B"),),
            "ab": (("A", "B"),),
            "aa": (("A", "A"),),
            "nowhere": (("C",),),
        }
    )


def lexicon_text(rng: Generator, alphabet: Alphabet) -> str:
    """A dictionary in CMUdict's or in Kaldi's form."""
    symbols = [s for index, s in enumerate(alphabet.symbols) if index not in (alphabet.blank, alphabet.silence)]
    weighted = rng.random() < 0.5
    lines = [";;; words"]
    for word in ("a", "b", "c", "ab", "a(2)", "\u00e9", "b"):
        probability = [f"{rng.uniform(0.01, 1):.3f}"] if weighted else []
        lines.append(" ".join([word, *probability, *some_of(rng, symbols, 1, 4)]))
    return "\n".join(lines) + "\n"


@cache
def small_model() -> NgramModel:
    """A trigram of a few words; its file is gone, and its memory stays."""
    words = ["<s>", "a", "b", "c", "</s>"]
    levels = [[" ".join(ngram) for ngram in itertools.product(words, repeat=n)] for n in (1, 2, 3)]
    levels[1:] = [level[::length] for length, level in enumerate(levels[1:], start=2)]
    forms = [[f"-{1 + place % 7 / 10} {{}} -0.{place % 5}" for place in range(len(level))] for level in levels]
    with TemporaryDirectory() as folder:
        return model_of(_arpa(levels, forms), Path(folder))


def model_of(text: str, folder: Path, bits: Bits = 32) -> NgramModel:
    """The store of a sound ARPA text, `model.nlm` in the folder."""
    (folder / "model.arpa").write_text(text, encoding="utf-8")
    model = convert(folder / "model.arpa", folder / "model.nlm", bits)
    assert model is not None
    return model


def arpa_text(rng: Generator) -> str:
    """A sound model of order 1 to 4 with some of the n-grams of a few words."""
    order = int(rng.integers(1, 5))
    words = ["<s>", "</s>", *(["<unk>"] if rng.random() < 0.5 else []), "a", "b", "c", "\u00e9"]
    levels = [words]
    for length in range(2, order + 1):
        ngrams = {" ".join(some_of(rng, words, length, length)) for _ in range(int(rng.integers(0, 12)))}
        levels.append(sorted(ngrams))
    rng.shuffle(levels[-1])
    forms = [[f"{-rng.exponential(2):.4f}\t{{}}" + _backoff(rng) for _ in level] for level in levels]
    return _arpa(levels, forms)


def _backoff(rng: Generator) -> str:
    return f"\t{rng.normal(-0.5, 0.4):.4f}" if rng.random() < 0.7 else ""


def _arpa(levels: list[list[str]], forms: list[list[str]]) -> str:
    """Levels of n-grams, and how each is written."""
    lines = ["", "\\data\\", *(f"ngram {n}={len(level)}" for n, level in enumerate(levels, start=1))]
    for n, (level, written) in enumerate(zip(levels, forms, strict=True), start=1):
        lines += ["", f"\\{n}-grams:", *(form.format(ngram) for ngram, form in zip(level, written, strict=True))]
    return "\n".join([*lines, "", "\\end\\", ""])


def resealed(data: bytes) -> bytes:
    """A store with the checksum that its header should have."""
    if len(data) < _HEADER_BYTES:
        return data
    header = data[: _HEADER_BYTES - 8]
    return header + struct.pack("<Q", checksum(header)) + data[_HEADER_BYTES:]


def forged(data: bytes) -> bytes:
    """A store of which all checksums are right, whatever it holds."""
    forgery = bytearray(data)
    for place in range(_FIRST_SECTION, min(_HEADER_BYTES, len(data)) - _SECTION_BYTES, _SECTION_BYTES):
        offset, size, _ = struct.unpack_from("<3Q", data, place)
        if offset:
            struct.pack_into("<Q", forgery, place + 16, checksum(data[offset : offset + size]))
    return resealed(bytes(forgery))


def checksum(data: bytes) -> int:
    """Of a section of a store or its header, as the core computes it."""
    sums = [len(data), ~len(data) & _ALL_BITS, _ODD, ~_ODD & _ALL_BITS]
    whole = len(data) // 8 * 8
    for lane, (word,) in enumerate(struct.iter_unpack("<Q", data[:whole])):
        sums[lane & 3] = _rotated(sums[lane & 3] ^ word, 29) * _ODD & _ALL_BITS
    result = int.from_bytes(data[whole:], "little")
    for total in sums:
        result = _rotated(result ^ total, 31) * _ODD & _ALL_BITS
    return result ^ (result >> 32)


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _ALL_BITS
