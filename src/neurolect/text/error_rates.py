"""Phoneme and word error rates with their uncertainty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

_RESAMPLES_AT_ONCE = 500


@dataclass(frozen=True)
class ErrorCounts:
    """Edits that turn each trial's reference into its hypothesis, and the reference's length, each (trials,).

    The alignment is one of minimal edit distance, every edit costing one.
    """

    substitutions: npt.NDArray[np.int64]
    insertions: npt.NDArray[np.int64]
    deletions: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    @property
    def errors(self) -> npt.NDArray[np.int64]:
        """Edit distance of each trial (trials,)."""
        return self.substitutions + self.insertions + self.deletions

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, trials: npt.NDArray[np.bool_] | npt.NDArray[np.integer] | slice) -> ErrorCounts:
        return ErrorCounts(
            self.substitutions[trials], self.insertions[trials], self.deletions[trials], self.lengths[trials]
        )


@dataclass(frozen=True)
class ErrorRate:
    """An aggregate error rate with a percentile bootstrap interval; rates are fractions, not per cent.

    `rate`, `low` and `high` are NaN where the references hold no symbol.
    """

    rate: float
    low: float
    high: float
    substitutions: int
    insertions: int
    deletions: int
    length: int
    trials: int

    def __str__(self) -> str:
        return f"{100 * self.rate:.2f} % [{100 * self.low:.2f}, {100 * self.high:.2f}]"


def count_errors(references: Iterable[Sequence[Hashable]], hypotheses: Iterable[Sequence[Hashable]]) -> ErrorCounts:
    """Align each hypothesis with its reference, both sequences of words, phonemes or class indices.

    Raises:
        ValueError: there are not as many hypotheses as references.
    """
    rows = []
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        edits = Counter(edit.tag for edit in Levenshtein.editops(reference, hypothesis))
        rows.append((edits["replace"], edits["insert"], edits["delete"], len(reference)))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return ErrorCounts(*columns)


def count_word_errors(references: Iterable[str], hypotheses: Iterable[str]) -> ErrorCounts:
    """Word errors of sentences split at white space; normalise them first."""
    return count_errors((text.split() for text in references), (text.split() for text in hypotheses))


def error_rate(counts: ErrorCounts, resamples: int = 10_000, confidence: float = 0.95, seed: int = 0) -> ErrorRate:
    """Σ errors / Σ lengths over trials, with an interval from resampling whole trials with replacement.

    Args:
        counts: one entry per trial.
        resamples: bootstrap replicates (Card et al. 2024 use 10,000).
        confidence: mass of the percentile interval.
        seed: makes the interval reproducible.
    """
    total = int(counts.lengths.sum())
    low, high = (float("nan"), float("nan"))
    if total:
        low, high = _bootstrap_interval(counts.errors, counts.lengths, resamples, confidence, seed)
    return ErrorRate(
        rate=float(counts.errors.sum() / total) if total else float("nan"),
        low=low,
        high=high,
        substitutions=int(counts.substitutions.sum()),
        insertions=int(counts.insertions.sum()),
        deletions=int(counts.deletions.sum()),
        length=total,
        trials=len(counts),
    )


def error_rate_by(counts: ErrorCounts, groups: Sequence[str | None]) -> dict[str, ErrorRate]:
    """One rate per group (session, corpus, …) in order of first appearance; trials of group None are left out.

    Raises:
        ValueError: there is not one group per trial.
    """
    if len(groups) != len(counts):
        raise ValueError(f"{len(groups)} groups for {len(counts)} trials")
    names = list(dict.fromkeys(name for name in groups if name is not None))
    labels = np.array([name if name is not None else "" for name in groups])
    present = np.array([name is not None for name in groups], dtype=bool)
    return {name: error_rate(counts[(labels == name) & present]) for name in names}


def count_confusions(
    references: Iterable[Sequence[str]], hypotheses: Iterable[Sequence[str]]
) -> Counter[tuple[str, str]]:
    """How often each symbol was taken for another: (reference, hypothesis) → count; "" stands for no symbol."""
    confusions: Counter[tuple[str, str]] = Counter()
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        for edit in Levenshtein.editops(reference, hypothesis):
            spoken = "" if edit.tag == "insert" else reference[edit.src_pos]
            heard = "" if edit.tag == "delete" else hypothesis[edit.dest_pos]
            confusions[spoken, heard] += 1
    return confusions


def _bootstrap_interval(
    errors: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], resamples: int, confidence: float, seed: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    # One complex number a trial, so that a single gather and sum serves numerator and denominator.
    pairs = errors + 1j * lengths
    rates = np.empty(resamples)
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        count = min(_RESAMPLES_AT_ONCE, resamples - start)
        sums = pairs[rng.integers(0, len(pairs), (count, len(pairs)), dtype=np.int32)].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates[start : start + count] = sums.real / sums.imag
    tail = (1 - confidence) / 2
    low, high = np.quantile(rates[np.isfinite(rates)], [tail, 1 - tail])
    return float(low), float(high)
