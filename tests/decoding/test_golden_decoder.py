from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from resident_memory import needs_statm, resident_mib

from neurolect.decoding import Decoder, DecoderOptions, GraphNetwork, LatticeRescoring, LexiconNetwork
from neurolect.decoding.rescoring import rescore_with_ngrams
from neurolect.language.english import english_trigram
from neurolect.language.graph_building import build_graph
from neurolect.language.ngram_conversion import convert
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER as CLASSES
from neurolect.text.error_rates import count_word_errors
from neurolect.text.lexicon import Lexicon

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "decoder"
ARPA = GOLDEN / "trigram_pruned.arpa.gz"

pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="needs the golden decoder outputs in ../shared")

# The settings that the reference was run with.
REFERENCE = DecoderOptions(max_active=7000)
SCALE, LATTICE_BEAM = REFERENCE.acoustic_scale, REFERENCE.lattice_beam


class Listed(NamedTuple):
    """A sentence of the reference's list; `graph` is its n-gram and lexicon score."""

    text: str
    acoustic: float
    graph: float

    @property
    def total(self) -> float:
        return SCALE * self.acoustic + self.graph


@pytest.fixture(scope="module")
def utterances():
    with np.load(GOLDEN / "posteriors_q20.npz") as arrays:
        return np.split(arrays["logits"], np.cumsum(arrays["lengths"])[:-1])


@pytest.fixture(scope="module")
def truth():
    return json.loads((GOLDEN / "sentences_q20.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reference():
    with gzip.open(GOLDEN / "reference_nbest_q20.json.gz") as file:
        return [[Listed(*each) for each in answers] for answers in json.load(file)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    model = convert(ARPA, tmp_path_factory.mktemp("golden") / "lm.nlm")
    return LexiconNetwork(Lexicon.english(), model, CLASSES, backoff_as_in_graph=True)


def word_errors(truth, texts):
    return count_word_errors(truth[: len(texts)], texts)


def compare(ours, reference, lattice_beam):
    """Pairs of an answer and the listed sentence for all inside the lattice beam, and those that we lack."""
    pairs, missing = [], []
    for answers, listed in zip(ours, reference, strict=True):
        found = {answer.text: answer for answer in answers}
        inside = [each for each in listed if each.total > listed[0].total - lattice_beam]
        pairs += [(found[each.text], each) for each in inside if each.text in found]
        missing += [each for each in inside if each.text not in found]
    return pairs, missing


def test_lexicon_and_ngrams_give_the_references_answers_where_back_off_is_as_in_its_graph(tree, utterances, reference):
    n = 8
    ours = [Decoder(tree, REFERENCE, CLASSES).decode(logits) for logits in utterances[:n]]
    assert [answers[0].text for answers in ours] == [listed[0].text for listed in reference[:n]]
    # One sentence of the reference is 0.002 above the edge of its lattice beam.
    pairs, missing = compare(ours, reference[:n], LATTICE_BEAM - 0.01)
    assert (len(pairs), missing) == (458, [])
    for answer, listed in pairs:
        assert answer.acoustic == pytest.approx(listed.acoustic, abs=1e-3)
        # The reference's graph has its costs in steps of 1/1024 an arc.
        assert answer.total == pytest.approx(listed.total, abs=0.01)


@pytest.mark.slow
def test_lexicon_and_ngrams_have_the_references_word_error_rate(tree, utterances, truth, reference):
    decoder = Decoder(tree, REFERENCE, CLASSES)
    ours = [decoder.decode(logits) for logits in utterances]
    counts = word_errors(truth, [answers[0].text for answers in ours])
    assert round(100 * counts.errors.sum() / counts.lengths.sum(), 2) == 10.72
    same = [answers[0].text == listed[0].text for answers, listed in zip(ours, reference, strict=True)]
    assert sum(same) >= 199
    # Look-ahead ranks unfinished words otherwise than the graph, so that other paths are cut off; with more room the
    # one first answer that differs and all but a few others come back.
    decoder.options = DecoderOptions(max_active=20_000)
    ours = [decoder.decode(logits) for logits in utterances]
    assert [answers[0].text for answers in ours] == [listed[0].text for listed in reference]
    pairs, missing = compare(ours, reference, LATTICE_BEAM - 0.01)
    assert len(missing) < 0.01 * len(pairs)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    out = tmp_path_factory.mktemp("golden") / "graph"
    build_graph(ARPA, Lexicon.english(), out)
    return GraphNetwork(out / "LG.fst")


@pytest.mark.slow
def test_a_graph_gives_all_answers_of_the_reference(graph, utterances, truth, reference):
    assert graph.words[1:-3] == tuple(read_words(GOLDEN / "words.txt"))[1:-3]
    decoder = Decoder(graph, REFERENCE, CLASSES)
    ours = [decoder.decode(logits) for logits in utterances]
    assert [answers[0].text for answers in ours] == [listed[0].text for listed in reference]
    pairs, missing = compare(ours, reference, LATTICE_BEAM)
    assert (len(pairs), missing) == (11_861, [])
    for answer, listed in pairs:
        assert answer.acoustic == pytest.approx(listed.acoustic, abs=1e-3)
        # The reference's graph was made from n-gram costs with six digits, ours from exact ones; both are then rounded
        # to 1/1024 an arc. So sums differ by a step or two, here by 0.00105 at most.
        assert answer.ngram == pytest.approx(listed.graph, abs=0.002)
        assert answer.total == pytest.approx(listed.total, abs=0.002)
    counts = word_errors(truth, [answers[0].text for answers in ours])
    assert round(100 * counts.errors.sum() / counts.lengths.sum(), 2) == 10.72


def read_words(path):
    return [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines()]


@needs_statm
@pytest.mark.slow
def test_memory_is_flat_over_five_thousand_sentences(tree, utterances):
    decoder = Decoder(tree, DecoderOptions(max_active=500), CLASSES)
    for logits in utterances:
        decoder.decode(logits)
    before = resident_mib()
    for _ in range(25):
        for logits in utterances:
            decoder.decode(logits)
    assert resident_mib() - before < 4


@needs_statm
@pytest.mark.slow
def test_memory_is_flat_over_an_utterance_of_a_minute(tree, utterances):
    decoder = Decoder(tree, DecoderOptions(), CLASSES)
    for logits in utterances[:20]:
        decoder.decode(logits)
    before = resident_mib()
    stream = decoder.stream()
    # 80 ms a frame.
    for frame in np.concatenate(utterances)[:750]:
        stream.push(frame[None])
    assert resident_mib() - before < 4
    assert len(stream.finish()[0].words) > 50


def test_the_full_trigram_over_the_lattice_is_never_worse_than_over_the_nbest_list(tree, utterances):
    english = english_trigram()
    over_lattice = Decoder(tree, alphabet=CLASSES, lattice_rescoring=LatticeRescoring(english))
    found_more = 0
    for logits in utterances[:8]:
        listed = rescore_with_ngrams(Decoder(tree, alphabet=CLASSES).decode(logits), english)
        answers = over_lattice.decode(logits)
        assert answers[0].total >= listed[0].total - 1e-3
        totals = {each.words: each.total for each in listed}
        shared = [each for each in answers if each.words in totals]
        assert shared
        for each in shared:
            assert each.total == pytest.approx(totals[each.words], abs=1e-3)
        found_more += len(answers) > len(shared)
    assert found_more
