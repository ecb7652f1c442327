"""`neurolect lm mix`."""

from __future__ import annotations

from pathlib import Path

from neurolect.language.corpus import Cleaning
from neurolect.language.ngram_target import Bits


def lm_mix(
    models: list[Path],
    out: Path,
    weights: list[float] | None = None,
    heldout: Path | None = None,
    cleaning: Cleaning = "spoken",
    bits: Bits = 32,
) -> None:
    """Mix n-gram models into one whose probabilities are their weighted mean.

    Args:
        models: files that 'neurolect lm build' or 'lm convert' wrote.
        out: file to write.
        weights: of each model, in the same order; they sum to 1.
        heldout: instead of weights, text like what the model is for and that none of them was built from: the weights
            are those with which the mixture predicts it best.
        cleaning: what is done to the held-out text, see 'neurolect lm build --help'.
        bits: of each stored value: 32 keeps single precision, 8 keeps 256 values an order in about half the space.

    Examples:
        neurolect lm mix --models chat.nlm news.nlm --heldout own_sentences.txt --out mixed.nlm
        neurolect lm mix --models chat.nlm own.nlm --weights 0.7 0.3 --out mixed.nlm
    """
    from rich.console import Console

    from neurolect.commands.ngram_summary import print_summary
    from neurolect.errors import ConfigError
    from neurolect.language.corpus import read_corpus
    from neurolect.language.ngram_mixing import fit_weights, mix
    from neurolect.language.ngram_model import NgramModel

    ngrams = [NgramModel(path) for path in models]
    with Console(stderr=True).status("mixing"):
        if heldout is not None and weights is None:
            weights = fit_weights(ngrams, read_corpus([heldout], cleaning))
        elif weights is None or heldout is not None:
            raise ConfigError("either weights or heldout must be given")
        mixture = mix(ngrams, weights, out, bits)
    for path, weight in zip(models, weights, strict=True):
        print(f"{weight:.4f}  {path}")
    print_summary(mixture)
