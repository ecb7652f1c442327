from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.arpa import log_probability, random_ngrams, stored
from resident_memory import needs_statm, resident_mib
from small_search import ALPHABET, EVERYTHING, LEXICON, Case, emit, random_logits

from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.errors import ConfigError
from neurolect.text.alphabet import Alphabet

TRIGRAM = random_ngrams(np.random.default_rng(0), list(LEXICON), order=3)
NETWORK = LexiconNetwork(LEXICON, stored(TRIGRAM), ALPHABET)
LOOSE = DecoderOptions(acoustic_scale=1, blank_penalty=2, lattice_beam=6)
TIGHT = replace(LOOSE, beam=3.0, lattice_beam=2.0, max_active=8, min_active=3, blank_skip=0.7, length_penalty=0.3)


def decoder(options=LOOSE, **kwargs):
    return Decoder(NETWORK, options, ALPHABET, **kwargs)


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(0, 2**32 - 1), st.sampled_from([LOOSE, TIGHT]))
@settings(deadline=None, max_examples=80)
def test_a_stream_fed_in_any_chunks_gives_the_offline_sentences(chunks, seed, options):
    logits = random_logits(seed, sum(chunks))
    stream = decoder(options).stream()
    for end, size in zip(itertools.accumulate(chunks), chunks, strict=True):
        stream.push(logits[end - size : end])
        stream.partial()
    assert stream.finish() == decoder(options).decode(logits)


def test_frames_may_be_pushed_one_at_a_time_as_a_single_row():
    logits = random_logits(0, 40)
    stream = decoder().stream()
    for frame in logits:
        stream.push(frame[None])
    assert stream.finish() == decoder().decode(logits)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_the_partial_sentence_does_not_depend_on_chunks_nor_on_being_asked_for(seed):
    logits = random_logits(seed, 35)
    asked = decoder().stream()
    for frame in range(35):
        asked.push(logits[frame : frame + 1])
        fresh = decoder().stream()
        fresh.push(logits[: frame + 1])
        assert asked.partial() == asked.partial() == fresh.partial()


def test_the_partial_sentence_grows_with_the_words_heard():
    stream, seen = Case(emit("")).decoder().stream(), []
    assert stream.partial().words == ()
    for frame in emit("A B SIL BLANK C BLANK C SIL", confidence=30):
        stream.push(frame[None])
        seen.append(stream.partial().text)
    assert seen[2:4] == ["ab", "ab"]
    assert seen[-1] == "ab cc"
    assert stream.finish()[0].text == "ab cc"


@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
@settings(deadline=None, max_examples=40)
def test_the_partial_sentence_is_the_best_path_so_far_even_within_a_word(seed, n_frames):
    alphabet = Alphabet(("BLANK", "A", "B", "C"))
    logits = random_logits(seed, n_frames, alphabet)
    case = Case(logits, alphabet)
    # Without a language model all words cost nothing: what counts is that classes spell words, the last one perhaps
    # not to its end.
    spells_words = re.compile(r"(A|AB|CC|BC|ABC)*(A|AB|B|C)?")
    scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    best = max(
        0.4 * sum(scores[frame, label] for frame, label in enumerate(labels))
        for labels in itertools.product(range(4), repeat=n_frames)
        if spells_words.fullmatch("".join(alphabet.decode(alphabet.collapse(labels))))
    )
    stream = case.decoder().stream()
    stream.push(logits)
    assert stream.partial().total == pytest.approx(best, abs=1e-4)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.9, 0.0, 1.0]))
@settings(deadline=None, max_examples=20)
def test_the_scores_of_a_partial_sentence_are_those_of_its_words_and_add_up(seed, silence_probability):
    network = LexiconNetwork(LEXICON, stored(TRIGRAM), ALPHABET, 0.7, silence_probability)
    stream = Decoder(network, replace(LOOSE, phoneme_bonus=0.2, word_bonus=0.5), ALPHABET).stream()
    for frame in random_logits(seed, 12):
        partial = stream.partial()
        assert partial.ngram == pytest.approx(log_probability(TRIGRAM, partial.words, ends=False), abs=1e-4)
        parts = partial.acoustic + 0.7 * partial.ngram + partial.lexicon + partial.bonus
        assert partial.total == pytest.approx(parts, abs=1e-4)
        assert partial.confidence == ()
        stream.push(frame[None])


CHANGES = {
    "acoustic_scale": 0.3,
    "blank_penalty": 60.0,
    "blank_skip": 0.2,
    "beam": 0.05,
    "max_active": 1,
    "min_active": 2,
    "length_penalty": 2.5,
    "phoneme_bonus": 3.0,
    "word_bonus": -4.0,
}
FROM = replace(LOOSE, beam=2.0, min_active=0)


@pytest.mark.parametrize("name", CHANGES)
def test_an_option_assigned_to_a_stream_counts_from_the_next_frame(name):
    changed = replace(FROM, beam=0.05, min_active=0) if name == "min_active" else FROM
    before, after = changed, replace(changed, **{name: CHANGES[name]})
    differs = 0
    for seed in range(5):
        logits = random_logits(seed, 24)
        at_once, on_the_way, back_again = (decoder(before).stream() for _ in range(3))
        at_once.options = after
        at_once.push(logits)
        on_the_way.push(logits[:12])
        on_the_way.options = after
        assert on_the_way.options == after
        on_the_way.push(logits[12:])
        back_again.options = after
        back_again.options = before
        back_again.push(logits)
        results = [on_the_way.finish(), at_once.finish(), back_again.finish()]
        assert results[1] == decoder(after).decode(logits)
        assert results[2] == decoder(before).decode(logits)
        differs += results[0] not in results[1:]
    assert differs > 0


@pytest.mark.parametrize(("name", "value"), [("n_best", 2), ("lattice_beam", 0.5)])
def test_how_many_sentences_are_listed_is_settled_when_the_utterance_ends(name, value):
    logits = random_logits(0, 20)
    stream = decoder().stream()
    stream.push(logits)
    stream.options = replace(LOOSE, **{name: value})
    short, long = stream.finish(), decoder().decode(logits)
    assert 0 < len(short) < len(long)
    assert [answer.words for answer in short] == [answer.words for answer in long[: len(short)]]


def test_scores_weigh_every_frame_with_the_options_of_its_time():
    logits = emit("A B SIL C C SIL", confidence=2)
    stream = Case(logits).decoder(EVERYTHING).stream()
    stream.options = replace(EVERYTHING, acoustic_scale=2.0, blank_penalty=1.0)
    stream.push(logits[:3])
    stream.options = replace(EVERYTHING, acoustic_scale=0.5, blank_penalty=7.0, word_bonus=1.5)
    stream.push(logits[3:])
    # The first word ends at the old settings, the second at the new ones; frame 3 or 4 is a blank.
    answer = next(each for each in stream.finish() if each.text == "ab cc")
    log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    first = log_probability[[0, 1, 2], ALPHABET.encode(["A", "B", "SIL"])].sum()
    second = log_probability[[3, 4, 5], ALPHABET.encode(["B", "C", "SIL"])].sum()
    assert answer.acoustic == pytest.approx(first + second, abs=1e-4)
    assert answer.bonus == pytest.approx(1.5)
    assert answer.total == pytest.approx(2.0 * first + 0.5 * second + answer.lexicon + 1.5, abs=1e-4)


def test_options_of_a_decoder_count_for_the_streams_that_begin_later():
    logits = random_logits(0, 20)
    changing = decoder()
    running = changing.stream()
    running.push(logits[:10])
    changing.options = TIGHT
    running.push(logits[10:])
    assert running.finish() == decoder(LOOSE).decode(logits)
    assert changing.decode(logits) == decoder(TIGHT).decode(logits)


def batch(n=12):
    rng = np.random.default_rng(1)
    return [random_logits(seed, int(rng.integers(0, 40))) for seed in range(n)]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_batch_gives_what_its_utterances_give_alone(threads):
    utterances = [*batch(), np.zeros((0, 5), dtype=np.float32)]
    lengths = [len(each) for each in utterances]
    padded = np.full((len(utterances), max(lengths) + 3, 5), np.nan, dtype=np.float32)
    for row, each in zip(padded, utterances, strict=True):
        row[: len(each)] = each
    expected = [decoder().decode(each) for each in utterances]
    several = decoder(threads=threads)
    assert several.decode(padded, lengths) == expected
    assert several.decode(np.concatenate(utterances), np.array(lengths)) == expected


def test_a_batch_without_utterances_has_no_answers():
    assert decoder().decode(np.zeros((0, 9, 5)), []) == []
    assert decoder().decode(np.zeros((0, 5)), np.zeros(0, dtype=np.int64)) == []


def test_streams_of_one_decoder_do_not_disturb_each_other():
    shared = decoder()
    utterances = [random_logits(seed, 30) for seed in range(4)]
    streams = [shared.stream() for _ in utterances]
    for frame in range(30):
        for stream, logits in zip(streams, utterances, strict=True):
            stream.push(logits[frame : frame + 1])
    assert [stream.finish() for stream in streams] == [decoder().decode(each) for each in utterances]


def test_what_was_decoded_before_leaves_no_trace():
    used = decoder()
    for seed, length in enumerate([50, 3, 0, 120, 1]):
        used.decode(random_logits(seed, length))
    abandoned = used.stream()
    abandoned.push(random_logits(9, 30))
    logits = random_logits(7, 40)
    assert used.decode(logits) == used.decode(logits) == decoder().decode(logits)


def test_a_finished_stream_takes_and_tells_nothing_more():
    stream = decoder().stream()
    stream.push(random_logits(0, 5))
    stream.finish()
    for ask in (lambda: stream.push(random_logits(0, 5)), stream.partial, stream.finish):
        with pytest.raises(ConfigError, match=r"has ended; begin another with decoder\.stream\(\)"):
            ask()


@needs_statm
def test_memory_is_flat_over_many_utterances():
    searching = decoder()
    utterances = [random_logits(seed, 20 + seed) for seed in range(60)]
    for each in utterances:
        searching.decode(each)
    before = resident_mib()
    for each in utterances * 5:
        searching.decode(each)
    assert resident_mib() - before < 2
