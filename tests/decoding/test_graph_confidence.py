import pytest
from oracle.arpa import Ngrams
from small_graphs import NETWORKS, decoder_of
from small_search import EVERYTHING, emit

from neurolect.text.lexicon import Lexicon

# "there" and its homophone begin another word, so that in a graph they come out on an epsilon, at any later blank.
LEXICON = Lexicon({"there": (("A", "B"),), "their": (("A", "B"),), "thereby": (("A", "B", "C"),), "cat": (("C",),)})
NGRAMS: Ngrams = {
    ("<s>",): (-99.0, 0.0),
    ("</s>",): (-0.5, 0.0),
    ("there",): (-0.4, 0.0),
    ("their",): (-3.0, 0.0),
    ("thereby",): (-2.0, 0.0),
    ("cat",): (-0.7, 0.0),
}


@pytest.mark.parametrize("n_blanks", [0, 1, 2, 6])
def test_a_word_is_as_sure_in_a_graph_as_in_the_tree_however_long_the_blank_after_it(n_blanks):
    logits = emit(" ".join(["SIL", "A", "B", *["BLANK"] * n_blanks, "SIL", "C", "SIL"]), confidence=8)
    answers = [decoder_of(name, LEXICON, NGRAMS, EVERYTHING).decode(logits)[0] for name in NETWORKS]
    assert {answer.words for answer in answers} == {("there", "cat")}
    tree, *graphs = [answer.confidence for answer in answers]
    for confidence in graphs:
        assert confidence == pytest.approx(tree, abs=0.05)
    assert tree[0] > 0.9
