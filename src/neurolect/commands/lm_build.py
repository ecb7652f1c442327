"""`neurolect lm build`."""

from __future__ import annotations

from pathlib import Path

from neurolect.language.corpus import Cleaning, Unit
from neurolect.language.ngram_building import Smoothing
from neurolect.language.ngram_target import Bits


def lm_build(
    text: list[Path],
    out: Path,
    order: int = 3,
    vocabulary: str | None = None,
    cleaning: Cleaning = "spoken",
    unit: Unit = "word",
    smoothing: Smoothing = "kneser_ney",
    least_counts: list[int] | None = None,
    prune: float = 0.0,
    bits: Bits = 32,
    memory: int = 256,
    threads: int | None = None,
) -> None:
    """Build an n-gram model from text.

    The text may be larger than the memory: what does not fit is sorted on disk, beside OUT.

    Args:
        text: UTF-8 files, gzipped or not.
        out: file to write, such as lm.nlm.
        order: words of the longest n-grams, 1 to 6.
        vocabulary: the words that the model is to know, all others count as <unk>: a file whose lines begin with a
            word, such as a lexicon, or 'english'. Without it, the model knows all words of the text.
        cleaning: 'spoken' splits lines into sentences and writes them as one would say them, in lower case, without
            punctuation, with numbers spelled out; 'reference' cleans as the brain-to-text reference does; 'none' takes
            a sentence a line, as it stands.
        unit: 'letter' makes a spelling model.
        smoothing: 'kneser_ney', interpolated and modified, or the 'katz' back-off of the brain-to-text reference.
        least_counts: how often n-grams of 1, 2, ... words must occur to be kept; the last number holds for longer ones.
        prune: leave out n-grams without which the model's perplexity grows by less than this, as a fraction.
        bits: of each stored value: 32 keeps single precision, 8 keeps 256 values an order in about half the space.
        memory: MiB to sort in.
        threads: that work at a time; as many as there are processors, up to 8, where it is left out. The model does not
            depend on them.

    Examples:
        neurolect lm build --text sentences.txt --out lm.nlm
        neurolect lm build --text a.txt.gz b.txt --order 5 --prune 1e-8 --vocabulary english --out 5gram.nlm
        neurolect lm build --text corpus.txt --order 5 --least_counts 1 1 2 --out 5gram.nlm
        neurolect lm build --text corpus.txt --cleaning reference --smoothing katz --vocabulary dict.txt --out lm.nlm
        neurolect lm build --text words.txt --cleaning none --unit letter --order 4 --out spelling.nlm
    """
    from rich.progress import Progress

    from neurolect.commands.ngram_summary import print_summary
    from neurolect.commands.plain_console import plain_console
    from neurolect.errors import require_at_least
    from neurolect.language.corpus import read_corpus, read_vocabulary
    from neurolect.language.ngram_building import build
    from neurolect.language.ngram_estimation import NgramCounting, usable_threads

    words = read_vocabulary(vocabulary) if vocabulary else None
    n_threads = usable_threads() if threads is None else threads
    require_at_least(1, "memory", memory)
    counting = NgramCounting(order, words, least_counts or (), memory << 20, n_threads)
    console = plain_console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        reading = bar.add_task("reading", total=sum(path.stat().st_size for path in text))

        def advance(n_characters: int) -> None:
            bar.advance(reading, n_characters)
            if bar.finished:
                bar.add_task("estimating", total=None)

        model = build(read_corpus(text, cleaning, unit, advance), out, counting, smoothing, prune, bits)
    print_summary(model)
