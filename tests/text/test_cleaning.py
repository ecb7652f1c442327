from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.text.cleaning import clean_sentences
from neurolect.text.numbers import cardinal, ordinal, year
from neurolect.text.sentence_splitting import split_sentences


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\"It's 5:30,\" the boys' friend said.", "it's five thirty the boys' friend said"),
        ("rock 'n' roll, x marks the spot", "rock 'n' roll x marks the spot"),
        ("‘Tell ’em,’ said Mr. O’Neil.", "tell 'em said mister o'neil"),
        ("See https://a.com or www.b.org/c?d=1, mail me@x.org, @you!", "see or mail"),
        ("The café on the well-known 21st and/or 3rd", "the cafe on the well known twenty first and or third"),
        (
            "$5.50, $1, £3 million & 3.5%",
            "five dollars and fifty cents one dollar three million pounds and three point five percent",
        ),
        (
            "In 1984, 1905, 2005, 1,234 and the 90s",
            "in nineteen eighty four nineteen oh five two thousand five one "
            "thousand two hundred thirty four and the nineties",
        ),
        ("agent 007 at 10:00", "agent zero zero seven at ten o'clock"),
        ("<b>Well</b> [laughs] *sighs* yes", "well yes"),
        ("the U.S.A. is big", "the usa is big"),
        ("１２ ＡＢ", "twelve ab"),
        (
            "12345678901234567890 is long",
            "one two three four five six seven eight nine zero one two three four five six "
            "seven eight nine zero is long",
        ),
        ("at 25:99 or 7:5", "at twenty five ninety nine or seven five"),
    ],
)
def test_text_becomes_what_one_would_say(text, said):
    assert clean_sentences(text) == [said]


def test_a_sentence_in_another_script_is_left_out_and_its_neighbours_stay():
    assert clean_sentences("Hello there. Привет мир! Good bye.") == ["hello there", "good bye"]


@given(st.text(max_size=80))
def test_whatever_the_text_words_are_letters_and_apostrophes(text):
    for sentence in clean_sentences(text):
        assert re.fullmatch(r"[a-z']*[a-z][a-z']*( [a-z']*[a-z][a-z']*)*", sentence)


@given(st.text(alphabet="abcs' .,5$%:-?IM", max_size=60))
def test_what_is_clean_stays_as_it_is(text):
    for sentence in clean_sentences(text):
        assert clean_sentences(sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Mr. Smith met Dr. J. K. Jones. They spoke.", ["Mr. Smith met Dr. J. K. Jones.", "They spoke."]),
        ("He said: “Go.” She went.", ["He said: “Go.”", "She went."]),
        ("It cost 3.50 at a.m. prices", ["It cost 3.50 at a.m. prices"]),
        ("So did I. Then we left...  5 of us", ["So did I.", "Then we left...", "5 of us"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "zero"), (13, "thirteen"), (40, "forty"), (100, "one hundred"), (1001, "one thousand one"),
     (2_000_045, "two million forty five"), (10**15 - 1, "nine hundred ninety nine trillion nine hundred ninety nine "
      "billion nine hundred ninety nine million nine hundred ninety nine thousand nine hundred ninety nine")],
)  # fmt: skip
def test_cardinals(number, words):
    assert cardinal(number) == words


def test_ordinals_and_years():
    assert [ordinal(n) for n in (1, 12, 20, 23, 100)] == [
        "first", "twelfth", "twentieth", "twenty third", "one hundredth"]  # fmt: skip
    assert [year(n) for n in (1100, 1900, 1907, 2000, 2010)] == [
        "eleven hundred", "nineteen hundred", "nineteen oh seven", "two thousand", "twenty ten"]  # fmt: skip
