"""What is fuzzed: for each kind of input a function that makes some, damages it, and uses it in every public way."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
from best_path import NegativeCycleError, best_total
from decoding_inputs import (
    ALPHABET,
    Attempts,
    change_settings_midway,
    decode_in_pieces,
    some_guidance,
    some_logits,
    some_options,
)
from estimation_targets import fuzz_counter, fuzz_models, fuzz_text
from foreign_models import fuzz_grammar, fuzz_kenlm
from model_use import decode_with, some_sentences, use_model
from mutations import damaged, damaged_text, overwritten, pick
from numpy.random import Generator
from openfst_files import Arc, Graph, encode
from small_models import arpa_text, lexicon_text, model_of, resealed, small_lexicon, small_model

from neurolect.decoding import Decoder, DecoderOptions, GraphNetwork, Hypothesis, LatticeRescoring, LexiconNetwork
from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_model import NgramModel
from neurolect.text.lexicon import Lexicon


def fuzz_graph(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """OpenFst graphs and their symbol tables: sound, senseless and damaged ones."""
    strange = pick(rng, (0.0, 0.0, 0.02, 0.1))
    words = ["<eps>", *"abcd", "#0"]
    graph = some_graph(rng, len(words), strange)
    table = "\n".join(f"{word} {number}" for number, word in enumerate(words))
    is_damaged = rng.random() < 0.4
    (folder / "words.txt").write_bytes(damaged_text(table, rng) if rng.random() < 0.1 else table.encode())
    symbols = tuple(words) if rng.random() < 0.2 else ()
    options = attempt(lambda: some_options(rng))
    logits = some_logits(rng, len(ALPHABET))
    guidance = some_guidance(rng, words[1:])
    seed = int(rng.integers(2**31))
    answers = []
    for kind in ("vector", "const"):
        data = encode(graph, kind, aligned=bool(rng.integers(2)), symbols=symbols)
        path = folder / f"{kind}.fst"
        path.write_bytes(damaged(data, rng) if is_damaged else data)
        network = attempt(lambda path=path: GraphNetwork(path, alphabet=ALPHABET))
        if network is not None and options is not None:
            decoder = Decoder(network, options, ALPHABET)
            answers.append(decode_in_pieces(decoder, logits, guidance, attempt, np.random.default_rng(seed)))
    if strange == 0 and not is_damaged:
        if len(answers) == 2:
            assert answers[0] == answers[1], "the same graph as const and as vector file has different answers"
        if network is not None:
            check_best_path(network, graph, attempt, rng)


def check_best_path(network: GraphNetwork, graph: Graph, attempt: Attempts, rng: Generator) -> None:
    """Compare the search, with nothing cut off, with the best path there is."""
    logits = some_logits(rng, len(ALPHABET), strange=0)
    decoder = Decoder(network, DecoderOptions(beam=1e5), ALPHABET)
    found = attempt(lambda: decoder.decode(logits))
    try:
        expected = best_total(graph, logits, ALPHABET)
    except NegativeCycleError:
        assert found is None, "an answer in spite of a negative cycle"
        return
    if found is not None:
        assert math.isclose(found[0].total, expected, abs_tol=1e-2), f"best path {found[0].total}, not {expected}"


def some_graph(rng: Generator, n_words: int, strange: float) -> Graph:
    """A few states with arcs between them, cycles of epsilons and dead ends included."""
    n_states = int(rng.integers(1, 9))
    free_epsilons = rng.random() < 0.3
    has_topology = rng.random() < 0.5

    def odd(usual: object, *others: object) -> object:
        return pick(rng, others) if rng.random() < strange else usual

    def arc() -> Arc:
        label = pick(rng, (0, len(ALPHABET) + 1)) if rng.random() < 0.25 else int(rng.integers(1, 6))
        label = min(label, 5) if has_topology else label
        weight = 0.0 if free_epsilons and rng.random() < 0.7 else float(np.float32(rng.normal(1, 1.5)))
        return (
            odd(label, -1, 6, 7, 2**31 - 1, -(2**31)),
            odd(int(rng.integers(n_words)) if rng.random() < 0.3 else 0, -1, n_words, 2**31 - 1),
            odd(weight, float("nan"), float("inf"), float("-inf"), 1e30, -1e30, 3e38, -3e38, 1e6, -1e6, -1e-3),
            odd(int(rng.integers(n_states)), -1, n_states, 2**31 - 1),
        )

    is_sorted = rng.random() < 0.7
    arcs = []
    for state in range(n_states):
        here = [arc() for _ in range(int(rng.integers(0, 8)))]
        if state == 0 and has_topology:
            here.append((ALPHABET.blank + 1, 0, 0.0, 0))
        arcs.append(tuple(sorted(here) if is_sorted else here))
    finals = [float(rng.normal(1, 1)) if rng.random() < 0.4 else float("inf") for _ in range(n_states)]
    return Graph(
        start=odd(0, -1, n_states - 1, n_states, 2**40),
        finals=tuple(odd(final, float("nan"), float("-inf"), -3e38, 3e38) for final in finals),
        arcs=tuple(arcs),
        is_sorted=odd(is_sorted, not is_sorted),
    )


def fuzz_lexicon(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """Pronunciation dictionaries in both forms, and networks of what could be read."""
    path = folder / "lexicon.txt"
    text = lexicon_text(rng, ALPHABET)
    path.write_bytes(damaged_text(text, rng) if rng.random() < 0.8 else text.encode())
    lexicon = attempt(lambda: Lexicon.read(path, ALPHABET))
    if lexicon is not None:
        decode_with(lexicon, small_model() if rng.random() < 0.5 else None, rng, attempt)


def fuzz_arpa(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """ARPA texts, gzipped or not: what can be read must come back the same when it is written again."""
    text = arpa_text(rng)
    is_sound = rng.random() < 0.2
    data = text.encode() if is_sound else damaged_text(text, rng)
    path = folder / "model.arpa"
    if rng.random() < 0.2:
        path = folder / "model.arpa.gz"
        data = gzip.compress(data)
        data = data if is_sound or rng.random() < 0.5 else damaged(data, rng)
    path.write_bytes(data)
    bits = 8 if rng.random() < 0.3 else 32
    model = attempt(lambda: convert(path, folder / "model.nlm", bits=bits, lower_case=bool(rng.integers(2))))
    assert model is not None or not is_sound, "a sound ARPA file is refused"
    if model is None:
        return
    model.verify()
    use_model(model, rng, attempt)
    convert(model.path, folder / "again.arpa")
    again = convert(folder / "again.arpa", folder / "again.nlm")
    assert again.counts == model.counts, "another number of n-grams after writing and reading"
    for sentence in [] if any(model.added) else some_sentences(rng, model):
        assert again.score_sentence(sentence) == model.score_sentence(sentence), (
            "other scores after writing and reading"
        )


def fuzz_store(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """N-gram stores with damage anywhere, half of it with the header's checksum set right."""
    path = model_of(arpa_text(rng), folder, bits=8 if rng.random() < 0.3 else 32).path
    data = path.read_bytes()
    if rng.random() < 0.5:
        data = damaged(data, rng)
    for _ in range(int(rng.integers(0, 3))):
        data = overwritten(data, 4 * int(rng.integers(len(data) // 4 + 1)), rng)
    path = folder / "damaged.nlm"
    path.write_bytes(resealed(data) if rng.random() < 0.7 else data)
    model = attempt(lambda: NgramModel(path))
    if model is None:
        return
    attempt(model.verify)
    use_model(model, rng, attempt)
    attempt(lambda: convert(path, folder / "again.arpa"))
    attempt(lambda: convert(path, folder / "again.nlm", bits=8))


def fuzz_logits(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """Posteriors and settings of every kind, in a sound network."""
    model = small_model()
    weight = pick(rng, (0.5, 1.0, 2.5))
    network = LexiconNetwork(small_lexicon(), model, ALPHABET, weight, pick(rng, (0.0, 0.3, 1.0)))
    strange = pick(rng, (0.0, 0.5))
    options = attempt(lambda: some_options(rng, strange))
    if options is None:
        return
    guidance = some_guidance(rng, network.words, strange)
    logits = some_logits(rng, len(ALPHABET), strange=0.6)
    decoder = Decoder(network, options, ALPHABET)
    found = decode_in_pieces(decoder, logits, guidance, attempt, rng)
    if logits.ndim == 2:
        change_settings_midway(decoder, logits, attempt, rng)
    for hypothesis in found or []:
        if strange == 0 and set(hypothesis.words) <= set("abc") and hypothesis.total > -math.inf:
            check_ngram_score(hypothesis, model)


def fuzz_rescoring(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """Lattices of lexica and graphs, cycles of epsilons included, under other n-grams, of which some are damaged."""
    path = model_of(arpa_text(rng), folder).path
    is_damaged = rng.random() < 0.3
    if is_damaged:
        path = folder / "damaged.nlm"
        path.write_bytes(resealed(damaged((folder / "model.nlm").read_bytes(), rng)))
    model = attempt(lambda: NgramModel(path))
    options = attempt(lambda: some_options(rng, strange=0.1))
    if model is None or options is None:
        return
    is_graph = rng.random() < 0.5
    if is_graph:
        words = ["<eps>", *"abcd", "#0"]
        (folder / "words.txt").write_text("\n".join(f"{word} {number}" for number, word in enumerate(words)))
        (folder / "graph.fst").write_bytes(encode(some_graph(rng, len(words), strange=0.0), "const"))
        network: GraphNetwork | LexiconNetwork = GraphNetwork(folder / "graph.fst", alphabet=ALPHABET)
    else:
        ngrams = pick(rng, (small_model(), None))
        weight, as_in_graph = pick(rng, (0.0, 0.5, 1.0, 2.5)), bool(rng.integers(2))
        network = LexiconNetwork(small_lexicon(), ngrams, ALPHABET, weight, backoff_as_in_graph=as_in_graph)
    rescoring = LatticeRescoring(model, small_model() if is_graph else None)
    decoder = attempt(lambda: Decoder(network, options, ALPHABET, lattice_rescoring=rescoring))
    if decoder is None:
        return
    guidance = some_guidance(rng, network.words[1:-1])
    found = decode_in_pieces(decoder, some_logits(rng, len(ALPHABET), strange=0.1), guidance, attempt, rng)
    for hypothesis in [] if is_graph or is_damaged or weight == 0.0 or guidance is not None else found or []:
        if set(hypothesis.words) <= set("abc") and hypothesis.total > -math.inf:
            check_ngram_score(hypothesis, model)


def check_ngram_score(hypothesis: Hypothesis, model: NgramModel) -> None:
    """Compare the n-gram part of a total, which is what the other parts leave, with what the model says itself."""
    scores = [math.log(10) * word.log10 for word in model.score_sentence(hypothesis.text)]
    # What was cut off within a sentence has no end.
    expected = (sum(scores), sum(scores[:-1]))
    nearest = min(abs(hypothesis.ngram - each) for each in expected)
    assert nearest < 1e-3 * (1 + abs(hypothesis.total)), f"'{hypothesis.text}' has {hypothesis.ngram}, not {expected}"


TARGETS = {
    "graph": fuzz_graph,
    "arpa": fuzz_arpa,
    "lexicon": fuzz_lexicon,
    "store": fuzz_store,
    "logits": fuzz_logits,
    "grammar": fuzz_grammar,
    "kenlm": fuzz_kenlm,
    "text": fuzz_text,
    "counter": fuzz_counter,
    "models": fuzz_models,
    "rescoring": fuzz_rescoring,
}
