"""Text files as the lines that n-gram models are estimated from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from neurolect.errors import DataError
from neurolect.text.cleaning import clean_sentences
from neurolect.text.lexicon import Lexicon
from neurolect.text.reference_cleaning import clean_as_reference
from neurolect.text.text_lines import read_lines

Cleaning = Literal["spoken", "reference", "none"]
"""`spoken`: as one would say it; `reference`: as the brain-to-text reference does; `none`: words as they stand."""

Unit = Literal["word", "letter"]
"""What an n-gram is made of."""

ENGLISH = "english"
_REPORTED = 1 << 20


def read_corpus(
    paths: Sequence[Path],
    cleaning: Cleaning = "spoken",
    unit: Unit = "word",
    progress: Callable[[int], None] = lambda n_characters: None,
) -> Iterator[str]:
    """Sentences of text files, one a string, words between spaces.

    Args:
        paths: UTF-8 text, gzipped or not; where it is not cleaned, with a sentence a line.
        cleaning: what is done to each line.
        unit: `letter` puts spaces between all characters, as a spelling model needs them.
        progress: called with the characters read since the last call.

    Raises:
        DataError: a file cannot be read, is not text or has no words; a line that is not cleaned has `<s>` or `</s>`.
    """
    clean = {"spoken": clean_sentences, "reference": clean_as_reference}.get(cleaning)
    unreported = 0
    for path in paths:
        empty = True
        for number, line in enumerate(read_lines(path, "text"), start=1):
            if clean is None and ("<s>" in line or "</s>" in line):
                raise DataError(
                    f"{path}: line {number}: '<s>' or '</s>' stand in the text; a line is a sentence without"
                )
            for sentence in clean(line) if clean else (line,):
                empty = empty and not sentence.strip()
                yield " ".join("".join(sentence.split())) if unit == "letter" else sentence
            unreported += len(line.rstrip("\n")) + 1
            if unreported >= _REPORTED:
                progress(unreported)
                unreported = 0
        if empty:
            raise DataError(f"{path}: the text has no words")
    progress(unreported)


def read_vocabulary(source: str) -> list[str]:
    """Words of a vocabulary, each once.

    Args:
        source: a file whose lines begin with a word, such as a lexicon, or `english` for the words of
            `Lexicon.english()`. Empty lines and those that begin with `;;;` are passed over.

    Raises:
        DataError: the file cannot be read or has no words.
        ConfigError: `english`, and the pocketsphinx wheel is not installed.
    """
    if source == ENGLISH:
        return list(Lexicon.english())
    lines = read_lines(Path(source), "vocabulary")
    words = dict.fromkeys(line.split()[0] for line in lines if line.strip() and not line.startswith(";;;"))
    if not words:
        raise DataError(f"{source}: the vocabulary has no words")
    return list(words)
