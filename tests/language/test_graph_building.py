from __future__ import annotations

import gzip
import itertools
import math
import sys
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolect.errors import ConfigError, DataError
from neurolect.language.graph_building import build_graph
from neurolect.language.lexicon_graph import disambiguation
from neurolect.language.ngram_conversion import convert
from neurolect.text.alphabet import CHARACTERS, Alphabet
from neurolect.text.lexicon import Lexicon

kaldifst = pytest.importorskip("kaldifst", reason="needs the extra 'graph'")

SOUNDS = Alphabet(("BLANK", "SIL", "A", "B", "T", "U"), blank=0, silence=1)
SILENCE = 0.9

# 'to' and 'two' sound the same, 'a' has two pronunciations and begins 'at', 'tub' is in no n-gram.
LEXICON = Lexicon(
    {
        "a": (("A",), ("U",)),
        "at": (("A", "T"),),
        "bat": (("B", "A", "T"),),
        "to": (("T", "U"),),
        "tub": (("T", "U", "B"),),
        "two": (("T", "U"),),
    }
)

# 'zulu' has no pronunciation; the bigram 'bat to', the end of a trigram, is not listed itself.
ARPA = r"""
\data\
ngram 1=9
ngram 2=5
ngram 3=3

\1-grams:
-0.7	</s>
-99	<s>	-0.31
-1.6	<unk>
-0.9	A	-0.25
-1.1	AT	-0.42
-1.3	BAT	-0.13
-0.8	TO	-0.55
-1.7	TWO
-1.2	ZULU	-0.2

\2-grams:
-0.45	<s> A	-0.12
-0.65	<s> ZULU	-0.1
-0.35	A BAT	-0.27
-0.95	AT TWO
-0.85	TO </s>

\3-grams:
-0.15	<s> A BAT
-0.23	A BAT TO
-0.28	ZULU A BAT

\end\
"""


class Graph:
    """A graph file, read without any of the code that wrote it."""

    def __init__(self, path, words, n_classes):
        fst = (kaldifst.StdConstFst if path.name == "LG.fst" else kaldifst.StdVectorFst).read(str(path))
        self.words, self.n_classes, self.start = words, n_classes, fst.start
        self.final = [fst.final(state).value for state in range(fst.num_states)]
        self.arcs = [
            [(arc.ilabel, arc.olabel, arc.weight.value, arc.nextstate) for arc in kaldifst.ArcIterator(fst, state)]
            for state in range(fst.num_states)
        ]

    def sentences(self, classes):
        """Every sentence that the classes spell → its least cost."""
        reached = self._spread({(self.start, ()): 0.0})
        for index in classes:
            reached = self._spread(self._step(reached, lambda label, index=index: label == index + 1))
        ends = {}
        for (state, words), cost in reached.items():
            total = cost + self.final[state]
            if total < ends.get(words, math.inf):
                ends[words] = total
        return ends

    def _step(self, reached, taken):
        after = {}
        for (state, words), cost in reached.items():
            for label, word, weight, target in self.arcs[state]:
                place = (target, (*words, self.words[word]) if word else words)
                if taken(label) and cost + weight < after.get(place, math.inf):
                    after[place] = cost + weight
        return after

    def _spread(self, reached):
        newest = reached
        while newest:
            silent = self._step(newest, lambda label: label == 0 or label > self.n_classes)
            newest = {place: cost for place, cost in silent.items() if cost < reached.get(place, math.inf)}
            reached = reached | newest
        return reached


def write(tmp_path, text, name="lm.arpa"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the graph of `ARPA` and `LEXICON`, and what its builder says about it."""
    folder = tmp_path_factory.mktemp("graph")
    steps = []
    report = build_graph(
        write(folder, ARPA), LEXICON, folder / "out", SILENCE, SOUNDS, with_topology=True, say=steps.append
    )
    assert len(steps) > 3
    return folder / "out", report


@pytest.fixture(scope="module")
def graph(built):
    return Graph(built[0] / "LG.fst", symbols(built[0] / "words.txt"), len(SOUNDS))


@pytest.fixture(scope="module")
def frame_graph(built):
    return Graph(built[0] / "TLG.fst", symbols(built[0] / "words.txt"), len(SOUNDS))


def symbols(path):
    lines = [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()]
    assert [int(label) for _, label in lines] == list(range(len(lines)))
    return [symbol for symbol, _ in lines]


def cost(*log10s, silences=0, gaps=0):
    """−ln p of n-gram weights, of silences that are there and of places where none is."""
    return -math.log(10) * sum(log10s) - silences * math.log(SILENCE) - gaps * math.log(1 - SILENCE)


# Weights are quantised to 1/1024 an arc when the graph is minimised.
def near(value):
    return pytest.approx(value, abs=0.01)


@pytest.mark.parametrize(
    ("sounds", "sentence", "expected"),
    [
        ("SIL", "", cost(-0.31, -0.7, silences=1)),
        ("SIL T U SIL", "to", cost(-0.31, -0.8, -0.85, silences=2)),
        ("SIL T U SIL", "two", cost(-0.31, -1.7, -0.7, silences=2)),
        ("A T", "at", cost(-0.31, -1.1, -0.42, -0.7, gaps=2)),
        ("SIL A SIL B A T SIL", "a bat", cost(-0.45, -0.15, -0.27, -0.13, -0.7, silences=3)),
        ("SIL U B A T SIL", "a bat", cost(-0.45, -0.15, -0.27, -0.13, -0.7, silences=2, gaps=1)),
        ("SIL A SIL B A T SIL T U", "a bat to", cost(-0.45, -0.15, -0.23, -0.85, silences=3, gaps=1)),
        ("SIL A T SIL T U SIL", "at two", cost(-0.31, -1.1, -0.95, -0.7, silences=3)),
    ],
)
def test_a_spelling_leads_to_its_sentences_at_the_cost_of_their_ngrams_and_silences(graph, sounds, sentence, expected):
    sentences = graph.sentences(SOUNDS.encode(sounds.split()))
    assert sentences[tuple(sentence.split())] == near(expected)


def test_what_no_word_spells_is_not_accepted(graph):
    for sounds in ("B", "T U B", "B A", "SIL SIL", "A SIL SIL", "SIL A T T"):
        assert graph.sentences(SOUNDS.encode(sounds.split())) == {}


WEIGHTS = {
    (*words.lower().split(),): (float(probability), float(back_off[0]) if back_off else 0.0)
    for line in ARPA.splitlines()
    if "\t" in line
    for probability, words, *back_off in [line.split("\t")]
    if not {"<unk>", "ZULU"} & set(words.split())
}
HISTORIES = {ngram for ngram in WEIGHTS if len(ngram) < 3} | {("bat", "to"), ()}


@cache
def sentence_cost(history, words):
    """Least −ln p over all ways to back off, straight from the table of weights."""
    word, *after = words
    ways = []
    if (*history, word) in WEIGHTS:
        longest = (*history, word)[-2:]
        while longest not in HISTORIES:
            longest = longest[1:]
        ways.append(cost(WEIGHTS[*history, word][0]) + (sentence_cost(longest, tuple(after)) if after else 0.0))
    if history:
        ways.append(cost(WEIGHTS.get(history, (0.0, 0.0))[1]) + sentence_cost(history[1:], words))
    return min(ways)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), words=st.lists(st.sampled_from(["a", "at", "bat", "to", "two"]), max_size=4))
def test_any_sentence_costs_what_its_ngrams_and_silences_cost(graph, data, words):
    spelling, silences = [], 0
    for spoken in [(), *(data.draw(st.sampled_from(LEXICON[word])) for word in words)]:
        pause = data.draw(st.booleans())
        spelling += [*spoken, *(["SIL"] * pause)]
        silences += pause
    expected = sentence_cost(("<s>",), (*words, "</s>")) + cost(silences=silences, gaps=len(words) + 1 - silences)
    assert graph.sentences(SOUNDS.encode(spelling))[tuple(words)] == near(expected)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["SIL", "A", "U", "T", "T U", "B A T"]), st.sampled_from(["", "BLANK"])), max_size=5
    )
)
def test_frames_lead_where_their_collapsed_classes_do(graph, frame_graph, spoken):
    frames = SOUNDS.encode(" ".join(itertools.chain.from_iterable(spoken)).split())
    assert frame_graph.sentences(frames) == near(graph.sentences(SOUNDS.collapse(frames)))


def test_a_doubled_phoneme_needs_a_blank_between(frame_graph):
    once = frame_graph.sentences(SOUNDS.encode("SIL A T T U SIL".split()))
    twice = frame_graph.sentences(SOUNDS.encode("SIL A T BLANK T U SIL".split()))
    assert {("a", "to"), ("a", "two")} < once.keys()
    assert not once.keys() & {("at", "to"), ("at", "two")}
    assert twice.keys() == {("at", "to"), ("at", "two")}


def test_no_label_leaves_a_state_twice(graph):
    for arcs in graph.arcs:
        labels = [label for label, *_ in arcs]
        assert labels == sorted(set(labels))


def test_words_share_the_states_of_a_common_ending(tmp_path):
    unigrams = "\\data\\\nngram 1=4\n\\1-grams:\n-1 <s>\n-1 </s>\n-1 bat\n-1 but\n\\end\\\n"
    lexicon = Lexicon({"bat": (("B", "A", "T", "U"),), "but": (("U", "A", "T", "U"),)})
    built = build_graph(write(tmp_path, unigrams), lexicon, tmp_path / "out", 0, SOUNDS)
    # Between words, and one after each sound but the last.
    assert (built.n_states, built.n_arcs) == (4, 5)


def test_a_word_that_ends_in_silence_is_followed_by_no_second_one(tmp_path):
    lexicon = Lexicon({"a": (("A", "SIL"),), "to": (("T", "U"),)})
    build_graph(write(tmp_path, ARPA), lexicon, tmp_path / "out", SILENCE, SOUNDS)
    graph = Graph(tmp_path / "out" / "LG.fst", symbols(tmp_path / "out" / "words.txt"), len(SOUNDS))
    assert graph.sentences(SOUNDS.encode("SIL A SIL".split())) == {
        ("a",): near(cost(-0.45, -0.12, -0.25, -0.7, silences=1))
    }
    assert graph.sentences(SOUNDS.encode("SIL A SIL SIL".split())) == {}


def test_symbols_are_numbered_as_in_kaldi(built):
    out, _ = built
    assert symbols(out / "words.txt") == "<eps> a at bat to tub two #0 <s> </s>".split()
    # Two symbols tell homophones apart, the third ends silences.
    assert symbols(out / "tokens.txt") == "<eps> <blk> SIL A B T U #0 #1 #2 #3".split()


def test_the_report_counts_what_was_left_out(built, graph):
    _, report = built
    assert (report.n_states, report.n_arcs) == (len(graph.arcs), sum(map(len, graph.arcs)))
    coverage = report.coverage
    assert (coverage.n_words, coverage.n_words_without_ngram, coverage.n_words_without_pronunciation) == (5, 1, 2)
    assert (coverage.n_ngrams, coverage.n_dropped_ngrams) == (13, 4)


@given(st.lists(st.lists(st.sampled_from("AB"), min_size=1, max_size=3).map(tuple), max_size=8))
def test_disambiguated_pronunciations_neither_equal_nor_begin_each_other(pronunciations):
    numbers = disambiguation(pronunciations)
    ended = [
        (*spelling, f"#{number}") if number else spelling
        for spelling, number in zip(pronunciations, numbers, strict=True)
    ]
    for first, second in itertools.permutations(ended, 2):
        assert second[: len(first)] != first
    alone = {spelling for spelling, number in zip(pronunciations, numbers, strict=True) if not number}
    assert all(pronunciations.count(spelling) == 1 for spelling in alone)


def test_a_gzipped_model_makes_the_same_graph(built, tmp_path):
    packed = tmp_path / "lm.arpa.gz"
    packed.write_bytes(gzip.compress(ARPA.encode()))
    build_graph(packed, LEXICON, tmp_path / "out", SILENCE, SOUNDS)
    assert (tmp_path / "out" / "LG.fst").read_bytes() == (built[0] / "LG.fst").read_bytes()
    assert not (tmp_path / "out" / "TLG.fst").exists()


def test_a_store_makes_the_same_graph_as_its_arpa_text(built, tmp_path):
    store = convert(write(tmp_path, ARPA), tmp_path / "lm.nlm").path
    report = build_graph(store, LEXICON, tmp_path / "out", SILENCE, SOUNDS)
    assert report == built[1]
    assert (tmp_path / "out" / "LG.fst").read_bytes() == (built[0] / "LG.fst").read_bytes()


def test_a_store_with_a_word_in_two_cases_is_refused(tmp_path):
    store = convert(write(tmp_path, ARPA.replace("-1.6\t<unk>", "-1.6\ta")), tmp_path / "lm.nlm").path
    with pytest.raises(DataError, match=r"lm\.nlm: 'a' is listed twice"):
        build_graph(store, LEXICON, tmp_path / "out", SILENCE, SOUNDS)


def test_letters_without_silence_spell_words_too(tmp_path):
    words = ("at", "bat", "to")
    lexicon = Lexicon({word: (tuple(word),) for word in words})
    build_graph(write(tmp_path, ARPA), lexicon, tmp_path / "out", 0, CHARACTERS, with_topology=True)
    tokens = symbols(tmp_path / "out" / "tokens.txt")
    assert tokens[: len(CHARACTERS) + 1] == ["<eps>", "<blk>", *CHARACTERS.symbols[1:-1], "<space>"]
    graph = Graph(tmp_path / "out" / "LG.fst", symbols(tmp_path / "out" / "words.txt"), len(CHARACTERS))
    assert graph.sentences(CHARACTERS.encode("batto")) == {
        ("bat", "to"): near(cost(-0.31, -1.3, -0.13, -0.8, -0.85)),
    }


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (("-0.35\tA BAT", "often\tA BAT"), "lm.arpa: line 21: 'often' is not a log10 probability"),
        (("-1.6\t<unk>", "-1.6\ta"), "lm.arpa: line 11: the word 'A' occurs twice"),
        (("\\end\\", ""), "lm.arpa: line 30: the text ends before its"),
        (("<s>", "<t>"), "lm.arpa: the model has no '<s>'"),
    ],
)
def test_a_damaged_model_is_refused_with_its_line(tmp_path, damage, complaint):
    assert damage[0] in ARPA
    with pytest.raises(DataError) as refusal:
        build_graph(write(tmp_path, ARPA.replace(*damage)), LEXICON, tmp_path / "out", SILENCE, SOUNDS)
    assert complaint in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["lm.arpa"]


def test_files_that_are_no_models_are_refused(tmp_path):
    packed = tmp_path / "lm.arpa.gz"
    packed.write_bytes(gzip.compress(ARPA.encode())[:-20])
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path, complaint in (
        (write(tmp_path, "some words\n"), "not an ARPA file"),
        (packed, "cut short or damaged"),
        (tmp_path / "binary", "not an ARPA file"),
        (tmp_path / "nowhere.arpa", "cannot read the language model"),
    ):
        with pytest.raises(DataError, match=complaint):
            build_graph(path, LEXICON, tmp_path / "out", SILENCE, SOUNDS)


def test_settings_that_contradict_each_other_are_refused(tmp_path):
    arpa = write(tmp_path, ARPA)
    no_silence = Alphabet(("BLANK", "A", "B", "T", "U"))
    for lexicon, probability, alphabet, complaint in (
        (LEXICON, 1.0, SOUNDS, "silence_probability is 1.0"),
        (LEXICON, 0.9, no_silence, "the alphabet has no silence"),
        (LEXICON.with_words({"toy": (("T", "OY"),)}), 0.9, SOUNDS, "'toy' is spelt with 'OY'"),
        (LEXICON.with_words({"hush": (("BLANK",),)}), 0.9, SOUNDS, "'hush' is spelt with 'BLANK'"),
        (LEXICON.with_words({"<s>": (("A",),)}), 0.9, SOUNDS, "'<s>' is a special symbol"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            build_graph(arpa, lexicon, tmp_path / "out", probability, alphabet)
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="out exists already"):
        build_graph(arpa, LEXICON, tmp_path / "out", SILENCE, SOUNDS)
    with pytest.raises(DataError, match="none of the model's 7 words is in the lexicon"):
        build_graph(arpa, Lexicon({"bub": (("B", "U", "B"),)}), tmp_path / "new", SILENCE, SOUNDS)


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaldifst", None)
    with pytest.raises(ConfigError, match=r"pip install neurolect\[graph\]"):
        build_graph(write(tmp_path, ARPA), LEXICON, tmp_path / "out", SILENCE, SOUNDS)
