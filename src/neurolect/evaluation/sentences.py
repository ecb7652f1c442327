"""Decoded sentences against what was said, where there are no recordings to go with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.hypothesis_files import read_hypotheses
from neurolect.errors import ConfigError, DataError
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


def read_lists_with_truth(
    hypotheses: Sequence[Path], truth: Sequence[Path]
) -> tuple[list[list[Hypothesis]], list[str]]:
    """N-best lists of one or several files, and what was said in each utterance, as the decoder writes sentences.

    Raises:
        ConfigError: there are not as many files of the one kind as of the other.
        DataError: a file cannot be read, or does not fit the other of its pair.
    """
    if len(hypotheses) != len(truth):
        raise ConfigError(f"there are {len(hypotheses)} files of lists and {len(truth)} of what was said")
    lists: list[list[Hypothesis]] = []
    spoken: list[str] = []
    for path, beside in zip(hypotheses, truth, strict=True):
        found = read_hypotheses(path)
        lists += found
        spoken += map(normalise_for_evaluation, read_truth(beside, len(found)))
    return lists, spoken


def word_error_rate(spoken: Sequence[str], decoded: Sequence[str]) -> ErrorRate:
    """Word error rate with its bootstrap interval, both sides after the reference's normalisation (A)."""
    references, hypotheses = (list(map(normalise_for_evaluation, each)) for each in (spoken, decoded))
    return error_rate(count_word_errors(references, hypotheses))
