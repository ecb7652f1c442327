from __future__ import annotations

import pytest

from neurolect.errors import ConfigError, DataError
from neurolect.text.error_rates import count_errors
from neurolect.text.grapheme_to_phoneme import GraphemeToPhoneme, listed_or_guessed
from neurolect.text.lexicon import Lexicon


@pytest.fixture(scope="module")
def english() -> Lexicon:
    return Lexicon.english()


@pytest.fixture(scope="module")
def taught(english) -> Lexicon:
    """An eighth of the dictionary."""
    return english.only(word for word in list(english)[::8] if word.isalpha())


@pytest.fixture(scope="module")
def model(taught) -> GraphemeToPhoneme:
    return GraphemeToPhoneme.train(taught)


def test_words_never_seen_are_mostly_pronounced_right(model, english, taught):
    unseen = [word for word in english if word.isalpha() and word not in taught][::500]
    errors = count_errors((english[word][0] for word in unseen), (model.pronounce(word) for word in unseen))
    assert len(unseen) > 200
    assert errors.errors.sum() / errors.lengths.sum() < 0.15
    assert (errors.errors == 0).mean() > 0.5


def test_names_can_be_added_to_the_lexicon(model, taught):
    more = taught.with_guessed(["Tandrick", "phix"], lambda word: (model.pronounce(word),))
    assert more.pronounce("tandrick") == tuple("T AE N D R IH K".split())
    assert more.pronounce("phix") == tuple("F IH K S".split())


def test_the_n_best_are_distinct_and_sorted_and_the_first_is_the_answer(model):
    guesses = model.n_best("Readable", 5)
    shares = [share for _, share in guesses]
    assert len({pronunciation for pronunciation, _ in guesses}) == 5
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] > 0
    assert sum(shares) <= 1
    assert model.pronounce("readable") == guesses[0][0]


def test_training_twice_gives_the_same_guesses(taught, model):
    again = GraphemeToPhoneme.train(taught)
    assert again.n_best("brainwaves", 10) == model.n_best("brainwaves", 10)


@pytest.mark.parametrize(
    ("word", "complaint"),
    [("café", "'café' cannot be pronounced: the lexicon has no word with 'é'"), ("", "'' cannot be pronounced")],
)
def test_words_that_cannot_be_pronounced_are_named(model, word, complaint):
    with pytest.raises(ConfigError, match=complaint):
        model.pronounce(word)


def test_a_word_of_silent_letters_is_refused():
    silent = GraphemeToPhoneme.train(Lexicon({"ab": (("A",),), "cb": (("C",),), "a": (("A",),)}), order=2)
    assert silent.pronounce("acb") == ("A", "C")
    with pytest.raises(ConfigError, match="'b' cannot be pronounced: its letters are silent"):
        silent.pronounce("b")


def test_other_alphabets_are_learnt_as_well():
    pinyin = Lexicon({"你好": (("n", "i", "h", "ao"),), "你": (("n", "i"),), "中": (("zh", "ong"),)})
    assert GraphemeToPhoneme.train(pinyin).pronounce("好中你") == tuple("h ao zh ong n i".split())


@pytest.mark.parametrize(
    ("lexicon", "order", "complaint"),
    [
        (Lexicon({}), 8, "no word to learn from"),
        (Lexicon({"w": (tuple("D AH B AH L Y UW".split()),)}), 8, "no word to learn from"),
        (Lexicon({"go": (("G", "OW"),)}), 0, "order is 0"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(lexicon, order, complaint):
    with pytest.raises(ConfigError, match=complaint):
        GraphemeToPhoneme.train(lexicon, order)


def test_listed_words_and_their_parts_come_before_guesses(taught):
    listed = max(taught, key=lambda word: len(taught[word]))
    pronounce = listed_or_guessed(taught)
    assert pronounce(listed.upper()) == taught[listed]
    assert pronounce(f"{listed}-{listed}") == (2 * taught[listed][0],)
    assert pronounce("tandrick") == (tuple("T AE N D R IH K".split()),)


def test_a_file_of_names_is_read_and_a_name_that_cannot_be_guessed_is_found_in_it(taught, tmp_path):
    path = tmp_path / "names.dict"
    path.write_text("tandrick\nPhix F AY K S\n")
    names = Lexicon.read(path, guess=listed_or_guessed(taught))
    assert dict(names) == {
        "tandrick": (tuple("T AE N D R IH K".split()),),
        "phix": (tuple("F AY K S".split()),),
    }
    path.write_text("Phix F AY K S\nr2d2\n")
    with pytest.raises(DataError, match=r"names\.dict: line 2: 'r2d2' cannot be pronounced: .* with '2'"):
        Lexicon.read(path, guess=listed_or_guessed(taught))
