"""Sentences that people said, parted into those to learn from and those to measure with."""

from __future__ import annotations

from pathlib import Path

from neurolect.errors import DataError
from neurolect.text.normalise import normalise_for_evaluation
from neurolect.text.text_lines import read_sentences

_HELD_OUT = 20
"""One sentence in so many is held out, the last ones, where no other file is given."""


def read_transcripts(text: Path, held_out: Path | None = None, as_written: bool = False) -> tuple[list[str], list[str]]:
    """Sentences to learn from, and sentences to measure with: another file's, or the last twentieth of the text.

    Args:
        text: one sentence a line, gzipped or not.
        held_out: the same.
        as_written: keep capitals and punctuation; otherwise sentences become what the decoder writes.

    Raises:
        DataError: a file cannot be read or has no words, or the text is too short to hold a sentence out.
    """

    def read(path: Path) -> list[str]:
        sentences = list(read_sentences(path))
        return sentences if as_written else list(filter(None, map(normalise_for_evaluation, sentences)))

    sentences = read(text)
    if held_out is not None:
        return sentences, read(held_out)
    if len(sentences) < 2:
        raise DataError(f"{text}: has {len(sentences)} sentences, too few to hold one out; give held_out")
    n_learnt = len(sentences) - max(1, len(sentences) // _HELD_OUT)
    return sentences[:n_learnt], sentences[n_learnt:]
