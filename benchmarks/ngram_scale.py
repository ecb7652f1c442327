"""What an n-gram model costs as it grows: building, file, opening, memory, decoding; random n-grams, 1 million and up.

The n-grams are random but branch like those of a 5-gram estimated from 8.5 million words (see `random_ngrams.py`), over
the words of the English lexicon with their frequencies in the pocketsphinx trigram. They are handed to the builder in
another order than that of its word numbers, as the lines of an ARPA file are. What is decoded knows nothing of them, so
only time and memory mean something here. Each model is built in a process of its own and decoded with in another, with
the decoder's default options. Beside it stands the memory that the reference's search graph needs for as many n-grams.

    python benchmarks/ngram_scale.py
    python benchmarks/ngram_scale.py --sizes 1e6,4e6,16e6,64e6,200e6    # 12 GB of temporary files
    python benchmarks/ngram_scale.py --sizes 1e6 --stores my_5gram.nlm

`--posteriors` takes a file of logits as `neurolect decode` does, in the language model's class order; without it and
without the shared golden ones, sentences of random words are turned into logits with errors.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurolect import _core
from neurolect.decoding import Decoder, LexiconNetwork
from neurolect.decoding.pseudo_posteriors import PhonemeErrors, rebuild_logits
from neurolect.language.ngram_model import NgramModel
from neurolect.language.pocketsphinx_trigram import read_pocketsphinx_trigram
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER as CLASSES
from neurolect.text.lexicon import Lexicon
from random_ngrams import RandomNgrams, make

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "decoder" / "posteriors_q20.npz"
RESULTS = Path(__file__).parent / "results" / "ngram_scale.json"
REFERENCE_BYTES_PER_NGRAM = 337
"""Measured: its graph of the pocketsphinx trigram takes 1296 MB of memory for 3.85 million n-grams."""

LEAST_NGRAMS = 300_000
SORTED_AT_ONCE = 1 << 28
Logits = list[npt.NDArray[np.float32]]
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1e6,4e6,16e6,64e6", help="n-grams of the models, separated by commas")
    parser.add_argument("--stores", type=Path, nargs="*", default=[], help="stores of other models, decoded as well")
    parser.add_argument("--posteriors", type=Path, help="logits and lengths; by default the shared golden ones")
    parser.add_argument("--sentences", type=int, default=200, help="how many are decoded")
    parser.add_argument("--folder", type=Path, help="for temporary files, up to 60 bytes an n-gram")
    parser.add_argument("--json", type=Path, default=RESULTS, help="what to write; a plot goes beside it")
    arguments = parser.parse_args()
    sizes = [round(float(size)) for size in arguments.sizes.split(",")]
    if min(sizes) < LEAST_NGRAMS:
        parser.error(f"--sizes: fewer than {LEAST_NGRAMS:,} n-grams leave none beside the 126,000 words")
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    posteriors: Path | None = arguments.posteriors or (GOLDEN if GOLDEN.is_file() else None)
    report: Row = {
        "benchmark": "ngram_scale",
        "posteriors": "simulated" if posteriors is None else posteriors.name,
        "sentences": arguments.sentences,
        "reference_bytes_per_ngram": REFERENCE_BYTES_PER_NGRAM,
        "random": [],
        "given": [],
    }
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        if posteriors is None:
            posteriors = Path(temporary) / "simulated.npz"
            alone(simulate, posteriors)
        for store in arguments.stores:
            row = {"file": store.name} | alone(decode, store, posteriors, arguments.sentences)
            report["given"].append(shown(row))
        for size in sizes:
            for row in rows_of(size, posteriors, arguments.sentences, Path(temporary)):
                report["random"].append(shown(row))
    arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    plot(report, arguments.json.with_suffix(".png"))


def rows_of(size: int, posteriors: Path, n_sentences: int, temporary: Path) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(dir=temporary) as folder:
        ngrams = alone(make_ngrams, Path(folder), size)
        store = Path(folder) / "random.nlm"
        for bits in (32, 8):
            row = {"bits": bits, **alone(build, ngrams, store, bits), **alone(decode, store, posteriors, n_sentences)}
            yield row | {"reference_graph_bytes": REFERENCE_BYTES_PER_NGRAM * row["ngrams"]}


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do this in a new process, whose memory then tells of nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def shown(row: Row) -> Row:
    row = {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
    print(json.dumps(row), flush=True)
    return row


def make_ngrams(folder: Path, n_ngrams: int) -> RandomNgrams:
    trigram = read_pocketsphinx_trigram(additions=Lexicon.english())
    frequency = np.exp(trigram.unigram.astype(np.float64))
    start, end = (trigram.vocabulary.index(word) for word in ("<s>", "</s>"))
    leaving, arriving = frequency.copy(), frequency
    leaving[start], leaving[end], arriving[start] = frequency[end], 0.0, 0.0
    return make(folder, n_ngrams, trigram.vocabulary, leaving, arriving)


def build(ngrams: RandomNgrams, store: Path, bits: int) -> Row:
    ((_, log10, back_off),) = ngrams.blocks(1)
    order = np.random.default_rng(1).permutation(len(log10))
    place = np.argsort(order).astype(np.uint32)
    base = memory()["resident_mb"]

    started = time.process_time()
    builder = _core.NgramBuilder(order=len(ngrams.counts), folder=str(store.parent), buffer_bytes=SORTED_AT_ONCE)
    for word in order:
        builder.add_word(ngrams.vocabulary[word], float(log10[word]), float(back_off[word]))
    spent = time.process_time() - started
    for length in range(2, len(ngrams.counts) + 1):
        for words, log10, back_off in ngrams.blocks(length):
            numbers = place[words]
            started = time.process_time()
            builder.add_ngrams(numbers, log10, back_off)
            spent += time.process_time() - started
    started = time.process_time()
    builder.write(str(store), bits)
    spent += time.process_time() - started
    return {"build_cpu_s": spent, "build_base_mb": base, "build_peak_mb": memory()["peak_mb"]}


def decode(store: Path, posteriors: Path, n_sentences: int) -> Row:
    with np.load(posteriors) as file:
        utterances = np.split(file["logits"].astype(np.float32), np.cumsum(file["lengths"])[:-1])[:n_sentences]
    started, wall = time.process_time(), time.perf_counter()
    model = NgramModel(store)
    opened = {"open_cpu_ms": 1e3 * (time.process_time() - started), "open_ms": 1e3 * (time.perf_counter() - wall)}
    started = time.process_time()
    network = LexiconNetwork(Lexicon.english(), model, CLASSES)
    opened["network_cpu_s"] = time.process_time() - started
    base = memory()["resident_mb"]
    decoder = Decoder(network, alphabet=CLASSES)
    first, _, _ = decode_all(decoder, utterances)
    spent, frames, texts = decode_all(decoder, utterances)
    used = memory()
    orders = [word.order for text in texts for word in model.score_sentence(text)]
    return {
        "ngrams": len(model),
        "counts": model.counts,
        "added": sum(model.added),
        "bytes": model.n_bytes,
        "bytes_per_ngram": model.n_bytes / len(model),
        **opened,
        "base_mb": base,
        "resident_mb": used["resident_mb"],
        "proportional_mb": used["proportional_mb"],
        "private_mb": used["private_mb"],
        "cpu_ms_per_sentence": 1e3 * spent / len(utterances),
        "cpu_ms_per_sentence_first_pass": 1e3 * first / len(utterances),
        "frame_cpu_ms_median": float(np.median(frames)),
        "frame_cpu_ms_p99": float(np.quantile(frames, 0.99)),
        "frame_cpu_ms_max": float(np.max(frames)),
        "mean_order_found": float(np.mean(orders)),
    }


def decode_all(decoder: Decoder, utterances: Logits) -> tuple[float, list[float], list[str]]:
    """Stream all sentences frame by frame: CPU seconds, CPU milliseconds of each frame, answers."""
    spent, frames, texts = 0.0, [], []
    for logits in utterances:
        started = time.process_time()
        stream = decoder.stream()
        for frame in logits[:, None]:
            before = time.process_time()
            stream.push(frame)
            frames.append(1e3 * (time.process_time() - before))
        texts.append(stream.finish()[0].text)
        spent += time.process_time() - started
    return spent, frames, texts


def simulate(out: Path, n_sentences: int = 200, error_rate: float = 0.15) -> None:
    """Write logits of random words by frequency, 8 a sentence, with some phonemes replaced."""
    rng = np.random.default_rng(0)
    lexicon = Lexicon.english()
    trigram = read_pocketsphinx_trigram()
    words = [word if word in lexicon else "the" for word in trigram.vocabulary]
    frequency = np.exp(trigram.unigram.astype(np.float64))
    heard = []
    for _ in range(n_sentences):
        sentence = " ".join(rng.choice(words, 8, p=frequency / frequency.sum()))
        classes = np.array(CLASSES.encode(lexicon.phonemes(sentence)))
        wrong = rng.random(len(classes)) < error_rate
        heard.append(np.where(wrong, rng.integers(1, len(CLASSES), len(classes)), classes).tolist())
    errors = PhonemeErrors.estimate(heard, heard, CLASSES, pseudo_count=5.0)
    logits = [rebuild_logits(each, [], errors, CLASSES) for each in heard]
    np.savez(out, logits=np.concatenate(logits), lengths=[len(each) for each in logits])


def memory() -> dict[str, float]:
    """Megabytes of this process now, its share of what it shares, what no file backs, and the most it ever had."""
    names = {"Rss:": "resident_mb", "Pss:": "proportional_mb", "Anonymous:": "private_mb", "VmHWM:": "peak_mb"}
    text = Path("/proc/self/smaps_rollup").read_text() + Path("/proc/self/status").read_text()
    fields = (line.split() for line in text.splitlines())
    return {names[name]: int(rest[0]) / 1024 for name, *rest in fields if name in names}


def plot(report: Row, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(16, 4), layout="constrained")
    titles = ("file, MB", "resident after decoding, MB", "decoding, CPU ms", "building, CPU s")
    for axis, title in zip(axes, titles, strict=True):
        axis.set(title=title, xlabel="n-grams", xscale="log", yscale="log")
    for bits, style in ((32, "o-"), (8, "s--")):
        rows = [row for row in report["random"] if row["bits"] == bits]
        ngrams = np.array([row["ngrams"] for row in rows])
        axes[0].plot(ngrams, [row["bytes"] / 1e6 for row in rows], style, label=f"{bits} bit")
        axes[1].plot(ngrams, [row["resident_mb"] for row in rows], style, label=f"{bits} bit")
        axes[2].plot(ngrams, [row["cpu_ms_per_sentence"] for row in rows], style, label=f"a sentence, {bits} bit")
        axes[2].plot(ngrams, [row["frame_cpu_ms_p99"] for row in rows], style, label=f"99th % of frames, {bits} bit")
        axes[3].plot(ngrams, [row["build_cpu_s"] for row in rows], style, label=f"{bits} bit")
        if bits == 32:
            for axis in axes[:2]:
                axis.plot(ngrams, REFERENCE_BYTES_PER_NGRAM * ngrams / 1e6, ":k", label="reference's graph in memory")
    for number, row in enumerate(report["given"]):
        values = (row["bytes"] / 1e6, row["resident_mb"], row["cpu_ms_per_sentence"])
        for axis, value in zip(axes, values, strict=False):
            axis.plot(row["ngrams"], value, "*", color=f"C{4 + number}", markersize=9, label=row["file"])
    axes[0].legend(fontsize="small")
    axes[2].legend(*(entries[:4] for entries in axes[2].get_legend_handles_labels()), fontsize="small")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
