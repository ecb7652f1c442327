"""`neurolect lm graph`."""

from __future__ import annotations

from pathlib import Path


def lm_graph(
    lm: Path,
    out: Path,
    lexicon: Path | None = None,
    silence_probability: float = 0.9,
    with_topology: bool = False,
    first_pronunciation_only: bool = False,
) -> None:
    """Build the search graph of an n-gram model and a lexicon.

    The folder holds LG.fst, from phonemes to words, words.txt and tokens.txt, as the brain-to-text reference builds
    them. Needs 'pip install neurolect[graph]', and for 4 million n-grams some 6 GB of memory and five minutes.

    Args:
        lm: n-gram model, a store or in ARPA format, gzipped or not; case is ignored.
        out: folder to write.
        lexicon: file of further words, as for `neurolect decode`; they come before the English dictionary's.
        silence_probability: of a silence before the first word and after each word; 0 allows none.
        first_pronunciation_only: leave out all but the first pronunciation of a word, as the reference does.
        with_topology: also write TLG.fst, which a Kaldi decoder or the reference's own reads.

    Examples:
        neurolect lm graph lm.nlm --out graphs/everyday
        neurolect lm graph --lm lm.arpa.gz --lexicon names.dict --out graphs/mine --silence_probability 0.9
        neurolect lm graph lm.arpa --out graphs/reference --with_topology --first_pronunciation_only
    """
    from functools import partial

    from neurolect.decoding.words import read_lexicon
    from neurolect.language.graph_building import build_graph
    from neurolect.text.alphabet import PHONEMES

    words = read_lexicon(lexicon, PHONEMES)
    built = build_graph(
        lm=lm,
        lexicon=words.preferred() if first_pronunciation_only else words,
        out=out,
        silence_probability=silence_probability,
        with_topology=with_topology,
        # Plain lines: kaldifst lets no other thread turn a spinner.
        say=partial(print, flush=True),
    )
    coverage = built.coverage
    print(f"{out}: {built.n_states:,} states, {built.n_arcs:,} arcs, {coverage.n_words:,} words")
    print(f"{coverage.n_words_without_ngram:,} words of the lexicon are not in the n-gram model")
    print(
        f"{coverage.n_words_without_pronunciation:,} words of the n-gram model have no pronunciation; "
        f"{coverage.n_dropped_ngrams:,} of {coverage.n_ngrams + coverage.n_dropped_ngrams:,} n-grams are left out"
    )
