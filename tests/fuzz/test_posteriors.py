"""What the search makes of posteriors at the edge: it answers rightly, or says which frame is wrong."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from decoding_inputs import ALPHABET, check_hypotheses
from openfst_files import Graph, encode
from small_models import small_lexicon, small_model

from neurolect.decoding import Decoder, DecoderOptions, GraphNetwork, LexiconNetwork
from neurolect.errors import DataError

BLANK, SIL, A, B, C = range(5)
NAN, INF = math.nan, math.inf


def small_graph(folder: Path) -> GraphNetwork:
    """An LG graph of `a` (A), `b` (B) and `c` (C A B) with a silence or nothing after each word."""
    (folder / "words.txt").write_text("<eps> 0\na 1\nb 2\nc 3\n")
    begin, said, in_c, in_ca = range(4)
    label = [index + 1 for index in range(5)]
    arcs = (
        ((label[SIL], 0, 0.1, begin), (label[A], 1, 1.0, said), (label[B], 2, 1.5, said), (label[C], 3, 1.2, in_c)),
        ((0, 0, 2.3, begin), (label[SIL], 0, 0.1, begin)),
        ((label[A], 0, 0.0, in_ca),),
        ((label[B], 0, 0.0, said),),
    )
    (folder / "LG.fst").write_bytes(encode(Graph(begin, (0.5, 0.5, INF, INF), arcs, is_sorted=True), "const"))
    return GraphNetwork(folder / "LG.fst", alphabet=ALPHABET)


@pytest.fixture(params=["graph", "lexicon and n-grams"])
def decoder(request, tmp_path):
    network = small_graph(tmp_path)
    if request.param != "graph":
        network = LexiconNetwork(small_lexicon(), small_model(), ALPHABET)
    return Decoder(network, DecoderOptions(n_best=10), ALPHABET)


def logits_of(*classes: int, height: float = 20.0) -> np.ndarray:
    return np.eye(5, dtype=np.float32)[list(classes)] * np.float32(height)


@pytest.mark.parametrize("row", [[NAN, 0, 0, 0, 0], [0, 0, 0, INF, 0], [-INF] * 5, [NAN] * 5, [INF, -INF, 0, 0, 0]])
def test_a_frame_without_a_distribution_is_refused_by_its_number(decoder, row):
    logits = logits_of(A, A, SIL)
    logits[1] = row
    with pytest.raises(DataError, match="frame 1 "):
        decoder.decode(logits)


def test_of_a_chunk_with_a_refused_frame_nothing_is_taken(decoder):
    stream = decoder.stream()
    stream.push(logits_of(A))
    with pytest.raises(DataError, match="frame 3 "):
        stream.push(np.concatenate([logits_of(A, SIL), np.full((1, 5), NAN)]))
    stream.push(logits_of(A, SIL, SIL))
    assert stream.finish() == decoder.decode(logits_of(A, A, SIL, SIL))


def test_a_class_without_any_probability_is_only_very_unlikely(decoder):
    impossible, unlikely = logits_of(A, A, SIL), logits_of(A, A, SIL)
    impossible[:, C] = -INF
    unlikely[:, C] = -3e38
    assert decoder.decode(impossible) == decoder.decode(unlikely)


def test_a_sentence_through_nothing_but_impossible_frames_is_still_found(decoder):
    logits = np.full((3, 5), -INF, dtype=np.float32)
    logits[:, B] = 0
    assert decoder.decode(logits)[0].text == "b"


def test_no_frames_are_the_empty_sentence(decoder):
    found = decoder.decode(np.zeros((0, 5), dtype=np.float32))
    check_hypotheses(found, 0)
    assert found[0].text == ""


def test_one_frame_is_enough_for_a_word(decoder):
    found = decoder.decode(logits_of(B, height=100))
    check_hypotheses(found, 1)
    assert found[0].text == "b"


@pytest.mark.parametrize("shape", [(3, 4), (3, 6), (3, 0), (5,), (2, 3, 5)])
def test_another_shape_is_refused(decoder, shape):
    with pytest.raises(DataError, match="shape"):
        decoder.decode(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize("height", [3e38, 1e30])
def test_logits_of_any_height_are_a_distribution(decoder, height):
    assert decoder.decode(logits_of(A, A, SIL, SIL, height=height))[0].text == "a"


@pytest.mark.parametrize("height", [0.0, 1e-45, -3e38])
def test_logits_that_say_nothing_have_an_answer(decoder, height):
    check_hypotheses(decoder.decode(np.full((200, 5), height, dtype=np.float32)), 200)


@pytest.mark.parametrize("kind", ["graph", "lexicon"])
def test_a_hundred_thousand_frames_are_decoded_to_the_last_word(kind, tmp_path):
    network = small_graph(tmp_path) if kind == "graph" else LexiconNetwork(small_lexicon(), None, ALPHABET)
    decoder = Decoder(network, DecoderOptions(n_best=1), ALPHABET)
    logits = np.tile(logits_of(A, A, A, A, A, SIL, SIL, SIL, SIL, SIL), (10_000, 1))
    (found,) = decoder.decode(logits)
    assert found.words == ("a",) * 10_000
    assert found.times == tuple((begin, begin + 5) for begin in range(0, 100_000, 10))
