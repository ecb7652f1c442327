"""Graphs of n-grams, made as Kaldi and the brain-to-text reference make them, become stores again."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from backoff import random_ngrams
from small_arpa import files_in

from backoff_ngrams import END, START, arpa_text
from neurolect.errors import ConfigError, DataError
from neurolect.language.grammar_conversion import convert_grammar
from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_graph import ngram_transducer

kaldifst = pytest.importorskip("kaldifst", reason="needs the extra 'graph'")

WORDS = tuple(f"w{number}" for number in range(8))
SYMBOLS = ("<eps>", *WORDS, "#0", START, END)
BACK_OFF = SYMBOLS.index("#0")


def without_some_endings(ngrams, rng):
    """A model in which what longer n-grams end with, but do not begin with, is not always listed."""
    beginnings = {words[:-1] for words in ngrams}
    spare = [words for words in ngrams if len(words) > 1 and words not in beginnings and rng.random() < 0.3]
    return {words: values for words, values in ngrams.items() if words not in spare}


def write_symbols(folder, symbols=SYMBOLS):
    text = "".join(f"{symbol.upper()} {number}\n" for number, symbol in enumerate(symbols))
    (folder / "words.txt").write_text(text)


def write_graph(fst, folder):
    kaldifst.arcsort(fst, "ilabel")
    assert fst.write(str(folder / "G.fst"))
    write_symbols(folder)
    return folder / "G.fst"


def transducer(arpa, folder):
    return ngram_transducer(convert(arpa, folder / "stored.nlm"), WORDS, arpa)[0]


def ours(arpa, folder):
    return write_graph(transducer(arpa, folder), folder)


def the_references(arpa, folder):
    """Specification of the reference, `make_tlg.sh`: arpa2fst, epsilons become #0, <s> and </s> epsilons that go."""
    kaldilm = pytest.importorskip("kaldilm", reason="needs Kaldi's arpa2fst")
    (folder / "table.txt").write_text("".join(f"{symbol} {number}\n" for number, symbol in enumerate(SYMBOLS)))
    text = kaldilm.arpa2fst(str(arpa), read_symbol_table=str(folder / "table.txt"), max_arpa_warnings=0)
    fst = kaldifst.StdVectorFst()
    lines = [line.split() for line in text.splitlines() if line.strip()]
    n_states = 1 + max(int(field) for line in lines for field in (line[:2] if len(line) > 2 else line[:1]))
    for _ in range(n_states):
        fst.add_state()
    fst.start = int(lines[0][0])
    gone = {SYMBOLS.index(START), SYMBOLS.index(END)}
    for line in lines:
        if len(line) <= 2:
            fst.set_final(int(line[0]), float(line[1]) if len(line) == 2 else 0.0)
            continue
        source, target, label, written = map(int, line[:4])
        cost = float(line[4]) if len(line) == 5 else 0.0
        read = BACK_OFF if label == 0 else 0 if label in gone else label
        fst.add_arc(source, kaldifst.StdArc(read, 0 if written in gone else written, cost, target))
    kaldifst.rmepsilon(fst)
    return write_graph(fst, folder)


@pytest.fixture(params=[ours, the_references])
def graph_of(request):
    return request.param


@pytest.fixture(params=range(4))
def rng(request):
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_a_graph_scores_as_the_arpa_file_that_it_was_made_from(order, graph_of, rng, tmp_path):
    ngrams = without_some_endings(random_ngrams(rng, order, unknown=False), rng)
    (tmp_path / "lm.arpa").write_text(arpa_text(ngrams))
    expected = convert(tmp_path / "lm.arpa", tmp_path / "expected.nlm")
    found = convert_grammar(graph_of(tmp_path / "lm.arpa", tmp_path), tmp_path / "found.nlm")
    assert found.counts[1:] == expected.counts[1:]
    assert set(found.vocabulary) | {START} == set(expected.vocabulary)
    for _ in range(50):
        sentence = " ".join(rng.choice(WORDS, rng.integers(0, 7)))
        pairs = zip(found.score_sentence(sentence), expected.score_sentence(sentence), strict=True)
        assert all(got.log10 == pytest.approx(right.log10, abs=1e-4) for got, right in pairs)


def test_a_model_of_the_highest_order_comes_back(tmp_path, rng):
    ngrams = random_ngrams(rng, 8, unknown=False)
    (tmp_path / "lm.arpa").write_text(arpa_text(ngrams))
    expected = convert(tmp_path / "lm.arpa", tmp_path / "expected.nlm")
    assert convert_grammar(ours(tmp_path / "lm.arpa", tmp_path), tmp_path / "found.nlm").counts == expected.counts


def test_graphs_of_openfsts_other_type_are_read_too(tmp_path, rng):
    (tmp_path / "lm.arpa").write_text(arpa_text(random_ngrams(rng, 3, unknown=False)))
    fst = transducer(tmp_path / "lm.arpa", tmp_path)
    write_symbols(tmp_path)
    kaldifst.StdConstFst(fst).write(str(tmp_path / "G.fst"))
    as_const = convert_grammar(tmp_path / "G.fst", tmp_path / "const.nlm")
    as_vector = convert_grammar(write_graph(fst, tmp_path), tmp_path / "vector.nlm", bits=32)
    assert as_const.path.read_bytes() == as_vector.path.read_bytes()


def test_convert_knows_a_graph_by_its_first_bytes(tmp_path, rng):
    (tmp_path / "lm.arpa").write_text(arpa_text(random_ngrams(rng, 2, unknown=False)))
    graph = ours(tmp_path / "lm.arpa", tmp_path)
    read = []
    assert convert(graph, tmp_path / "lm.nlm", bits=8, progress=read.append).bits == 8
    assert sum(read) == graph.stat().st_size
    with pytest.raises(ConfigError, match="only a store is written as ARPA text"):
        convert(graph, tmp_path / "copy.arpa")


def graph_from(arcs, folder, finals=(), n_states=4, start=0):
    fst = kaldifst.StdVectorFst()
    for _ in range(n_states):
        fst.add_state()
    fst.start = start
    for source, read, written, target in arcs:
        fst.add_arc(source, kaldifst.StdArc(read, written, 1.0, target))
    for state in finals:
        fst.set_final(state, 1.0)
    return write_graph(fst, folder)


B = BACK_OFF
WRONG = {
    "a word becomes another": ([(0, 1, 2, 0)], "an arc reads one word and writes another"),
    "nothing is read": ([(0, 0, 0, 0)], "an arc reads nothing"),
    "a label without a word": ([(0, 99, 99, 0)], "label 99 is not a word"),
    "a start that is a word": ([(0, 10, 10, 0)], "<s> is a word of it"),
    "backing off in a circle": ([(0, B, 0, 1), (1, B, 0, 0)], "backing off does not end"),
    "another's history": (
        [(0, B, 0, 1), (1, 1, 1, 2), (1, 2, 2, 3), (2, B, 0, 1), (3, B, 0, 1), (2, 1, 1, 3), (3, 1, 1, 3)],
        "a word leads to a history that it does not end",
    ),
    "no way back": ([(0, B, 0, 1), (1, 1, 1, 2), (2, 1, 1, 2)], "a history cannot be shortened"),
    "back to the start": ([(0, B, 0, 1), (1, 1, 1, 0)], "a word leads to the start of the sentence"),
    "no unigram": ([(0, B, 0, 1), (1, 1, 1, 1), (0, 2, 2, 1)], "has no probability of its own"),
    "a word twice": ([(0, 1, 1, 0), (0, 1, 1, 0)], "the word 'w0' occurs twice"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_graph_of_something_else_is_refused_in_one_line(case, tmp_path):
    arcs, complaint = WRONG[case]
    graph = graph_from(arcs, tmp_path, finals=[1])
    with pytest.raises(DataError, match=rf"G\.fst: not the graph of an n-gram model: .*{complaint}") as caught:
        convert_grammar(graph, tmp_path / "lm.nlm")
    assert "\n" not in str(caught.value)
    assert files_in(tmp_path) == ["G.fst", "words.txt"]


def test_histories_longer_than_a_store_can_hold_are_refused(tmp_path):
    chain = [(0, 1, 1, 1), *((state, B, 0, state - 1) for state in range(1, 10))]
    chain += [(state, 1, 1, state + 1) for state in range(1, 9)] + [(9, 1, 1, 9)]
    with pytest.raises(DataError, match="histories of more than 7 words"):
        convert_grammar(graph_from(chain, tmp_path, n_states=10), tmp_path / "lm.nlm")


def test_a_damaged_graph_is_named(tmp_path, rng):
    (tmp_path / "lm.arpa").write_text(arpa_text(random_ngrams(rng, 3, unknown=False)))
    graph = ours(tmp_path / "lm.arpa", tmp_path)
    whole = graph.read_bytes()
    for length in (5, 40, len(whole) // 2, len(whole) - 1):
        graph.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"G\.fst: "):
            convert_grammar(graph, tmp_path / "lm.nlm")


@pytest.mark.parametrize("seed", range(30))
def test_a_graph_with_any_bytes_overwritten_is_read_or_refused(seed, tmp_path):
    rng = np.random.default_rng(seed)
    (tmp_path / "lm.arpa").write_text(arpa_text(random_ngrams(rng, 3, unknown=False, n_longest=10)))
    graph = ours(tmp_path / "lm.arpa", tmp_path)
    damaged = np.frombuffer(graph.read_bytes(), dtype=np.uint8).copy()
    damaged[rng.integers(60, len(damaged), 4)] = rng.integers(0, 256, 4)
    graph.write_bytes(damaged.tobytes())
    with suppress(DataError):
        convert_grammar(graph, tmp_path / "lm.nlm").verify()


def test_a_table_without_the_label_of_backing_off_is_refused(tmp_path, rng):
    (tmp_path / "lm.arpa").write_text(arpa_text(random_ngrams(rng, 2, unknown=False)))
    graph = ours(tmp_path / "lm.arpa", tmp_path)
    write_symbols(tmp_path, ("<eps>", *WORDS))
    with pytest.raises(DataError, match=r"words\.txt: has no '#0', the label of backing off in G\.fst$"):
        convert_grammar(graph, tmp_path / "lm.nlm")
    (tmp_path / "words.txt").unlink()
    with pytest.raises(DataError, match=r"words\.txt: cannot read the words"):
        convert_grammar(graph, tmp_path / "lm.nlm")
