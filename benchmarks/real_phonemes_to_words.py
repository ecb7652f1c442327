"""How well real decoded phonemes become words: our trigram search beside the reference's 1-gram and 5-gram + OPT.

The trials are validation trials of Brain-to-Text '25 with what the released GRU made of them: its greedy phonemes and
its phoneme n-best with log-probabilities. Its logits are not published, so they are rebuilt from these strings and from
phoneme confusions of other recordings (participant T12, two other models); see `neurolect.decoding.pseudo_posteriors`.
The reference's columns were decoded from the full logits, which hold more than five strings can.

Sessions are put in order and every second one, beginning with the first, is the tuning half: `--tune` prints a small
grid of acoustic scales and blank penalties on it, from which the constants below were taken. Nothing was tuned on the
other half, whose table comes first. The halves are not equally hard: all random-word and OpenWebText trials happen to
fall in the tuning half.

    python benchmarks/real_phonemes_to_words.py --limit 50
    python benchmarks/real_phonemes_to_words.py --json results.json
    python benchmarks/real_phonemes_to_words.py --tune
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.decoding.pseudo_posteriors import PhonemeErrors, rebuild_logits
from neurolect.language.english import english_trigram
from neurolect.language.ngram_model import NgramModel
from neurolect.text.alphabet import PHONEMES
from neurolect.text.error_rates import ErrorCounts, count_errors, count_word_errors, error_rate, error_rate_by
from neurolect.text.lexicon import Lexicon
from neurolect.text.normalise import normalise_for_evaluation

TRIALS = Path(__file__).parents[2] / "shared" / "real" / "t15_val_dev.csv"
CONFUSIONS = "t12_phonemes_dev.json"

ACOUSTIC_SCALE = 0.8
BLANK_PENALTY = 30.0
SCALES = (0.8, 1.0, 1.2)
PENALTIES = (10.0, 30.0, 90.0)

REFERENCES = {"reference 1-gram": "reference_1gram", "reference 5-gram + OPT": "reference_5gram_opt"}
Row = dict[str, str]


@dataclass(frozen=True)
class Decoded:
    """Sentences of one decoder and the CPU time it took."""

    sentences: list[str]
    cpu_ms_per_trial: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", type=Path, default=TRIALS, help=f"trials; {CONFUSIONS} must lie beside them")
    parser.add_argument("--json", type=Path, help="write figures and settings here")
    parser.add_argument("--limit", type=int, help="decode only the first trials of each half")
    parser.add_argument("--tune", action="store_true", help="print the grid on the tuning half and stop")
    arguments = parser.parse_args()
    console = Console()
    for path in (arguments.csv, arguments.csv.with_name(CONFUSIONS)):
        if not path.is_file():
            parser.error(f"{path}: no such file; the real trials are not part of neurolect")

    with arguments.csv.open(newline="", encoding="utf-8") as file:
        tuning, held_out = halves(list(csv.DictReader(file)))
    tuning, held_out = tuning[: arguments.limit], held_out[: arguments.limit]
    errors = t12_errors(arguments.csv.with_name(CONFUSIONS))
    lexicon = Lexicon.english()
    trigram = english_trigram()

    if arguments.tune:
        console.print(tuning_table(tuning, errors, lexicon, trigram))
        return
    figures: dict[str, Any] = {}
    for half, rows in (("held out", held_out), ("tuning", tuning)):
        decoded = {
            name: decode(rows, errors, lexicon, model, f"{half}: {name}")
            for name, model in (("no language model", None), ("trigram", trigram))
        }
        counts = word_errors(rows, decoded)
        console.print(table_by_corpus(rows, counts, f"{half} sessions"))
        figures[half] = summary(rows, decoded, counts)
    if arguments.json:
        write_json(arguments.json, {"benchmark": "real_phonemes_to_words", "settings": settings(), **figures})


def halves(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Trials of the 1st, 3rd, … and of the 2nd, 4th, … session."""
    tuning = set(sorted({row["session"] for row in rows})[::2])
    return [row for row in rows if row["session"] in tuning], [row for row in rows if row["session"] not in tuning]


def t12_errors(path: Path) -> PhonemeErrors:
    trials = json.loads(path.read_text(encoding="utf-8"))
    models = ("gru", "transformer")
    return PhonemeErrors.estimate(
        [trial[f"true_seqs_{model}"] for model in models for trial in trials],
        [trial[f"decoded_seqs_{model}"] for model in models for trial in trials],
    )


def decode(
    rows: Sequence[Row],
    errors: PhonemeErrors,
    lexicon: Lexicon,
    model: NgramModel | None,
    label: str,
    acoustic_scale: float = ACOUSTIC_SCALE,
    blank_penalty: float = BLANK_PENALTY,
) -> Decoded:
    options = DecoderOptions(acoustic_scale=acoustic_scale, blank_penalty=blank_penalty)
    search = Decoder(LexiconNetwork(lexicon, model), options)
    start = time.process_time()
    sentences = []
    for row in track(rows, label, transient=True):
        greedy = PHONEMES.encode(row["greedy"].split())
        n_best = [(score, PHONEMES.encode(text.split())) for score, text in json.loads(row["nbest"] or "[]")]
        sentences.append(search.decode(rebuild_logits(greedy, n_best, errors))[0].text)
    return Decoded(sentences, 1e3 * (time.process_time() - start) / max(len(rows), 1))


def word_errors(rows: Sequence[Row], decoded: dict[str, Decoded]) -> dict[str, ErrorCounts]:
    truth = [normalise_for_evaluation(row["sentence"]) for row in rows]
    answers = {name: answer.sentences for name, answer in decoded.items()}
    answers |= {name: [row[column] for row in rows] for name, column in REFERENCES.items()}
    return {
        name: count_word_errors(truth, [normalise_for_evaluation(text) for text in texts])
        for name, texts in answers.items()
    }


def table_by_corpus(rows: Sequence[Row], counts: dict[str, ErrorCounts], sessions: str) -> Table:
    table = Table(title=f"Word error rate [95 % bootstrap interval], {sessions}")
    for heading in ("corpus", "trials", *counts):
        table.add_column(heading, justify="left" if heading == "corpus" else "right")
    corpora = [row["corpus"] for row in rows]
    by_corpus = {name: error_rate_by(errors, corpora) for name, errors in counts.items()}
    for corpus in dict.fromkeys(corpora):
        rates = [str(rates[corpus]) for rates in by_corpus.values()]
        table.add_row(corpus, str(corpora.count(corpus)), *rates)
    table.add_section()
    table.add_row("all", str(len(rows)), *(str(error_rate(errors)) for errors in counts.values()))
    return table


def tuning_table(rows: Sequence[Row], errors: PhonemeErrors, lexicon: Lexicon, trigram: NgramModel) -> Table:
    table = Table("acoustic scale", *(f"blank penalty {penalty:g}" for penalty in PENALTIES))
    table.title = f"Word error rate in %, trigram, {len(rows)} trials of the tuning half"
    for scale in SCALES:
        cells = []
        for penalty in PENALTIES:
            answer = decode(rows, errors, lexicon, trigram, f"{scale:g}, {penalty:g}", scale, penalty)
            counts = word_errors(rows, {"trigram": answer})["trigram"]
            cells.append(f"{100 * counts.errors.sum() / counts.lengths.sum():.2f}")
        table.add_row(f"{scale:g}", *cells)
    return table


def summary(rows: Sequence[Row], decoded: dict[str, Decoded], counts: dict[str, ErrorCounts]) -> dict[str, Any]:
    phonemes = count_errors((row["phonemes"].split() for row in rows), (row["greedy"].split() for row in rows))
    overall = {name: error_rate(errors) for name, errors in counts.items()}
    return {
        "sessions": sorted({row["session"] for row in rows}),
        "greedy_phoneme_error_rate": asdict(error_rate(phonemes)),
        "word_error_rate": {name: asdict(rate) for name, rate in overall.items()},
        "word_error_rate_by_corpus": {name: dict(rates_by_corpus(rows, errors)) for name, errors in counts.items()},
        "trigram_over_reference_1gram": overall["trigram"].rate / overall["reference 1-gram"].rate,
        "cpu_ms_per_trial": {name: answer.cpu_ms_per_trial for name, answer in decoded.items()},
    }


def rates_by_corpus(rows: Sequence[Row], errors: ErrorCounts) -> Iterator[tuple[str, dict[str, Any]]]:
    for corpus, rate in error_rate_by(errors, [row["corpus"] for row in rows]).items():
        yield corpus, asdict(rate)


def settings() -> dict[str, Any]:
    return {
        "acoustic_scale": ACOUSTIC_SCALE,
        "blank_penalty": BLANK_PENALTY,
        "search": "LexiconNetwork, other settings at their defaults",
        "posteriors": "rebuilt from greedy and n-best phonemes, confusions of T12",
        "tuning_half": "sessions 1, 3, 5, … in order of date",
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    main()
