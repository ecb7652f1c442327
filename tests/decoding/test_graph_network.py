from __future__ import annotations

import itertools
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.arpa import random_ngrams, stored
from small_search import ALPHABET, EVERYTHING, LEXICON, emit, random_logits

from backoff_ngrams import arpa_text
from neurolect.decoding import Decoder, DecoderOptions, GraphNetwork, LexiconNetwork
from neurolect.errors import ConfigError, DataError
from neurolect.language.graph_building import build_graph
from neurolect.text.alphabet import PHONEMES, Alphabet

kaldifst = pytest.importorskip("kaldifst", reason="needs the extra 'graph'")

TRIGRAM = random_ngrams(np.random.default_rng(3), list(LEXICON), order=3)

# Graph weights are quantised to 1/1024 an arc when the graph is minimised.
GRID = 0.01


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """LG and TLG of one model, each as a const and as a vector file."""
    folder = tmp_path_factory.mktemp("graph")
    (folder / "lm.arpa").write_text(arpa_text(TRIGRAM), encoding="utf-8")
    build_graph(folder / "lm.arpa", LEXICON, folder / "out", 0.9, ALPHABET, with_topology=True)
    out = folder / "out"
    kaldifst.StdVectorFst(kaldifst.StdConstFst.read(str(out / "LG.fst"))).write(str(out / "LG_vector.fst"))
    kaldifst.StdConstFst(kaldifst.StdVectorFst.read(str(out / "TLG.fst"))).write(str(out / "TLG_const.fst"))
    return out


@pytest.fixture(scope="module")
def networks(folder):
    names = ("LG", "LG_vector", "TLG", "TLG_const")
    return {name: GraphNetwork(folder / f"{name}.fst", alphabet=ALPHABET) for name in names}


@pytest.fixture(scope="module")
def tree():
    return LexiconNetwork(LEXICON, stored(TRIGRAM), ALPHABET, backoff_as_in_graph=True)


def scores(answers):
    return {answer.words: (answer.total, answer.acoustic, answer.bonus) for answer in answers}


option_sets = st.builds(
    lambda **changes: replace(EVERYTHING, **changes),
    acoustic_scale=st.sampled_from([0.4, 1.0]),
    blank_penalty=st.sampled_from([1.0, 40.0]),
    blank_skip=st.sampled_from([1.0, 0.5]),
    length_penalty=st.sampled_from([0.0, 0.6]),
    phoneme_bonus=st.sampled_from([0.0, 0.8]),
    word_bonus=st.sampled_from([0.0, -1.1]),
)


@given(st.integers(0, 2**32 - 1), st.integers(0, 6), option_sets)
@settings(deadline=None, max_examples=60)
def test_tree_and_graphs_give_the_same_sentences_and_scores(networks, tree, seed, n_frames, options):
    logits = random_logits(seed, n_frames)
    answers = {name: Decoder(each, options, ALPHABET).decode(logits) for name, each in networks.items()}
    assert answers["LG"] == answers["LG_vector"]
    assert answers["TLG"] == answers["TLG_const"]
    assert scores(answers["LG"]).keys() == scores(answers["TLG"]).keys()
    for words, expected in scores(answers["TLG"]).items():
        assert scores(answers["LG"])[words] == pytest.approx(expected, abs=1e-4)

    expected = Decoder(tree, options, ALPHABET).decode(logits)
    totals = {answer.words: answer.total for answer in expected}
    assert {answer.words: answer.total for answer in answers["LG"]} == pytest.approx(totals, abs=GRID)
    for answer in answers["LG"]:
        parts = options.acoustic_scale * answer.acoustic + answer.ngram + answer.bonus
        assert answer.total == pytest.approx(parts, abs=1e-4)
        assert answer.lexicon == 0


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_tree_and_graph_agree_for_models_of_any_order(tmp_path, order, seed):
    ngrams = random_ngrams(np.random.default_rng(seed), ["a", "ab", "eigh", "cc"], order)
    (tmp_path / "lm.arpa").write_text(arpa_text(ngrams), encoding="utf-8")
    build_graph(tmp_path / "lm.arpa", LEXICON, tmp_path / "out", 0.3, ALPHABET)
    graph = Decoder(GraphNetwork(tmp_path / "out" / "LG.fst", alphabet=ALPHABET), EVERYTHING, ALPHABET)
    tree = LexiconNetwork(
        LEXICON,
        stored(ngrams),
        ALPHABET,
        silence_probability=0.3,
        absent_word_log10=-math.inf,
        backoff_as_in_graph=True,
    )
    for utterance in range(5):
        logits = random_logits(utterance, 6)
        totals = {answer.words: answer.total for answer in Decoder(tree, EVERYTHING, ALPHABET).decode(logits)}
        assert {answer.words: answer.total for answer in graph.decode(logits)} == pytest.approx(totals, abs=GRID)


@pytest.mark.parametrize("name", ["LG", "TLG"])
@given(st.lists(st.integers(0, 30), max_size=6), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_a_graph_searched_in_any_chunks_gives_the_offline_sentences(networks, name, chunks, seed):
    decoder = Decoder(networks[name], DecoderOptions(beam=6, lattice_beam=3), ALPHABET)
    logits = random_logits(seed, sum(chunks))
    stream = decoder.stream()
    for end, size in zip(itertools.accumulate(chunks), chunks, strict=True):
        stream.push(logits[end - size : end])
        stream.partial()
    assert stream.finish() == decoder.decode(logits)


@pytest.mark.parametrize("name", ["LG", "TLG"])
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([1.0, 0.6]))
@settings(deadline=None, max_examples=30)
def test_words_of_a_graph_come_one_after_the_other_inside_the_utterance(networks, name, seed, n_frames, blank_skip):
    options = DecoderOptions(blank_skip=blank_skip)
    for answer in Decoder(networks[name], options, ALPHABET).decode(random_logits(seed, n_frames)):
        assert len(answer.times) == len(answer.confidence) == len(answer.words)
        assert all(0 <= first < end <= n_frames for first, end in answer.times)
        assert all(before[1] <= after[0] for before, after in pairwise(answer.times))
        assert all(0 <= each <= 1 for each in answer.confidence)


@pytest.mark.parametrize("name", ["LG", "TLG"])
def test_words_between_silences_have_the_times_and_confidences_of_the_tree(networks, tree, name):
    logits = emit("SIL A B B SIL BLANK C BLANK C C SIL SIL A BLANK B C BLANK SIL", confidence=40)
    expected = Decoder(tree, DecoderOptions(), ALPHABET).decode(logits)[0]
    answer = Decoder(networks[name], DecoderOptions(), ALPHABET).decode(logits)[0]
    assert (answer.words, answer.times) == (expected.words, expected.times)
    assert answer.words == ("ab", "cc", "abc")
    assert answer.times == ((1, 4), (6, 10), (12, 16))
    assert answer.confidence == pytest.approx(expected.confidence, abs=0.02)


def test_the_partial_sentence_of_a_graph_grows_with_the_words_heard(networks):
    stream, seen = Decoder(networks["LG"], EVERYTHING, ALPHABET).stream(), []
    for frame in emit("SIL A B SIL BLANK C BLANK C SIL", confidence=40):
        stream.push(frame[None])
        seen.append(stream.partial().text)
    assert seen[4] == "ab"
    assert seen[-1] == "ab cc"


def test_a_graph_is_searched_in_any_order_of_classes(networks):
    order = ("SIL", "C", "BLANK", "A", "B")
    other = Alphabet(order, blank=2, silence=0)
    logits = random_logits(0, 20)
    expected = Decoder(networks["LG"], alphabet=ALPHABET).decode(logits)
    assert Decoder(networks["LG"], alphabet=other).decode(ALPHABET.reorder(logits, to=other)) == expected


def test_an_alphabet_with_other_symbols_than_the_graph_is_refused(networks):
    with pytest.raises(ConfigError, match="alphabets differ in A, AA, AE"):
        Decoder(networks["LG"], alphabet=PHONEMES)


def test_the_size_of_a_graph_is_told(networks):
    assert networks["TLG"].n_states > networks["LG"].n_states > 10
    assert networks["TLG"].n_arcs > networks["LG"].n_arcs > networks["LG"].n_states


def test_words_are_read_in_small_letters_and_their_numbers_may_have_gaps(folder, tmp_path):
    lines = (folder / "words.txt").read_text(encoding="utf-8").upper().splitlines()
    (tmp_path / "loud.txt").write_text("\n".join([*lines, "", "LATER 20"]), encoding="utf-8")
    network = GraphNetwork(folder / "LG.fst", tmp_path / "loud.txt", ALPHABET)
    assert network.words[:7] == ("<eps>", "a", "ab", "abc", "cc", "eigh", "#0")
    assert network.words[18:] == ("", "", "later")
    assert Decoder(network, alphabet=ALPHABET).decode(emit("SIL A B SIL", confidence=40))[0].text == "ab"


@pytest.mark.parametrize("content", ["a one\n", "a\n", "a 1 2\n", "a -1\n", "a 99999999999\n"])
def test_a_line_that_is_not_a_word_and_its_number_is_named(folder, tmp_path, content):
    (tmp_path / "words.txt").write_text("<eps> 0\n" + content, encoding="utf-8")
    with pytest.raises(DataError, match=r"words\.txt: line 2: '.*' is not a word and its number"):
        GraphNetwork(folder / "LG.fst", tmp_path / "words.txt", ALPHABET)


def test_what_is_no_graph_or_has_no_words_is_refused_by_name(folder, tmp_path):
    graph = tmp_path / "LG.fst"
    graph.write_bytes((folder / "LG.fst").read_bytes())
    with pytest.raises(DataError, match=r"words\.txt: cannot read the words"):
        GraphNetwork(graph, alphabet=ALPHABET)
    (tmp_path / "words.txt").write_bytes((folder / "words.txt").read_bytes())
    for content, complaint in (
        (b"some text", r"LG\.fst: not an OpenFst graph"),
        (b"", r"LG\.fst"),
        (graph.read_bytes()[:-100], r"LG\.fst: the graph is damaged or cut short"),
    ):
        graph.write_bytes(content)
        with pytest.raises(DataError, match=complaint):
            GraphNetwork(graph, alphabet=ALPHABET)
    graph.unlink()
    with pytest.raises(DataError, match=r"LG\.fst"):
        GraphNetwork(graph, alphabet=ALPHABET)


def test_a_graph_with_more_words_than_are_listed_is_refused_when_one_of_them_is_said(folder, tmp_path):
    (tmp_path / "words.txt").write_text("<eps> 0\na 1\n", encoding="utf-8")
    decoder = Decoder(GraphNetwork(folder / "LG.fst", tmp_path / "words.txt", ALPHABET), alphabet=ALPHABET)
    with pytest.raises(DataError, match=r"LG\.fst: the graph is damaged"):
        decoder.decode(emit("SIL A B SIL"))


def cyclic(folder, phonemes):
    """A graph in which epsilons earn without end after so many phonemes."""
    fst = kaldifst.StdVectorFst()
    state = fst.start = fst.add_state()
    for phoneme in phonemes.split():
        following = fst.add_state()
        fst.add_arc(state, kaldifst.StdArc(ALPHABET.index(phoneme) + 1, 0, 0.0, following))
        state = following
    fst.set_final(state, 0.0)
    other = fst.add_state()
    fst.add_arc(state, kaldifst.StdArc(0, 0, -1.0, other))
    fst.add_arc(other, kaldifst.StdArc(0, 0, 0.5, state))
    fst.write(str(folder / "LG.fst"))
    (folder / "words.txt").write_text("<eps> 0\n", encoding="utf-8")
    return GraphNetwork(folder / "LG.fst", alphabet=ALPHABET)


@pytest.mark.parametrize("phonemes", ["", "SIL"])
def test_a_cycle_of_epsilons_that_earns_is_refused(tmp_path, phonemes):
    decoder = Decoder(cyclic(tmp_path, phonemes), alphabet=ALPHABET)
    with pytest.raises(DataError, match="cycle of epsilons whose cost is negative"):
        decoder.decode(emit("SIL"))


def test_an_utterance_ends_where_its_graph_turns_out_to_be_damaged(tmp_path):
    network = cyclic(tmp_path, "SIL A")
    decoder = Decoder(network, alphabet=ALPHABET)
    stream = decoder.stream()
    stream.push(emit("SIL"))
    with pytest.raises(DataError, match=r"LG\.fst: the graph has a cycle"):
        stream.push(emit("A"))
    for use in (stream.partial, stream.finish, lambda: stream.push(emit("A"))):
        with pytest.raises(ConfigError, match="this utterance has ended"):
            use()
    assert decoder.decode(emit("SIL")) == Decoder(network, alphabet=ALPHABET).decode(emit("SIL"))


def test_an_utterance_ends_although_its_sentences_cannot_be_told(tmp_path):
    fst = kaldifst.StdVectorFst()
    fst.start = fst.add_state()
    last = fst.add_state()
    fst.add_arc(fst.start, kaldifst.StdArc(ALPHABET.index("SIL") + 1, 0, 0.0, last))
    fst.set_final(last, float("nan"))
    fst.write(str(tmp_path / "LG.fst"))
    (tmp_path / "words.txt").write_text("<eps> 0\n", encoding="utf-8")
    stream = Decoder(GraphNetwork(tmp_path / "LG.fst", alphabet=ALPHABET), alphabet=ALPHABET).stream()
    stream.push(emit("SIL"))
    with pytest.raises(DataError, match=r"LG\.fst: the graph is damaged"):
        stream.finish()
    with pytest.raises(ConfigError, match="this utterance has ended"):
        stream.finish()
