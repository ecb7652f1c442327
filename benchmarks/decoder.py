"""Words from phoneme posteriors: our decoder, flashlight-text with KenLM, and recorded figures of the reference's own.

All decode the same sentences with the full English trigram (3.85 million n-grams) of the `pocketsphinx` wheel and its
dictionary, each in a process of its own; passes over the sentences alternate between them, so that a busy machine
slows all alike. Of several passes the median counts, except for frames, of which every one counts.

    python benchmarks/decoder.py --quick
    python benchmarks/decoder.py --graphs FOLDER

`--graphs` is a folder with `LG.fst` and `words.txt` of the same trigram; where it does not exist yet it is built, in
six minutes and 6 GB of memory (`pip install 'neurolect[graph]'`). flashlight takes part if it is installed
(`pip install ufal-flashlight-text`). All processes together take some 4 GB; a full run takes 20 minutes.

The posteriors are those on which the reference's decoder was recorded, where they are at hand; otherwise synthetic ones
are made of everyday sentences, and recorded figures are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from decoder_inputs import hot_words, make_posteriors, read_posteriors
from decoder_report import DEFAULT_TREE, GRAPH_FILE, RECORDED, RECORDED_SENTENCES, aims, draw, print_tables
from neurolect.data.files import written_atomically
from neurolect.decoding import DecoderOptions
from neurolect.language.graph_building import GRAPH, WORDS, build_graph
from neurolect.language.ngram_conversion import convert, write_arpa, write_english_trigram
from neurolect.text.error_rates import count_word_errors, error_rate
from neurolect.text.lexicon import Lexicon, pocketsphinx_file

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "decoder" / "posteriors_q20.npz"
RESULTS = Path(__file__).parent / "results"
DICTIONARY = "cmudict-en-us.dict"
DEFAULT = DEFAULT_TREE[1]
HOT_WORD_BONUS = 3.0


@dataclass(frozen=True)
class Entry:
    """A decoder that takes part: its kind, the files it reads, and `max_active` or the size of its beam."""

    family: str
    kind: str
    files: tuple[Path, ...]
    size: int


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    sentences: int
    passes: int
    tree: tuple[int, ...]
    graph: tuple[int, ...]
    flashlight: tuple[int, ...]
    many: int


FULL = Scale(200, 3, tuple(sorted({300, 500, DEFAULT, 1500, 7000})), (500, 1500, 7000), (150, 500, 1500), 5000)
QUICK = Scale(30, 3, (DEFAULT,), (500, 1500), (500,), 200)


class Worker:
    """The process of one decoder: called with the name of a measurement and its arguments, it answers."""

    def __init__(self, entry: Entry, posteriors: Path, truth: list[str], errors: Path) -> None:
        task = {"kind": entry.kind, "model": str(entry.files[0]), "size": entry.size, "truth": truth}
        task |= {"posteriors": str(posteriors), "n_sentences": len(truth)}
        command = [sys.executable, str(Path(__file__).with_name("decoder_worker.py")), json.dumps(task)]
        self.entry = entry
        self._errors = errors
        with errors.open("w") as file:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        self.loaded = self._answer()

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Answer of one measurement."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            name = f"{self.entry.family}, {self.entry.size}"
            raise SystemExit(f"{name}: ended with status {self._process.wait()}\n{self._errors.read_text()}")
        return json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few sentences and settings: a minute or two")
    parser.add_argument("--graphs", type=Path, help="folder with LG.fst and words.txt, built if it does not exist")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for decoder.json and decoder.png")
    options = parser.parse_args()
    scale = QUICK if options.quick else FULL
    console = Console(width=None if sys.stdout.isatty() else 160)
    with tempfile.TemporaryDirectory() as folder, console.status("") as status:
        work = Path(folder)
        golden = GOLDEN.is_file()
        posteriors, truth = read_posteriors(GOLDEN) if golden else make_posteriors(work)
        truth = truth[: scale.sentences]
        status.update("writing the language models")
        entries, notes = list_entries(work, options.graphs, scale, status.update)
        comparable = golden and len(truth) == RECORDED_SENTENCES
        if not comparable:
            notes.append(
                f"figures recorded elsewhere: left out, they are of {RECORDED_SENTENCES} sentences of {GOLDEN.name}"
            )
        rows = measure(entries, posteriors, truth, scale, work, status.update)
        extras = measure_extras(entries, posteriors, truth, scale, work, status.update)
    results: dict[str, Any] = {
        "benchmark": "decoder",
        "machine": machine(),
        "posteriors": GOLDEN.stem if golden else "made of everyday sentences",
        "sentences": len(truth),
        "words": sum(len(sentence.split()) for sentence in truth),
        "passes": scale.passes,
        "options": {**asdict(DecoderOptions()), "max_active": "as stated"},
        "notes": notes,
        "decoders": rows,
        "recorded_elsewhere": RECORDED if comparable else [],
        **extras,
    }
    results["aims"] = aims(results)
    print_tables(results, console)
    options.out.mkdir(parents=True, exist_ok=True)
    with written_atomically(options.out / "decoder.json") as partial:
        partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    draw(results, options.out / "decoder.png")


def list_entries(folder: Path, graphs: Path | None, scale: Scale, say: Any) -> tuple[list[Entry], list[str]]:
    """Who takes part, and who does not and why."""
    lexicon, dictionary, notes = Lexicon.english(), pocketsphinx_file(DICTIONARY), []
    exact, coarse, arpa = folder / "32.nlm", folder / "8.nlm", folder / "trigram.arpa"
    write_arpa(write_english_trigram(exact, lexicon, 32), arpa)
    convert(exact, coarse, 8)
    entries = [Entry(DEFAULT_TREE[0], "tree", (exact, dictionary), size) for size in scale.tree]
    entries += [Entry("lexicon tree, 8-bit", "tree", (coarse, dictionary), size) for size in scale.tree]
    if graphs is None:
        notes.append("graph file: left out, --graphs is not given")
    else:
        if not (graphs / GRAPH).is_file():
            build_graph(arpa, lexicon, graphs, say=say)
        entries += [Entry(GRAPH_FILE, "graph", (graphs / GRAPH, graphs / WORDS), size) for size in scale.graph]
    if importlib.util.find_spec("flashlight") is None:
        notes.append("flashlight-text + KenLM: left out, it is not installed (pip install ufal-flashlight-text)")
    else:
        entries += [Entry("flashlight + KenLM", "flashlight", (arpa, dictionary), size) for size in scale.flashlight]
    notes.append(
        "pyctcdecode 0.5.0: not applicable, it has no pronunciation lexicon. Recorded elsewhere, on 30 of the sentences"
        " with pronunciations for words: 9.3 % of pronunciations wrong in 185 CPU ms a sentence (beam 100)"
    )
    return entries, notes


def measure(
    entries: list[Entry], posteriors: Path, truth: list[str], scale: Scale, folder: Path, say: Any
) -> list[dict[str, Any]]:
    """Everything about each decoder that all of them can do."""
    with ExitStack() as stack:
        workers = []
        for number, entry in enumerate(entries):
            say(f"loading {entry.family}, {entry.size}")
            workers.append(stack.enter_context(Worker(entry, posteriors, truth, folder / f"{number}.txt")))
        answers = [worker("errors") for worker in in_turn(workers, "first pass", say)]
        offline: list[list[list[float]]] = [[] for _ in workers]
        streamed: list[list[dict[str, list[list[float]]]]] = [[] for _ in workers]
        for number in range(scale.passes):
            for times, worker in zip(offline, in_turn(workers, f"CPU time, pass {number + 1}", say), strict=True):
                times.append(worker("offline"))
            for frames, worker in zip(streamed, in_turn(workers, f"frames, pass {number + 1}", say), strict=True):
                frames.append(worker("streamed"))
        memory = [worker("memory") for worker in workers]
        ours = [worker for worker in workers if worker.entry.kind != "flashlight"]
        batches: dict[Entry, list[float]] = {worker.entry: [] for worker in ours}
        for number in range(scale.passes):
            for worker in in_turn(ours, f"two threads, pass {number + 1}", say):
                batches[worker.entry].append(worker("sentences_per_second", 2))
    rows = []
    for position, worker in enumerate(workers):
        row = {"decoder": worker.entry.family, "size": worker.entry.size, **word_errors(answers[position], truth)}
        per_pass = np.mean(offline[position], axis=1)
        row |= {"cpu_ms": float(np.median(per_pass)), "cpu_ms_of_passes": per_pass.tolist()}
        row["cpu_ms_p95"] = float(np.quantile(np.median(offline[position], axis=0), 0.95))
        row |= frame_times(streamed[position])
        if worker.entry in batches:
            row["sentences_per_second_on_two_threads"] = float(np.median(batches[worker.entry]))
        row |= {"load_s": worker.loaded["load_s"], "load_cpu_s": worker.loaded["load_cpu_s"]}
        row |= {"process_without_decoder_mb": worker.loaded["before_loading_mb"]}
        row |= {"loaded_mb": worker.loaded.get("resident_mb"), **memory[position]}
        row["disk_mb"] = sum(file.stat().st_size for file in worker.entry.files) / 1e6
        rows.append(row)
    return rows


def measure_extras(
    entries: list[Entry], posteriors: Path, truth: list[str], scale: Scale, folder: Path, say: Any
) -> dict[str, Any]:
    """Memory over time and the cost of hot words, of the tree at its default and of the graph with 1500 paths."""
    extras: dict[str, list[dict[str, Any]]] = {"many_utterances": [], "long_utterance": [], "hot_words": []}
    for entry in (each for each in entries if (each.family, each.size) in (DEFAULT_TREE, (GRAPH_FILE, 1500))):
        name = {"decoder": entry.family, "size": entry.size}
        for measurement, argument in (("many_utterances", scale.many), ("long_utterance", 60.0)):
            say(f"{measurement.replace('_', ' ')}: {entry.family}")
            with Worker(entry, posteriors, truth, folder / "extra.txt") as worker:
                extras[measurement].append({**name, "course": worker(measurement, argument)})
        with Worker(entry, posteriors, truth, folder / "extra.txt") as worker:
            worker("errors")
            for kind, phrases in hot_words(truth).items():
                say(f"hot words, {kind}: {entry.family}")
                passes = [worker("hot_words", dict.fromkeys(phrases, HOT_WORD_BONUS)) for _ in range(scale.passes)]
                ratios = [each["guided_cpu_ms"] / each["plain_cpu_ms"] for each in passes]
                row = {**name, "phrases": f"{len(phrases)} {kind}", "ratio": float(np.median(ratios))}
                medians = {key: float(np.median([each[key] for each in passes])) for key in passes[0]}
                extras["hot_words"].append({**row, "ratios_of_passes": ratios, **medians})
    return extras


def in_turn(workers: list[Worker], what: str, say: Any) -> Iterator[Worker]:
    for worker in workers:
        say(f"{what}: {worker.entry.family}, {worker.entry.size}")
        yield worker


def word_errors(answer: dict[str, Any], truth: list[str]) -> dict[str, Any]:
    rate = error_rate(count_word_errors(truth, answer["sentences"]))
    oracle = sum(answer["oracle_errors"]) / rate.length
    return {"wer": rate.rate, "wer_interval": [rate.low, rate.high], "oracle_wer": oracle}


def frame_times(passes: list[dict[str, list[list[float]]]]) -> dict[str, Any]:
    """Quantiles over all frames of all passes, of wall and of CPU time."""
    row: dict[str, Any] = {}
    for name, key in (("push", "frame_ms"), ("with_partial", "frame_and_partial_ms"), ("finish", "finish_ms")):
        wall, cpu = np.concatenate([each[name] for each in passes], axis=1)
        row[key] = {
            f"{clock}{quantile}": float(np.quantile(times, share))
            for clock, times in (("", wall), ("cpu_", cpu))
            for quantile, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        }
    return row


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    facts: dict[str, Any] = {"cores": os.cpu_count(), "architecture": platform.machine(), "system": platform.system()}
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        facts["processor"] = names[0].partition(":")[2].strip() if names else "unknown"
    return facts | {"python": platform.python_version(), "numpy": np.__version__}


if __name__ == "__main__":
    main()
