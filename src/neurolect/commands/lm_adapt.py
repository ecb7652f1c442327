"""`neurolect lm adapt`."""

from __future__ import annotations

from pathlib import Path

from neurolect.language.corpus import Cleaning
from neurolect.language.ngram_target import Bits


def lm_adapt(
    base: str,
    text: list[Path],
    out: Path,
    order: int = 3,
    weight: float | None = None,
    validation: Path | None = None,
    lexicon: Path | None = None,
    new_words: Path | None = None,
    cleaning: Cleaning = "spoken",
    prune: float = 0.0,
    bits: Bits = 32,
) -> None:
    """Mix a person's own sentences into an n-gram model.

    Takes seconds. What part of the mixture the sentences should be is found from themselves: each tenth of them, in
    order of time, is predicted from the others, and the weight is the one that predicts best.

    Args:
        base: an n-gram model of 'lm build' or 'lm convert', or 'english'.
        text: the sentences, UTF-8 files, gzipped or not, in order of time.
        out: file to write, such as mine.nlm.
        order: words of the longest n-grams that are counted in the sentences, 1 to 6.
        weight: of the sentences, above 0 and below 1, instead of a fitted one.
        validation: other sentences of the person, to fit the weight to instead.
        lexicon: file of further words that can be pronounced, as for 'neurolect decode'.
        new_words: file to write the words to that cannot be pronounced yet, one a line, for 'neurolect decode
            --lexicon', which pronounces such words from their letters.
        cleaning: what is done to each line, see 'neurolect lm build --help'.
        prune: leave out n-grams without which the model's perplexity grows by less than this, as a fraction.
        bits: of each stored value: 32 keeps single precision, 8 keeps 256 values an order in about half the space.

    Examples:
        neurolect lm adapt english --text mine.txt --out mine.nlm
        neurolect lm adapt 5gram.nlm --text january.txt february.txt --order 4 --out mine.nlm --new_words new.txt
        neurolect decode logits.npz --lm mine.nlm --lexicon new.txt --out decoded.jsonl
    """
    from neurolect.commands.ngram_summary import print_summary
    from neurolect.commands.plain_console import plain_console
    from neurolect.data.files import written_atomically
    from neurolect.decoding.words import read_lexicon
    from neurolect.language.corpus import read_corpus
    from neurolect.language.english import ENGLISH, english_trigram
    from neurolect.language.ngram_adaptation import adapt
    from neurolect.language.ngram_model import NgramModel
    from neurolect.text.alphabet import PHONEMES

    console = plain_console(stderr=True)
    with console.status("adapting"):
        # Before the model is written: a wrong name should leave nothing behind.
        pronounced = read_lexicon(lexicon, PHONEMES)
        model = english_trigram() if base == ENGLISH else NgramModel(base)
        sentences = list(read_corpus(text, cleaning))
        held_out = None if validation is None else list(read_corpus([validation], cleaning))
        adapted = adapt(
            model,
            sentences,
            out,
            order=order,
            weight=weight,
            validation=held_out,
            prune_below=prune,
            bits=bits,
        )
        without_pronunciation = pronounced.lacking(sentences)
    print(f"weight of the sentences {adapted.weight:.3f}, {len(adapted.new_words):,} words are new to {base}")
    if (gain := adapted.gain) is not None:
        print(
            f"held-out words: perplexity {gain.perplexity_before:.4g} → {gain.perplexity_after:.4g}, "
            f"unknown {gain.unknown_before:,} → {gain.unknown_after:,} of {gain.words:,}"
        )
        if gain.perplexity_after > gain.perplexity_before:
            print(f"known words are predicted worse than by {base} alone: give more sentences, or a smaller --weight")
    print_summary(adapted.model)
    if without_pronunciation and new_words is not None:
        with written_atomically(new_words) as partial:
            partial.write_text("".join(f"{word}\n" for word in without_pronunciation), encoding="utf-8")
        print(
            f"{new_words}: {len(without_pronunciation):,} words to pronounce; give it to 'neurolect decode --lexicon'"
        )
    elif new_words is not None:
        print(f"all words have a pronunciation, so there is nothing to write to {new_words}")
    elif without_pronunciation:
        shown = ", ".join(without_pronunciation[:5]) + (", …" if len(without_pronunciation) > 5 else "")
        print(
            f"{len(without_pronunciation):,} words cannot be decoded, the lexicon lacks them: {shown}; "
            "list them with --new_words"
        )
