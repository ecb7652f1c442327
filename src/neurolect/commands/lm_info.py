"""`neurolect lm info`."""

from __future__ import annotations

from pathlib import Path


def lm_info(model: Path, verify: bool = False) -> None:
    """Print what an n-gram model holds.

    Args:
        model: file that 'neurolect lm build' or 'lm convert' wrote.
        verify: read all of the file and compare its checksums.

    Examples:
        neurolect lm info lm.nlm
        neurolect lm info lm.nlm --verify
    """
    from rich import box
    from rich.table import Table

    from neurolect.commands.plain_console import plain_console
    from neurolect.language.ngram_model import NgramModel

    ngrams = NgramModel(model)
    if verify:
        ngrams.verify()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("order", "n-grams", "added", "bytes"):
        table.add_column(heading, justify="right")
    rows = zip(ngrams.counts, ngrams.added, ngrams.bytes_by_order, strict=True)
    for order, row in enumerate(rows, start=1):
        table.add_row(str(order), *(f"{value:,}" for value in row))
    table.add_section()
    totals = (len(ngrams), sum(ngrams.added), sum(ngrams.bytes_by_order))
    table.add_row("all", *(f"{value:,}" for value in totals))
    console = plain_console()
    console.print(table)
    words = f"{model}: {len(ngrams.vocabulary):,} words"
    for symbol in ("<s>", "</s>", "<unk>"):
        words += f", {'with' if symbol in ngrams.vocabulary else 'without'} {symbol}"
    console.print(words, soft_wrap=True)
    console.print(f"{ngrams.n_bytes:,} bytes, {ngrams.bits} bits a value", soft_wrap=True)
    if verify:
        console.print("every checksum is right")
