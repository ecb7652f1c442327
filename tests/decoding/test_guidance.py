from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.arpa import log_probability, random_ngrams, stored
from small_search import ALPHABET, EVERYTHING, LEXICON, emit, random_logits

from backoff_ngrams import arpa_text
from neurolect.decoding import Decoder, DecoderOptions, GraphNetwork, Guidance, LexiconNetwork
from neurolect.errors import ConfigError

TRIGRAM = random_ngrams(np.random.default_rng(5), list(LEXICON), order=3)
NETWORKS = ["tree", "graph"]


@cache
def network(name):
    if name == "tree":
        return LexiconNetwork(LEXICON, stored(TRIGRAM), ALPHABET)
    pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    from neurolect.language.graph_building import build_graph

    with TemporaryDirectory() as folder:
        (Path(folder) / "lm.arpa").write_text(arpa_text(TRIGRAM), encoding="utf-8")
        build_graph(Path(folder) / "lm.arpa", LEXICON, Path(folder) / "out", 0.9, ALPHABET)
        return GraphNetwork(Path(folder) / "out" / "LG.fst", alphabet=ALPHABET)


def decoder(name, options=EVERYTHING):
    return Decoder(network(name), options, ALPHABET)


def earned(phrases, words):
    """Bonuses of all phrases wherever they stand in the sentence."""
    return sum(
        bonus
        for phrase, bonus in phrases.items()
        for begin in range(len(words))
        if words[begin : begin + len(phrase.split())] == tuple(phrase.split())
    )


def expected_totals(plain, guidance):
    return {
        answer.words: answer.total + earned(guidance.phrases, answer.words)
        for answer in plain
        if answer.words[: len(guidance.prefix)] == guidance.prefix
        and (guidance.vocabulary is None or guidance.vocabulary.issuperset(answer.words))
    }


words = st.sampled_from(sorted(LEXICON))
phrases = st.dictionaries(
    st.lists(words, min_size=1, max_size=3).map(" ".join), st.sampled_from([1.5, 6.0, 0.25, -2.0]), max_size=6
)


@st.composite
def guidances(draw):
    vocabulary = draw(st.none() | st.frozensets(words, min_size=1))
    allowed = words if vocabulary is None else st.sampled_from(sorted(vocabulary))
    return Guidance(draw(phrases), vocabulary, draw(st.lists(allowed, max_size=2).map(tuple)))


@pytest.mark.parametrize("name", NETWORKS)
@given(guidances(), st.integers(0, 50))
@settings(deadline=None, max_examples=80)
def test_phrases_vocabulary_and_prefix_do_to_every_sentence_what_they_say(name, guidance, seed):
    logits = random_logits(seed, 6)
    plain = decoder(name).decode(logits)
    expected = expected_totals(plain, guidance)
    if not expected:
        return
    answers = decoder(name).decode(logits, guidance=guidance)
    assert {answer.words: answer.total for answer in answers} == pytest.approx(expected, abs=1e-4)
    scores = {answer.words: answer for answer in plain}
    for answer in answers:
        assert answer.bonus == pytest.approx(earned(guidance.phrases, answer.words), abs=1e-4)
        assert answer.ngram == pytest.approx(scores[answer.words].ngram, abs=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("phrases", "said", "bonus"),
    [
        ({"a ab": 4.0}, "a ab", 4.0),
        ({"a ab": 4.0}, "a", 0.0),
        ({"a ab": 4.0}, "a cc", 0.0),
        ({"a ab cc": 6.0}, "a ab abc", 0.0),
        ({"a a ab": 6.0}, "a a a ab", 6.0),
        ({"a ab": 4.0, "ab cc": 2.0}, "a ab cc", 6.0),
        ({"a ab cc": 6.0, "ab": 1.0}, "a ab cc", 7.0),
        ({"a ab cc": 6.0, "ab": 1.0}, "a ab ab", 2.0),
        ({"a ab cc": 6.0, "a": 1.0, "ab cc": 3.0}, "a ab cc", 10.0),
        ({"a a": 2.0}, "a a a", 4.0),
        ({"a": -3.0}, "a ab", -3.0),
    ],
)
def test_complete_phrases_earn_their_bonus_and_broken_off_ones_leave_nothing(name, phrases, said, bonus):
    symbols = " SIL ".join(" ".join(LEXICON[word][-1]) for word in said.split())
    logits = emit(f"SIL {symbols} SIL")
    words = tuple(said.split())
    guided, plain = (
        next(answer for answer in decoder(name).decode(logits, guidance=guidance) if answer.words == words)
        for guidance in (Guidance(phrases), None)
    )
    assert guided.bonus == pytest.approx(bonus)
    assert guided.total == pytest.approx(plain.total + bonus, abs=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_favoured_word_wins_over_one_that_sounds_alike_where_it_is_worth_it(name):
    logits = emit("SIL A SIL", confidence=40)
    searching = decoder(name, DecoderOptions())
    first, second = searching.decode(logits)[:2]
    assert {first.text, second.text} == {"a", "eigh"}
    bonus = first.total - second.total + 0.1
    assert searching.decode(logits, guidance=Guidance({second.text: bonus}))[0].text == second.text
    assert searching.decode(logits, guidance=Guidance({second.text: bonus - 0.2}))[0].text == first.text


@pytest.mark.parametrize("name", NETWORKS)
def test_a_phrase_worth_more_than_the_beam_does_not_end_the_search(name):
    searching = decoder(name, DecoderOptions(beam=6, min_active=0))
    logits = emit("SIL A SIL A SIL", confidence=60)
    assert searching.decode(logits, guidance=Guidance({"eigh": 9.0}))[0].text == "eigh eigh"


@pytest.mark.parametrize("name", NETWORKS)
@given(st.lists(st.integers(0, 6), max_size=5), guidances())
@settings(deadline=None, max_examples=20)
def test_a_guided_stream_fed_in_any_chunks_gives_the_offline_sentences(name, chunks, guidance):
    searching = decoder(name, DecoderOptions(beam=8))
    logits = random_logits(0, sum(chunks))
    stream = searching.stream(guidance)
    for end, size in zip(itertools.accumulate(chunks), chunks, strict=True):
        stream.push(logits[end - size : end])
        stream.partial()
    assert stream.finish() == searching.decode(logits, guidance=guidance)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_utterance_may_have_other_guidance(name):
    one, other = Guidance({"ab cc": 3.0}), Guidance(vocabulary=frozenset({"eigh", "abc"}))
    utterances = [(random_logits(seed, 12), guidance) for seed, guidance in enumerate([one, None, other, one, other])]
    options = DecoderOptions(beam=9)
    searching = decoder(name, options)
    answers = [searching.decode(logits, guidance=guidance) for logits, guidance in utterances]
    assert answers == [decoder(name, options).decode(logits, guidance=guidance) for logits, guidance in utterances]
    streams = [searching.stream(guidance) for _, guidance in utterances]
    for frame in range(12):
        for stream, (logits, _) in zip(streams, utterances, strict=True):
            stream.push(logits[frame : frame + 1])
    assert [stream.finish() for stream in streams] == answers
    assert searching.decode(np.stack([logits for logits, _ in utterances]), [12] * 5, guidance=one)[0] == answers[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_one_guidance_serves_one_utterance_after_another(name):
    guidance = Guidance({"ab cc": 3.0, "a eigh": 2.0, "cc": 0.5})
    options = DecoderOptions(acoustic_scale=1, beam=4, min_active=0)
    searching = decoder(name, options)
    for seed in range(6):
        logits = random_logits(seed, 12)
        assert searching.decode(logits, guidance=guidance) == decoder(name, options).decode(logits, guidance=guidance)


def test_equal_guidance_is_one_guidance_however_it_is_written():
    one = Guidance({"a": 1.0, "ab cc": 2.0}, {"a", "ab", "cc"}, ["a"])
    other = Guidance({"ab cc": 2.0, "a": 1.0}, frozenset({"cc", "ab", "a"}), ("a",))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Guidance({"a": 1.0, "ab cc": 2.5}, {"a", "ab", "cc"}, ["a"])


def test_the_scores_of_a_partial_sentence_add_up_while_a_phrase_is_being_said():
    stream = decoder("tree").stream(Guidance({"ab cc": 6.0, "a": 1.0}))
    for frame in emit("SIL A B SIL BLANK C BLANK C SIL", confidence=40):
        stream.push(frame[None])
        partial = stream.partial()
        assert partial.ngram == pytest.approx(log_probability(TRIGRAM, partial.words, ends=False), abs=1e-4)
        parts = 0.4 * partial.acoustic + partial.ngram + partial.lexicon + partial.bonus
        assert partial.total == pytest.approx(parts, abs=1e-4)
    assert partial.text == "ab cc"
    assert partial.bonus == pytest.approx(6.0)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_prefix_longer_than_what_is_heard_leaves_no_whole_sentence(name):
    (first, *_) = decoder(name).decode(emit("A"), guidance=Guidance(prefix=("a", "ab")))
    assert first.words in {(), ("a",)}


@pytest.mark.parametrize("name", NETWORKS)
def test_an_empty_vocabulary_leaves_only_silence(name):
    (answer,) = decoder(name).decode(emit("A B SIL"), guidance=Guidance(vocabulary=frozenset()))
    assert answer.words == ()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("guidance", "complaint"),
    [
        (Guidance({"a zulu": 1.0}), "'zulu' in the phrase 'a zulu' is not a word of the lexicon"),
        (Guidance(vocabulary=frozenset({"a", "zulu"})), "'zulu' in the vocabulary is not a word"),
        (Guidance(prefix=("a", "zulu")), "'zulu' in the prefix is not a word"),
        (Guidance({"  ": 1.0}), "the phrase '  ' has no words"),
        (Guidance({"a": float("nan")}), "the phrase 'a' has the bonus nan"),
        (Guidance({"a": float("inf")}), "the phrase 'a' has the bonus inf"),
        (Guidance(prefix=("a",) * 5000), "too many words"),
    ],
)
def test_guidance_that_cannot_be_followed_is_refused_by_name(name, guidance, complaint):
    with pytest.raises(ConfigError, match=f"guidance: .*{complaint}"):
        decoder(name).decode(emit("A"), guidance=guidance)
