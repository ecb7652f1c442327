"""What the verbs that write n-gram models print at their end."""

from __future__ import annotations

from neurolect.language.ngram_model import NgramModel


def print_summary(model: NgramModel) -> None:
    """One line on a model that was just written."""
    counts = " + ".join(f"{count:,}" for count in model.counts)
    print(f"{model.path}: order {model.order}, {len(model):,} n-grams ({counts}), {model.n_bytes:,} bytes")
