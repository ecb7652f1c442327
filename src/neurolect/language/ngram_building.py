"""From text to an n-gram model that is ready to use: estimated, then pruned."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from neurolect.errors import require_at_least
from neurolect.language.ngram_estimation import NgramCounting, estimate_katz, estimate_kneser_ney
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_pruning import prune
from neurolect.language.ngram_target import Bits

Smoothing = Literal["kneser_ney", "katz"]


def build(
    lines: Iterable[str],
    out: Path,
    counting: NgramCounting,
    smoothing: Smoothing = "kneser_ney",
    prune_below: float = 0.0,
    bits: Bits = 32,
) -> NgramModel:
    """Estimate a model from text and prune it.

    Args:
        lines: a sentence each, words between blanks.
        out: the store to write; it appears whole or not at all.
        counting: orders and words.
        smoothing: `kneser_ney`, interpolated and modified, or Good–Turing `katz`.
        prune_below: what `neurolect.language.ngram_pruning.prune` takes as its threshold; 0 prunes nothing.
        bits: of each stored value.

    Raises:
        ConfigError: the threshold is below 0.
        DataError: see `neurolect.language.ngram_estimation`.
    """
    require_at_least(0, "prune", prune_below)
    out.parent.mkdir(parents=True, exist_ok=True)
    if prune_below == 0:
        return _estimate(lines, out, counting, smoothing, bits)
    with TemporaryDirectory(prefix=".ngrams-", dir=out.parent) as folder:
        whole = _estimate(lines, Path(folder) / "whole", counting, smoothing, 32)
        return prune(whole, prune_below, out, bits)


def _estimate(lines: Iterable[str], out: Path, counting: NgramCounting, smoothing: Smoothing, bits: Bits) -> NgramModel:
    if smoothing == "katz":
        return estimate_katz(lines, out, counting, bits)
    return estimate_kneser_ney(lines, out, counting, bits)[0]
