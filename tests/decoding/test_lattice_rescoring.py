from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle.arpa import log_probability, random_ngrams, stored
from small_graphs import GRID, graph_of
from small_search import ALPHABET, EVERYTHING, LEXICON, Case, cases, random_logits

from neurolect.decoding import Decoder, DecoderOptions, Guidance, LatticeRescoring, LexiconNetwork
from neurolect.decoding.rescoring import rescore_with_ngrams
from neurolect.errors import ConfigError

SMALL = random_ngrams(np.random.default_rng(1), list(LEXICON), order=2)
LARGE = random_ngrams(np.random.default_rng(2), list(LEXICON), order=4)


@st.composite
def other_ngrams(draw: st.DrawFn, case: Case):
    """A second model over some of the words of a case, of any order."""
    known = [word for word in case.lexicon if draw(st.integers(0, 5))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random_ngrams(rng, known, draw(st.sampled_from([4, 5, 3, 2, 1])), unknown=draw(st.booleans()))


@st.composite
def rescored_cases(draw: st.DrawFn):
    case = draw(cases())
    return case, draw(other_ngrams(case))


def rescoring(case, ngrams):
    return LatticeRescoring(stored(ngrams), absent_word_log10=case.absent_log10)


def with_rescoring(decoder, rescoring):
    return Decoder(decoder.network, decoder.options, decoder.alphabet, lattice_rescoring=rescoring)


@cache
def small_network():
    return LexiconNetwork(LEXICON, stored(SMALL), ALPHABET)


def small_decoder(options=EVERYTHING, ngrams=LARGE):
    return Decoder(small_network(), options, ALPHABET, lattice_rescoring=LatticeRescoring(stored(ngrams)))


@given(rescored_cases())
@settings(deadline=None, max_examples=80)
def test_every_sentence_has_the_scores_of_exhaustive_enumeration_under_the_other_model(drawn):
    case, ngrams = drawn
    expected = case.expected()
    assume(expected)
    answers = with_rescoring(case.decoder(), rescoring(case, ngrams)).decode(case.logits)
    assert len(answers) == len(expected)
    weight = case.scoring.language_model_weight
    for answer in answers:
        path = expected[answer.words]
        ngram = log_probability(ngrams, answer.words, case.absent_log10)
        assert answer.total == pytest.approx(path.total + weight * (ngram - path.ngram), abs=1e-3)
        assert answer.ngram == pytest.approx(ngram if weight > 0 else 0.0, abs=1e-3)
        assert (answer.acoustic, answer.lexicon) == pytest.approx((path.acoustic, path.lexicon), abs=1e-3)
        assert answer.bonus == pytest.approx(path.bonus, abs=1e-3)


@given(rescored_cases(), st.sampled_from([0.5, 3.0, 1e6]))
@settings(deadline=None, max_examples=80)
def test_a_sentence_has_the_total_that_rescoring_an_nbest_list_gives_it(drawn, lattice_beam):
    case, ngrams = drawn
    decoder = case.decoder()
    totals = {answer.words: answer for answer in decoder.decode(case.logits)}
    listed = rescore_with_ngrams(
        list(totals.values()), stored(ngrams), None, case.scoring.language_model_weight, case.absent_log10
    )
    narrow = DecoderOptions(**{**vars(decoder.options), "lattice_beam": lattice_beam})
    rescored = Decoder(decoder.network, narrow, case.alphabet, lattice_rescoring=rescoring(case, ngrams))
    answers = rescored.decode(case.logits)
    expected = {each.words: each for each in listed}
    for answer in answers:
        if answer.total > -math.inf:
            assert answer.total == pytest.approx(expected[answer.words].total, abs=1e-3)
    if lattice_beam == 1e6 and any(answer.total > -math.inf for answer in answers):
        assert len(answers) == len(listed)
        assert answers[0].total == pytest.approx(listed[0].total, abs=1e-3)


@pytest.mark.parametrize("name", ["LG", "TLG"])
@pytest.mark.parametrize("seed", range(4))
def test_in_a_graph_the_model_that_it_was_built_of_goes_out(name, seed):
    network, logits = graph_of(name, LEXICON, SMALL), random_logits(seed, 7)
    listed = rescore_with_ngrams(Decoder(network, EVERYTHING, ALPHABET).decode(logits), stored(LARGE), stored(SMALL))
    models = LatticeRescoring(stored(LARGE), stored(SMALL))
    answers = Decoder(network, EVERYTHING, ALPHABET, lattice_rescoring=models).decode(logits)
    totals = {answer.words: (answer.total, answer.ngram) for answer in answers}
    assert len(totals) == len(listed) > 20
    for each in listed:
        assert totals[each.words] == pytest.approx((each.total, each.ngram), abs=GRID)


def test_the_same_model_changes_nothing():
    logits = random_logits(3, 8)
    plain = Decoder(small_network(), EVERYTHING, ALPHABET).decode(logits)
    again = {answer.words: answer for answer in small_decoder(ngrams=SMALL).decode(logits)}
    assert len(again) == len(plain) > 100
    for one in plain:
        other = again[one.words]
        assert (other.total, other.ngram) == pytest.approx((one.total, one.ngram), abs=1e-4)
        assert other.times == one.times
        assert other.confidence == pytest.approx(one.confidence, abs=1e-4)


def test_a_sentence_below_the_nbest_list_can_win():
    options = DecoderOptions(**{**vars(EVERYTHING), "n_best": 1})
    logits = random_logits(1, 8)
    first = Decoder(small_network(), EVERYTHING, ALPHABET).decode(logits)
    (best,) = small_decoder(options).decode(logits)
    (of_list,) = rescore_with_ngrams(first[:1], stored(LARGE))
    assert best.total > of_list.total + 0.1
    assert best.words != first[0].words


def test_confidences_are_those_of_the_other_model():
    # 'a' and 'eigh' sound alike, so that between them the language models decide alone.
    rng = np.random.default_rng(0)
    before, after = (random_ngrams(rng, ["a", "eigh"], order=2) for _ in range(2))
    guidance = Guidance(vocabulary=frozenset({"a", "eigh"}))
    logits = np.full((3, len(ALPHABET)), -30.0, dtype=np.float32)
    logits[[0, 1, 2], [0, 1, 0]] = 30.0
    network = LexiconNetwork(LEXICON, stored(before), ALPHABET, silence_probability=0.0)
    decoder = Decoder(network, EVERYTHING, ALPHABET, lattice_rescoring=LatticeRescoring(stored(after)))
    answers = {answer.words: answer for answer in decoder.decode(logits, guidance=guidance)}
    odds = {word: math.exp(log_probability(after, (word,))) for word in ("a", "eigh")}
    for word in ("a", "eigh"):
        assert answers[word,].confidence[0] == pytest.approx(odds[word] / sum(odds.values()), abs=1e-3)


@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12))
@settings(deadline=None, max_examples=25)
def test_any_chunks_give_the_same_answer_and_partial_results_of_the_search_alone(seed, sizes):
    options = DecoderOptions(lattice_beam=4.0)
    decoder, plain = small_decoder(options), Decoder(small_network(), options, ALPHABET)
    logits = random_logits(seed, sum(sizes))
    stream, plain_stream = decoder.stream(), plain.stream()
    for chunk in np.split(logits, np.cumsum(sizes)[:-1]):
        stream.push(chunk)
        plain_stream.push(chunk)
        assert stream.partial() == plain_stream.partial()
    assert stream.finish() == decoder.decode(logits)


def test_phrases_and_a_prefix_count_as_before():
    guidance = Guidance(phrases={"ab cc": 2.0, "eigh": -1.0}, prefix=("ab",))
    logits = random_logits(5, 8)
    first = Decoder(small_network(), EVERYTHING, ALPHABET).decode(logits, guidance=guidance)
    listed = {each.words: each for each in rescore_with_ngrams(first, stored(LARGE))}
    answers = small_decoder().decode(logits, guidance=guidance)
    assert len(answers) == len(listed) > 5
    for answer in answers:
        assert answer.words[0] == "ab"
        assert answer.total == pytest.approx(listed[answer.words].total, abs=1e-3)
        assert answer.bonus == pytest.approx(listed[answer.words].bonus, abs=1e-3)


def test_after_a_search_without_ngrams_the_model_has_its_full_say():
    case = Case(random_logits(2, 4))
    answers = with_rescoring(case.decoder(), LatticeRescoring(stored(LARGE))).decode(case.logits)
    expected = case.expected()
    assert len(answers) == len(expected)
    for answer in answers:
        ngram = log_probability(LARGE, answer.words)
        assert answer.ngram == pytest.approx(ngram, abs=1e-3)
        assert answer.total == pytest.approx(expected[answer.words].total + ngram, abs=1e-3)


def test_threads_and_one_utterance_after_another_give_the_same_answers():
    decoder = small_decoder(DecoderOptions(lattice_beam=6.0))
    utterances = [random_logits(seed, 40) for seed in range(8)]
    one_by_one = [decoder.decode(logits) for logits in utterances]
    assert [decoder.decode(logits) for logits in reversed(utterances)] == one_by_one[::-1]
    decoder.threads = 2
    assert list(decoder.decode_each(utterances)) == one_by_one


def test_no_frames_are_the_empty_sentence():
    (answer,) = small_decoder().decode(np.zeros((0, len(ALPHABET))))
    assert answer.words == ()
    assert answer.ngram == pytest.approx(log_probability(LARGE, ()), abs=1e-4)


def test_a_decoder_keeps_the_models_that_it_was_made_with():
    models = LatticeRescoring(stored(LARGE))
    decoder = Decoder(small_network(), alphabet=ALPHABET, lattice_rescoring=models)
    assert decoder.lattice_rescoring is models
    with pytest.raises(AttributeError):
        decoder.lattice_rescoring = None


def test_the_model_that_is_replaced_is_named_for_graphs_alone():
    with pytest.raises(ConfigError, match="leave out lattice_graph_lm"):
        Decoder(small_network(), alphabet=ALPHABET, lattice_rescoring=LatticeRescoring(stored(LARGE), stored(SMALL)))
    with pytest.raises(ConfigError, match="name the model it was built of as lattice_graph_lm"):
        Decoder(graph_of("LG", LEXICON, SMALL), alphabet=ALPHABET, lattice_rescoring=LatticeRescoring(stored(LARGE)))
    with pytest.raises(ConfigError, match="absent_word_log10 is 1"):
        LatticeRescoring(stored(LARGE), absent_word_log10=1.0)
