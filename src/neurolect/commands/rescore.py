"""`neurolect rescore`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.second_pass import Rescoring


def rescore(
    hypotheses: Path,
    out: Path,
    rescoring: Rescoring = Rescoring(),
    others: list[Path] | None = None,
    truth: Path | None = None,
) -> None:
    """Put n-best lists through a second pass.

    Other n-grams take the place of the search's, a large language model has its say, or the sentence with the fewest
    expected errors is chosen. Writes what `neurolect decode` writes.

    Args:
        hypotheses: JSON lines that `neurolect decode` wrote.
        out: JSON lines to write; the table gets the same name with .csv.
        rescoring: settings of the second pass.
        others: files with other models' lists of the same utterances; choose by mbr among them all.
        truth: text file of what was said, one sentence a line; error rates before and after are printed, and those
            that other values of alpha would give.

    Examples:
        neurolect rescore decoded.jsonl --out rescored.jsonl --rescoring.llm smollm2 --rescoring.alpha 0.4
        neurolect rescore decoded.jsonl --out rescored.jsonl --rescoring.lm 5gram.nlm --rescoring.choose mbr
        neurolect rescore one.jsonl --others '[two.jsonl]' --out chosen.jsonl --rescoring.choose mbr
    """
    import time

    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from neurolect.commands.plain_console import plain_console
    from neurolect.decoding.hypothesis_files import read_models_hypotheses, write_hypotheses
    from neurolect.decoding.second_pass import SecondPass
    from neurolect.errors import ConfigError
    from neurolect.evaluation.alphas import word_error_rate_by_alpha
    from neurolect.evaluation.sentences import read_truth, word_error_rate

    console = plain_console()
    lists = read_models_hypotheses([hypotheses, *(others or [])])
    spoken = None if truth is None else read_truth(truth, len(lists))
    if out.with_suffix("") == hypotheses.with_suffix("") and out != hypotheses:
        raise ConfigError(f"{out}: its table would replace that of {hypotheses}; choose another name")
    if rescoring == Rescoring():
        raise ConfigError("rescore: nothing is to be done; name --rescoring.lm, llm, augment or choose")
    second_pass = SecondPass(rescoring)
    started = time.process_time()
    rescored: list[list[Hypothesis]] = []

    def one_by_one() -> Iterator[list[Hypothesis]]:
        for each in track(lists, "rescoring", console=Console(stderr=True)):
            rescored.append(second_pass.of_models(each))
            yield rescored[-1]

    csv = write_hypotheses(out, one_by_one())
    milliseconds = 1000 * (time.process_time() - started) / len(lists)
    console.print(f"{len(lists)} utterances, {milliseconds:.0f} CPU ms each: {out}, {csv}", soft_wrap=True)
    if spoken is not None:
        for name, best in (("before", [each[0][0] for each in lists]), ("after", [each[0] for each in rescored])):
            rate = word_error_rate(spoken, [hypothesis.text for hypothesis in best])
            console.print(f"word error rate {name}: {rate}")
    if spoken is not None and rescoring.llm is not None and not others:
        table = Table("alpha", "word error rate", title="Highest totals")
        rates = word_error_rate_by_alpha(rescored, spoken, rescoring.alpha, rescoring.language_model_weight)
        for alpha, rate in rates.items():
            table.add_row(f"{alpha:g}", str(rate))
        console.print(table)
