"""`neurolect lm convert`."""

from __future__ import annotations

from pathlib import Path

from neurolect.language.english import ENGLISH
from neurolect.language.ngram_target import Bits


def lm_convert(source: str, out: Path, bits: Bits = 32, lower_case: bool = False) -> None:
    """Convert an n-gram model between file formats.

    ARPA text, gzipped or not, the binary tries of KenLM, the binary trigrams of sphinxbase, and the G.fst of Kaldi with
    its words.txt beside it become a store: one file that opens at once, that processes share, and that the other verbs
    read. A store becomes ARPA text again where OUT ends in .arpa or .arpa.gz.

    Args:
        source: file to convert, or the word 'english': the trigram of the pocketsphinx package with all words of its
            dictionary.
        out: file to write, such as lm.nlm.
        bits: of each stored value: 32 keeps single precision, 8 keeps 256 values an order in about half the space.
        lower_case: make the letters A to Z of words small, as lexicons have them; those of G.fst always are.

    Examples:
        neurolect lm convert lm.arpa.gz --out lm.nlm --lower_case
        neurolect lm convert 5gram.arpa --out 5gram.nlm --bits 8
        neurolect lm convert speech_5gram/lang_test/G.fst --out 5gram.nlm
        neurolect lm convert english --out english.nlm
    """
    from rich.progress import Progress

    from neurolect.commands.plain_console import plain_console
    from neurolect.errors import ConfigError
    from neurolect.language.ngram_conversion import convert, write_english_trigram
    from neurolect.text.lexicon import Lexicon

    if source == ENGLISH and lower_case:
        raise ConfigError("the words of the English trigram are small already: leave out lower_case")
    console = plain_console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None if source == ENGLISH else Path(source).stat().st_size)

        def advance(n_bytes: int) -> None:
            bar.advance(task, n_bytes)
            if bar.finished:
                bar.add_task("sorting", total=None)

        model = (
            write_english_trigram(out, Lexicon.english(), bits)
            if source == ENGLISH
            else convert(Path(source), out, bits, lower_case, advance)
        )
    if model is None:
        print(f"{out}: ARPA text, {out.stat().st_size:,} bytes")
        return
    print(
        f"{out}: order {model.order}, {len(model):,} n-grams, {model.n_bytes:,} bytes, "
        f"{model.n_bytes / max(1, len(model)):.1f} bytes an n-gram"
    )
    if any(model.added):
        print(f"{sum(model.added):,} of the n-grams were added, since longer ones need them")
