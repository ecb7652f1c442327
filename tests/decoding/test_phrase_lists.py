from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from oracle.arpa import random_ngrams
from small_graphs import NETWORKS, decoder_of
from small_search import EVERYTHING, emit, random_logits

from neurolect.decoding import DecoderOptions, Guidance
from neurolect.errors import ConfigError
from neurolect.text.lexicon import Lexicon

LEXICON = Lexicon(
    {
        "a": (("A",),),
        "eigh": (("A",),),
        "bee": (("B",),),
        "be": (("B",),),
        "cab": (("C", "A", "B"),),
        **{f"name{n}": (("B", "A", *"AABB"[: n % 5], *"CA"[: n // 10 + 1]),) for n in range(20)},
    }
)
SAID = ["a", "eigh", "bee", "be", "cab"]
NGRAMS = random_ngrams(np.random.default_rng(2), list(LEXICON), order=2)
SHARP = DecoderOptions(acoustic_scale=1.0)
SCORES = ("acoustic", "ngram", "lexicon", "bonus", "total")


@cache
def searching(name, options=SHARP):
    return decoder_of(name, LEXICON, NGRAMS, options)


def scores(answer):
    return [getattr(answer, name) for name in SCORES]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("bonus", [3.0, 12.0, -4.0])
@pytest.mark.parametrize(("first", "is_said"), [("cab", True), ("be", True), ("bee", False), ("name3", False)])
def test_twenty_phrases_that_begin_alike_and_are_never_said_change_nothing(name, bonus, first, is_said):
    decoder = searching(name)
    logits = emit("SIL C A B SIL A SIL B SIL", confidence=9) + random_logits(0, 9, spread=0.3)
    guidance = Guidance({f"{first} name{n} name{19 - n}": bonus for n in range(20)})
    plain, guided = decoder.decode(logits)[0], decoder.decode(logits, guidance=guidance)[0]
    assert plain.text == "cab eigh be"
    assert (first in plain.words) == is_said
    assert guided.words == plain.words
    assert guided.times == plain.times
    assert scores(guided) == pytest.approx(scores(plain), abs=1e-4)
    assert guided.bonus == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_phrases_never_said_leave_every_sentence_and_its_place_in_the_list(name):
    decoder = searching(name, EVERYTHING)
    guidance = Guidance({f"a name{n}": 8.0 for n in range(20)})
    for seed in range(3):
        logits = random_logits(seed, 4)
        plain = decoder.decode(logits)
        guided = {each.words: each for each in decoder.decode(logits, guidance=guidance)}
        assert guided.keys() == {each.words for each in plain}
        unspoken = [each for each in plain if not any(word.startswith("name") for word in each.words)]
        assert len(unspoken) > 10
        for each in unspoken:
            assert scores(guided[each.words]) == pytest.approx(scores(each), abs=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_phrase_of_several_words_wins_where_it_would_lose(name):
    decoder = searching(name)
    logits = emit("SIL A SIL B SIL C A B SIL", confidence=20)
    plain = decoder.decode(logits)
    loser = next(each for each in plain[1:] if len(each.words) == 3 and each.words[2] == "cab")
    gap = plain[0].total - loser.total
    others = {f"{loser.words[0]} name{n}": 9.0 for n in range(20)}
    enough, too_little = (
        decoder.decode(logits, guidance=Guidance({**others, loser.text: gap + change})) for change in (0.05, -0.05)
    )
    assert enough[0].words == loser.words
    assert too_little[0].words == plain[0].words
    assert enough[0].bonus == pytest.approx(gap + 0.05, abs=1e-4)
    assert enough[0].total == pytest.approx(plain[0].total + 0.05, abs=1e-3)
    assert scores(enough[0])[:3] == pytest.approx(scores(loser)[:3], abs=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_phrase_that_the_beam_would_drop_is_kept_by_what_it_earns(name):
    unlikely = {**NGRAMS, ("eigh",): (-6.0, 0.0)}
    unlikely = {words: value for words, value in unlikely.items() if words == ("eigh",) or "eigh" not in words}
    decoder = decoder_of(name, LEXICON, unlikely, DecoderOptions(acoustic_scale=1.0, beam=8.0, min_active=0))
    logits = emit("SIL A SIL A SIL", confidence=30)
    assert all("eigh" not in each.words for each in decoder.decode(logits))
    answer = decoder.decode(logits, guidance=Guidance({"eigh eigh": 40.0}))[0]
    assert (answer.text, answer.bonus) == ("eigh eigh", pytest.approx(40.0))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_list_with_one_word_outside_the_lexicon_is_refused_before_any_frame(name):
    phrases = {**{f"a name{n}": 2.0 for n in range(20)}, "a zulu": 2.0}
    with pytest.raises(ConfigError, match="guidance: 'zulu' in the phrase 'a zulu' is not a word of the lexicon"):
        searching(name).stream(Guidance(phrases))
