from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from oracle.arpa import random_ngrams, stored
from oracle.lexicon_beam import LexiconBeam
from small_graphs import decoder_of
from small_search import ALPHABET, EVERYTHING, LEXICON, emit, random_logits

from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork

# The lattice is pruned whenever it has a multiple of 25 columns, the one before the first frame included.
LENGTHS = [24, 25, 49, 50, 51]
CHUNK_SIZES = range(1, 8)
LATTICE_BEAM = 3.0

NGRAMS = random_ngrams(np.random.default_rng(4), list(LEXICON), order=3)
MODEL = stored(NGRAMS)
SOUNDS = "SIL A B BLANK C C BLANK C SIL B C SIL A BLANK A B C BLANK SIL A SIL".split()


@cache
def utterance(n_frames):
    """Logits (frames, classes) of words that are clear but for a few frames."""
    rng = np.random.default_rng(n_frames)
    logits = emit(" ".join((SOUNDS * 3)[:n_frames]), confidence=10) + random_logits(n_frames, n_frames, spread=1)
    logits[rng.random(n_frames) < 0.1] *= 0.4
    return logits


def in_chunks(decoder, logits, size, is_watched):
    stream = decoder.stream()
    for begin in range(0, len(logits), size):
        stream.push(logits[begin : begin + size])
        if is_watched:
            stream.partial()
    return stream.finish()


@cache
def of_the_oracle(n_frames):
    beam = LexiconBeam(LEXICON, MODEL, ALPHABET, acoustic_scale=1, blank_penalty=3, beam=16)
    found = beam.decode(utterance(n_frames))
    return {each.words: each for each in found if each.total > found[0].total - LATTICE_BEAM}


@pytest.mark.parametrize("n_frames", LENGTHS)
@pytest.mark.parametrize("size", CHUNK_SIZES)
def test_a_stream_that_ends_where_the_lattice_is_pruned_gives_the_sentences_of_the_oracle(n_frames, size):
    options = replace(EVERYTHING, acoustic_scale=1, blank_penalty=3, lattice_beam=LATTICE_BEAM)
    decoder = Decoder(LexiconNetwork(LEXICON, MODEL, ALPHABET), options, ALPHABET)
    answers = in_chunks(decoder, utterance(n_frames), size, is_watched=size % 2 == 0)
    expected = of_the_oracle(n_frames)
    assert len(expected) > 3
    assert {answer.words for answer in answers} == expected.keys()
    for answer in answers:
        other = expected[answer.words]
        assert (answer.total, answer.acoustic, answer.ngram, answer.lexicon) == pytest.approx(
            (other.total, other.acoustic, other.ngram, other.lexicon), abs=1e-3
        )


@cache
def small_decoder(name, options):
    return decoder_of(name, LEXICON, NGRAMS, options)


@pytest.mark.parametrize("name", ["tree", "LG", "TLG"])
@pytest.mark.parametrize("blank_skip", [1.0, 0.5])
@pytest.mark.parametrize("n_frames", LENGTHS)
def test_a_stream_of_noise_that_ends_where_the_lattice_is_pruned_gives_the_offline_sentences(
    name, blank_skip, n_frames
):
    decoder = small_decoder(name, DecoderOptions(beam=9.0, lattice_beam=4.0, blank_skip=blank_skip))
    for seed in range(3):
        logits = random_logits(seed, n_frames)
        expected = decoder.decode(logits)
        assert len(expected) > 1
        for size in CHUNK_SIZES:
            assert in_chunks(decoder, logits, size, is_watched=size % 2 == 1) == expected


@pytest.mark.parametrize("name", ["tree", "LG", "TLG"])
@pytest.mark.parametrize("n_frames", LENGTHS)
def test_pruning_drops_only_what_is_outside_the_lattice_beam(name, n_frames):
    wide, narrow = (
        small_decoder(name, DecoderOptions(acoustic_scale=1.0, lattice_beam=beam, n_best=100_000)).decode(
            utterance(n_frames)
        )
        for beam in (9.0, 2.0)
    )
    inside = {each.words: each.total for each in wide if each.total >= wide[0].total - 2.0}
    assert len(wide) > len(inside) > 1
    assert {each.words: each.total for each in narrow} == pytest.approx(inside, abs=1e-4)
