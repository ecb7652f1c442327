"""`neurolect lm score`."""

from __future__ import annotations

from pathlib import Path


def lm_score(model: Path, sentence: str) -> None:
    """Score a sentence word by word.

    The order of a word is that of the n-gram that gave its probability; 0 stands for a word the model does not know.

    Args:
        model: file that 'neurolect lm build' or 'lm convert' wrote.
        sentence: words between spaces, written as the model's are.

    Examples:
        neurolect lm score lm.nlm "good morning everyone"
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from neurolect.commands.plain_console import plain_console
    from neurolect.language.ngram_model import NgramModel, perplexity_of

    scores = NgramModel(model).score_sentence(sentence)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("word")
    table.add_column("log10 P", justify="right")
    table.add_column("order", justify="right")
    for score in scores:
        table.add_row(Text(score.word), f"{score.log10:.4f}", str(score.order))
    total = sum(score.log10 for score in scores)
    table.add_section()
    table.add_row("all", f"{total:.4f}", "")
    console = plain_console()
    console.print(table)
    console.print(f"perplexity {perplexity_of(total, len(scores)):.5g}")
