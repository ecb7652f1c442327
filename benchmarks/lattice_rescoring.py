"""A larger n-gram model over the lattice and over the 100-best list, after searches with smaller ones.

The smaller models are the English trigram of the `pocketsphinx` wheel, pruned more or less; the larger one is that
trigram, or any other. Every search has a process of its own, in which passes with and without the second pass take
turns, sentence by sentence; of several passes the median counts. All is done on one thread.

    python benchmarks/lattice_rescoring.py
    python benchmarks/lattice_rescoring.py --lm 5gram.nlm --out /tmp/5gram.jsonl

The posteriors are those on which the reference's decoder was recorded, where they are at hand; otherwise synthetic ones
are made of everyday sentences.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from decoder_inputs import make_posteriors, read_posteriors
from neurolect.data.files import written_atomically
from neurolect.decoding import Decoder, DecoderOptions, Hypothesis, LatticeRescoring, LexiconNetwork
from neurolect.decoding.logits_file import LogitsFile
from neurolect.decoding.rescoring import rescore_with_ngrams
from neurolect.language.ngram_conversion import write_english_trigram
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_pruning import prune
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER as CLASSES
from neurolect.text.error_rates import count_word_errors, error_rate
from neurolect.text.lexicon import Lexicon

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "decoder" / "posteriors_q20.npz"
RESULTS = Path(__file__).parent / "results" / "lattice_rescoring.jsonl"
THRESHOLDS = {"unigram": 0.9, "trigram pruned, 1e-6": 1e-6, "trigram pruned, 1e-7": 1e-7}
LATTICE_BEAMS = (8.0, 12.0)


@dataclass(frozen=True)
class Task:
    """One search and what comes after it."""

    name: str
    searched: Path
    larger: Path
    lattice_beam: float
    posteriors: Path
    sentences: tuple[str, ...]
    passes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lm", type=Path, help="the larger model; by default the English trigram")
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        golden = GOLDEN.is_file()
        posteriors, truth = read_posteriors(GOLDEN) if golden else make_posteriors(Path(folder))
        english = write_english_trigram(Path(folder) / "english.nlm")
        searched = {
            name: prune(english, threshold, Path(folder) / f"{threshold}.nlm") for name, threshold in THRESHOLDS.items()
        }
        if options.lm is not None:
            searched["English trigram"] = english
        larger = english if options.lm is None else NgramModel(options.lm)
        spoken = tuple(truth[: options.sentences])
        results: list[dict[str, Any]] = [
            {
                "posteriors": "recorded" if golden else "synthetic",
                "sentences": len(spoken),
                "larger model": {"order": larger.order, "n-grams": len(larger), "bytes": larger.n_bytes},
                "word errors of a search with it, %": word_errors(list(direct(larger, posteriors, spoken)), spoken),
            }
        ]
        for name, model in searched.items():
            for beam in LATTICE_BEAMS:
                task = Task(name, model.path, larger.path, beam, posteriors, spoken, options.passes)
                facts = {"searched": name, "n-grams": len(model), "bytes": model.n_bytes, "lattice beam": beam}
                results.append(facts | in_its_own_process(task))
    lines = "".join(json.dumps(each) + "\n" for each in results)
    print(lines, end="")
    with written_atomically(options.out) as partial:
        partial.write_text(lines, encoding="utf-8")


def in_its_own_process(task: Task) -> dict[str, Any]:
    """The measurements of a task, and its peak memory with and without the second pass over the lattice."""
    answers = {}
    for measurement in (measure, peak_without, peak_with):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            answers[measurement.__name__] = pool.submit(measurement, task).result()
    peaks = {"peak MB without": answers["peak_without"], "peak MB with": answers["peak_with"]}
    return answers["measure"] | peaks


def measure(task: Task) -> dict[str, Any]:
    """Word errors and CPU time of the search alone, of the larger model over its lists, and over its lattices."""
    larger = NgramModel(task.larger)
    plain, rescoring = decoders(task)
    milliseconds: dict[str, list[float]] = {name: [] for name in ("search", "lattice", "list")}
    for _ in range(task.passes):
        spent = dict.fromkeys(milliseconds, 0.0)
        answers: dict[str, list[list[Hypothesis]]] = {name: [] for name in milliseconds}
        for logits in utterances_of(task):
            searching, ending, found = timed(plain, logits)
            _, ending_again, of_lattice = timed(rescoring, logits)
            started = time.process_time()
            of_list = rescore_with_ngrams(found, larger)
            spent["search"] += searching + ending
            spent["lattice"] += ending_again - ending
            spent["list"] += time.process_time() - started
            for name, hypotheses in (("search", found), ("lattice", of_lattice), ("list", of_list)):
                answers[name].append(hypotheses)
        for name, seconds in spent.items():
            milliseconds[name].append(1000 * seconds / len(task.sentences))
    gains = [a[0].total - b[0].total for a, b in zip(answers["lattice"], answers["list"], strict=True)]
    return {
        "word errors of the search, %": word_errors(answers["search"], task.sentences),
        "over the list, %": word_errors(answers["list"], task.sentences),
        "over the lattice, %": word_errors(answers["lattice"], task.sentences),
        "sentences better than the list's best": sum(gain > 1e-3 for gain in gains),
        "sentences worse than the list's best": sum(gain < -1e-3 for gain in gains),
        "CPU ms of the search": round(statistics.median(milliseconds["search"]), 2),
        "CPU ms more for the list": round(statistics.median(milliseconds["list"]), 2),
        "CPU ms more for the lattice": round(statistics.median(milliseconds["lattice"]), 2),
    }


def peak_without(task: Task) -> int:
    """Peak memory of a process that decodes all sentences without a second pass, in MB."""
    return peak_of(decoders(task)[0], task)


def peak_with(task: Task) -> int:
    """The same with the larger model over the lattices."""
    return peak_of(decoders(task)[1], task)


def peak_of(decoder: Decoder, task: Task) -> int:
    """Peak memory of this process after all sentences, in MB; mapped files count where they were read."""
    for logits in utterances_of(task):
        decoder.decode(logits)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return round(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6)


def decoders(task: Task) -> tuple[Decoder, Decoder]:
    """The search alone, and with the larger model over its lattices."""
    network = LexiconNetwork(Lexicon.english(), NgramModel(task.searched), CLASSES)
    options = replace(DecoderOptions(), lattice_beam=task.lattice_beam)
    rescoring = LatticeRescoring(NgramModel(task.larger))
    return Decoder(network, options, CLASSES), Decoder(network, options, CLASSES, lattice_rescoring=rescoring)


def utterances_of(task: Task) -> list[np.ndarray]:
    """Logits (frames, classes) of each sentence."""
    return list(LogitsFile.read(task.posteriors))[: len(task.sentences)]


def timed(decoder: Decoder, logits: np.ndarray) -> tuple[float, float, list[Hypothesis]]:
    """CPU seconds of one sentence up to its end and of its end, and its hypotheses."""
    started = time.process_time()
    stream = decoder.stream()
    stream.push(logits)
    pushed = time.process_time()
    found = stream.finish()
    return pushed - started, time.process_time() - pushed, found


def direct(model: NgramModel, posteriors: Path, spoken: tuple[str, ...]) -> Iterator[list[Hypothesis]]:
    """Hypotheses of a search with the model itself."""
    decoder = Decoder(LexiconNetwork(Lexicon.english(), model, CLASSES), alphabet=CLASSES)
    yield from decoder.decode_each(list(LogitsFile.read(posteriors))[: len(spoken)])


def word_errors(lists: list[list[Hypothesis]], spoken: tuple[str, ...]) -> float:
    """Word error rate of the best sentences in per cent."""
    best = [hypotheses[0].text for hypotheses in lists]
    return round(100 * error_rate(count_word_errors(list(spoken), best), resamples=100).rate, 2)


if __name__ == "__main__":
    main()
