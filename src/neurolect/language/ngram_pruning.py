"""N-gram models made smaller by what they hardly need."""

from __future__ import annotations

from pathlib import Path

from neurolect import _core
from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_target import Bits, target


def prune(model: NgramModel, threshold: float, out: Path, bits: Bits = 32) -> NgramModel:
    """Leave out n-grams by their relative entropy, the longest first, and fit the back-offs anew.

    Stolcke, "Entropy-based Pruning of Backoff Language Models" (1998), in SRILM's way: an n-gram goes if the model's
    perplexity grows by less than `threshold` without it, unless a longer one that stays begins with it.

    Args:
        model: what to prune.
        threshold: a fraction, usually 1e-9 to 1e-6; 0 leaves out nothing.
        out: the store to write; it appears whole or not at all, and may be the model's own file.
        bits: of each stored value.

    Raises:
        ConfigError: the threshold is below 0.
        DataError: the model is damaged.
    """
    if not threshold >= 0:
        raise ConfigError(f"the threshold for pruning is {threshold}, it must be at least 0")
    with written_atomically(out) as partial:
        _core.write_pruned(model.store, threshold, target(partial, bits))
    return NgramModel(out)
