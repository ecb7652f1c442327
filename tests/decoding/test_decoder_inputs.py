from __future__ import annotations

import math

import numpy as np
import pytest
from oracle.arpa import random_ngrams, stored
from small_search import ALPHABET, LEXICON, emit, random_logits

from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import PHONEMES, Alphabet

DECODER = Decoder(LexiconNetwork(LEXICON, None, ALPHABET), DecoderOptions(acoustic_scale=1), ALPHABET)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("ahead", [0, 3])
def test_a_frame_that_is_not_numbers_is_named_by_its_place_in_the_utterance(value, ahead):
    stream = DECODER.stream()
    stream.push(random_logits(0, ahead))
    logits = random_logits(1, 5)
    logits[2, 1] = value
    with pytest.raises(DataError, match=f"logits of frame {ahead + 2} are not numbers"):
        stream.push(logits)


def test_a_frame_in_which_nothing_is_possible_is_refused():
    logits = random_logits(0, 4)
    logits[3] = -np.inf
    with pytest.raises(DataError, match="frame 3 "):
        DECODER.decode(logits)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_broken_utterance_of_a_batch_is_named(threads):
    batch = np.stack([random_logits(seed, 6) for seed in range(3)])
    batch[1, 2, 0] = np.nan
    with pytest.raises(DataError, match="utterance 1: logits of frame 2 are not numbers"):
        Decoder(DECODER.network, DECODER.options, ALPHABET, threads).decode(batch, [6, 6, 6])


def test_a_stream_takes_nothing_of_a_chunk_with_a_broken_frame():
    logits = random_logits(0, 8)
    broken = logits.copy()
    broken[5] = np.nan
    stream = DECODER.stream()
    with pytest.raises(DataError):
        stream.push(broken)
    stream.push(logits)
    assert stream.finish() == DECODER.decode(logits)


def test_a_broken_utterance_leaves_the_decoder_usable():
    decoder = Decoder(DECODER.network, DECODER.options, ALPHABET)
    for _ in range(3):
        with pytest.raises(DataError):
            decoder.decode(np.full((3, 5), np.nan))
    assert decoder.decode(random_logits(0, 9)) == DECODER.decode(random_logits(0, 9))


def test_impossible_classes_do_not_stop_the_search():
    logits = emit("A B SIL")
    logits[logits == 0] = -np.inf
    assert DECODER.decode(logits)[0].text == "ab"
    assert all(math.isfinite(answer.total) for answer in DECODER.decode(logits))


def test_logits_may_have_any_precision_and_only_their_differences_count():
    logits = np.round(random_logits(0, 12), 1).astype(np.float16)
    expected = DECODER.decode(logits)
    assert DECODER.decode(logits.astype(np.float32)) == expected
    assert DECODER.decode(logits.astype(np.float64)) == expected
    assert DECODER.decode(np.asfortranarray(logits)) == expected
    assert DECODER.decode(logits.tolist()) == expected
    shifted = DECODER.decode(logits.astype(np.float64) + 50)
    assert [answer.words for answer in shifted] == [answer.words for answer in expected]
    assert [answer.total for answer in shifted] == pytest.approx([answer.total for answer in expected], abs=1e-3)


def test_whole_numbers_are_logits_too():
    assert DECODER.decode(emit("SIL A B SIL").astype(np.int32))[0].text == "ab"


def test_one_frame_is_an_utterance():
    assert DECODER.decode(emit("SIL"))[0].words == ()
    assert DECODER.decode(emit("A"))[0].words[0] in {"a", "eigh"}


@pytest.mark.parametrize("shape", [(2, 41), (5,), (1, 2, 5), (2, 0), ()])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"logits have the shape \(.*\), the decoder takes \(frames, 5 classes\)"):
        DECODER.decode(np.zeros(shape))


def test_what_is_not_numbers_is_refused():
    for logits in (np.array([["a"] * 5]), np.zeros((2, 5), dtype=complex), np.zeros((2, 5), dtype=object)):
        with pytest.raises(DataError, match="the decoder takes numbers"):
            DECODER.decode(logits)


@pytest.mark.parametrize(
    ("shape", "lengths"),
    [
        ((2, 3, 5), [3]),
        ((2, 3, 5), [3, 4]),
        ((6, 5), [2, 3]),
        ((6, 5), [7, -1]),
        ((6, 5), [2.0, 4.0]),
        ((6, 5), [[2, 4]]),
    ],
)
def test_lengths_that_do_not_fit_are_refused(shape, lengths):
    with pytest.raises(DataError, match="length"):
        DECODER.decode(np.zeros(shape), lengths)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acoustic_scale", 0.0),
        ("acoustic_scale", math.nan),
        ("blank_penalty", -1.0),
        ("blank_skip", 1.5),
        ("blank_skip", 0.0),
        ("beam", 0.0),
        ("lattice_beam", math.nan),
        ("max_active", 0),
        ("min_active", -1),
        ("length_penalty", math.inf),
        ("phoneme_bonus", math.nan),
        ("word_bonus", -math.inf),
        ("n_best", 0),
    ],
)
def test_an_option_out_of_range_is_named(name, value):
    with pytest.raises(ConfigError, match=f"decoder: {name} is {value}, it must be "):
        DecoderOptions(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language_model_weight", -1.0),
        ("language_model_weight", math.inf),
        ("silence_probability", 1.5),
        ("silence_probability", math.nan),
        ("absent_word_log10", 1.0),
    ],
)
def test_a_setting_of_the_network_out_of_range_is_named(name, value):
    with pytest.raises(ConfigError, match=f"decoder: {name} is {value}, it must be "):
        LexiconNetwork(LEXICON, None, ALPHABET, **{name: value})


def test_other_things_that_cannot_be_searched_are_refused():
    with pytest.raises(ConfigError, match="threads is 0"):
        Decoder(DECODER.network, alphabet=ALPHABET, threads=0)
    with pytest.raises(ConfigError, match="alphabets differ in"):
        Decoder(DECODER.network, alphabet=PHONEMES)
    with pytest.raises(ConfigError, match="'C' is not one of"):
        LexiconNetwork(LEXICON, None, Alphabet(("BLANK", "A", "B")))
    strangers = stored(random_ngrams(np.random.default_rng(0), ["zulu"], order=2))
    with pytest.raises(ConfigError, match="none of its words"):
        LexiconNetwork(LEXICON, strangers, ALPHABET, absent_word_log10=-math.inf)


def test_infinite_beams_cut_nothing_off():
    logits = random_logits(0, 5)
    wide, endless = (
        Decoder(DECODER.network, DecoderOptions(beam=beam, lattice_beam=beam), ALPHABET).decode(logits)
        for beam in (1e6, math.inf)
    )
    totals = {answer.words: answer.total for answer in wide}
    assert {answer.words: answer.total for answer in endless} == pytest.approx(totals)
