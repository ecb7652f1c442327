"""`neurolect lm tune`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from neurolect.text.alphabet import Alphabet


def lm_tune(
    logits: Path,
    truth: Path,
    out: Path,
    lm: str = "english",
    lexicon: Path | None = None,
    graph: Path | None = None,
    order: Literal["model", "lm"] = "model",
    alphabet: Alphabet | None = None,
    method: Literal["grid", "tpe"] = "grid",
    space: dict[str, list[float]] | None = None,
    trials: int = 60,
    cost_of_time: float = 0.01,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Search decoder settings for few word errors in little time.

    Every measurement is noted in a journal beside the answer, so that a search that was stopped goes on. Use a
    development split: figures on utterances that settings were chosen on are too good.

    Args:
        logits: .npz file of a development split, as for `neurolect decode`.
        truth: text file of what was said, one sentence a line.
        out: YAML file with the best settings, for `--config` of `decode` and `evaluate`.
        lm: as for `neurolect decode`.
        lexicon: as for `neurolect decode`.
        graph: as for `neurolect decode`.
        order: of the classes, as for `neurolect decode`.
        alphabet: as for `neurolect decode`.
        method: `grid` tries every combination, `tpe` lets those so far choose the next (needs the extra `tune`).
        space: settings with their values for `grid`, with their two bounds for `tpe`.
        trials: how many combinations `tpe` tries.
        cost_of_time: per cent of word errors that a CPU millisecond an utterance is worth; 0 counts errors only.
        seed: of `tpe`, from 0.
        threads: utterances decoded at a time.

    Examples:
        neurolect lm tune dev.npz dev.txt --out tuned.yaml
        neurolect lm tune dev.npz dev.txt --out tuned.yaml --space '{"acoustic_scale": [0.3, 0.5, 0.8]}'
        neurolect lm tune dev.npz dev.txt --out tuned.yaml --lm 5gram.nlm --method tpe --trials 100
    """
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from neurolect.commands.plain_console import plain_console
    from neurolect.decoding.logits_file import LogitsFile
    from neurolect.decoding.words import alphabet_of
    from neurolect.evaluation import tuning
    from neurolect.evaluation.sentences import read_truth
    from neurolect.evaluation.tunable_settings import (
        DEFAULT_GRID,
        check_space,
        default_ranges,
        tunable_decoder,
        write_config,
    )
    from neurolect.evaluation.tuning_journal import Journal, identity_of_search

    console = plain_console()
    tried = space or (DEFAULT_GRID if method == "grid" else default_ranges(graph))
    check_space(tried, graph)
    classes = alphabet_of(order, alphabet)
    utterances = LogitsFile.read(logits)
    spoken = read_truth(truth, len(utterances))
    build = tunable_decoder(lm, lexicon, graph, classes, threads)
    journal = Journal(
        out.with_suffix(".trials.jsonl"), identity_of_search(logits, truth, lm, lexicon, graph, order, alphabet)
    )
    proposed: Iterable[Mapping[str, float]]
    if method == "grid":
        proposed = [values for values in tuning.grid(tried) if journal.find(values) is None]
        total = len(proposed)
    else:
        proposed = tuning.propose_by_tpe(tried, journal, trials, cost_of_time, seed)
        total = trials - len(journal.measurements)
    measured = tuning.tune(proposed, build, utterances, spoken, journal)
    for _ in track(measured, "trying settings", total, console=Console(stderr=True)):
        pass
    best = tuning.best_of(journal.measurements, cost_of_time)
    write_config(out, best.values)

    table = Table("settings", "word error rate", "CPU ms an utterance", title="Not beaten in both errors and time")
    for each in tuning.not_beaten(journal.measurements):
        settings = ", ".join(f"{name}={value:.4g}" for name, value in each.values.items())
        mark = "* " if each == best else ""
        table.add_row(f"{mark}{settings}", f"{100 * each.word_error_rate:.2f} %", f"{each.cpu_milliseconds:.0f}")
    console.print(table)
    console.print(
        f"* written to {out}; tuned on {len(utterances)} utterances: report figures on others", soft_wrap=True
    )
