"""Decoded sentences against what was said, where there are no recordings to go with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurolect.errors import DataError
from neurolect.text.error_rates import ErrorRate, count_word_errors, error_rate
from neurolect.text.normalise import normalise_for_evaluation
from neurolect.text.text_lines import read_lines


def read_truth(path: Path, n_utterances: int) -> list[str]:
    """Read what was said in each utterance, one sentence a line; an empty line is an utterance without words.

    Raises:
        DataError: the file cannot be read, or has not as many lines as there are utterances.
    """
    sentences = list(read_lines(path, "sentences"))
    if len(sentences) != n_utterances:
        raise DataError(f"{path}: has {len(sentences)} sentences, there are {n_utterances} utterances")
    return sentences


def word_error_rate(spoken: Sequence[str], decoded: Sequence[str]) -> ErrorRate:
    """Word error rate with its bootstrap interval, both sides after the reference's normalisation (A)."""
    references, hypotheses = (list(map(normalise_for_evaluation, each)) for each in (spoken, decoded))
    return error_rate(count_word_errors(references, hypotheses))
