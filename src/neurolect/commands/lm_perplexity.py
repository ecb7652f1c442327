"""`neurolect lm perplexity`."""

from __future__ import annotations

from pathlib import Path


def lm_perplexity(model: Path, text: Path, lower_case: bool = False) -> None:
    """Measure how well an n-gram model predicts a text.

    Words are compared as they stand, so the text must be written as the model's words are: usually without punctuation.

    Args:
        model: file that 'neurolect lm build' or 'lm convert' wrote.
        text: one sentence a line, words between spaces; gzipped or not.
        lower_case: make the letters A to Z of the text small.

    Examples:
        neurolect lm perplexity lm.nlm sentences.txt
        neurolect lm perplexity lm.nlm sentences.txt.gz --lower_case
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from neurolect.commands.plain_console import plain_console
    from neurolect.language.ngram_model import NgramModel
    from neurolect.text.text_lines import read_sentences

    ngrams = NgramModel(model)
    with Console(stderr=True).status("reading"):
        found = ngrams.perplexity(read_sentences(text, lower_case))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("order", "words", "%"):
        table.add_column(heading, justify="right")
    rows = [*((str(order), n) for order, n in enumerate(found.orders, start=1)), ("unknown", found.unknown)]
    for name, n in rows:
        table.add_row(name, f"{n:,}", f"{100 * n / found.words:.2f}")
    console = plain_console()
    console.print(table)
    for line in (
        f"{found.sentences:,} sentences, {found.words:,} words with the ends of sentences",
        f"perplexity {found.with_unknown:.5g}, without unknown words {found.without_unknown:.5g}",
    ):
        console.print(line, soft_wrap=True)
