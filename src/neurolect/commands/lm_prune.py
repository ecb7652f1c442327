"""`neurolect lm prune`."""

from __future__ import annotations

from pathlib import Path

from neurolect.language.ngram_target import Bits


def lm_prune(model: Path, threshold: float, out: Path, bits: Bits | None = None) -> None:
    """Leave out of an n-gram model what it hardly needs.

    An n-gram goes if the model's perplexity grows by less than the threshold without it (Stolcke 1998, as in SRILM).

    Args:
        model: file that 'neurolect lm build' or 'lm convert' wrote.
        threshold: a fraction, usually 1e-9 to 1e-6.
        out: file to write.
        bits: of each stored value: 32 keeps single precision, 8 keeps 256 values an order in about half the space; by
            default as many as the model has.

    Examples:
        neurolect lm prune 5gram.nlm --threshold 1e-8 --out small.nlm
    """
    from rich.console import Console

    from neurolect.commands.ngram_summary import print_summary
    from neurolect.language.ngram_model import NgramModel
    from neurolect.language.ngram_pruning import prune

    with Console(stderr=True).status("pruning"):
        whole = NgramModel(model)
        pruned = prune(whole, threshold, out, bits or (8 if whole.bits == 8 else 32))
    print_summary(pruned)
