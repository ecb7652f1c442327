"""`neurolect correct`."""

from __future__ import annotations

from pathlib import Path

from neurolect.language.causal_lm_loading import Precision


def correct(
    hypotheses: Path,
    out: Path,
    llm: str | None = None,
    endpoint: str | None = None,
    model: str | None = None,
    key_variable: str | None = None,
    n_best: int | None = None,
    most_changed: float | None = None,
    context: str = "",
    device: str = "auto",
    precision: Precision = "auto",
    truth: Path | None = None,
) -> None:
    """Have a language model correct n-best lists.

    It is a corrector that `neurolect lm corrector` trained or a model that follows instructions on this machine
    (`llm`), or such a model behind the address that you name (`endpoint` and `model`), to which the candidates and the
    context are then sent. Writes one sentence a line.

    Args:
        hypotheses: JSON lines that `neurolect decode` or `neurolect rescore` wrote.
        out: text file to write.
        llm: folder of a trained corrector, or a model that follows instructions, named as for `neurolect rescore`.
        endpoint: address of an interface like OpenAI's, such as http://localhost:8000/v1.
        model: name of the model there.
        key_variable: environment variable that holds the key for it.
        n_best: candidates that a model that follows instructions is shown, by default 10.
        most_changed: share of the words of a candidate that such a model may change, by default 0.34; answers further
            off are not taken.
        context: what was said before, for a model that follows instructions.
        device: for a model on this machine: `auto`, `cpu`, `cuda:0`, …
        precision: of a model on this machine.
        truth: text file of what was said, one sentence a line; error rates before and after are printed.

    Examples:
        neurolect correct decoded.jsonl --out corrected.txt --llm corrector
        neurolect correct rescored.jsonl --out corrected.txt --llm models/qwen3-4b-instruct
        neurolect correct rescored.jsonl --out corrected.txt --endpoint http://localhost:8000/v1 --model qwen3
    """
    import time

    from rich.console import Console
    from rich.progress import track

    from neurolect.commands.plain_console import plain_console
    from neurolect.data.files import written_atomically
    from neurolect.decoding.correctors import corrector_of
    from neurolect.decoding.hypothesis_files import read_hypotheses
    from neurolect.evaluation.sentences import read_truth, word_error_rate

    console = plain_console()
    lists = read_hypotheses(hypotheses)
    spoken = None if truth is None else read_truth(truth, len(lists))
    corrected = corrector_of(
        llm, endpoint, model, key_variable, n_best, most_changed, context, device, precision
    )  # fmt: skip
    started = time.process_time()
    sentences = [corrected(each) for each in track(lists, "correcting", console=Console(stderr=True))]
    milliseconds = 1000 * (time.process_time() - started) / max(1, len(lists))
    with written_atomically(out) as partial:
        partial.write_text("".join(f"{sentence}\n" for sentence in sentences), encoding="utf-8")
    before = [each[0].text for each in lists]
    changed = sum(one != other for one, other in zip(before, sentences, strict=True))
    console.print(
        f"{len(sentences)} sentences, {milliseconds:.0f} CPU ms each, {changed} changed: {out}", soft_wrap=True
    )
    if spoken is not None:
        for name, best in (("before", before), ("after", sentences)):
            console.print(f"word error rate {name}: {word_error_rate(spoken, best)}")
