from __future__ import annotations

import pytest

from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon


@pytest.fixture(scope="module")
def english() -> Lexicon:
    return Lexicon.english()


def test_the_english_dictionary_is_whole(english):
    assert len(english) == 126_052
    assert sum(map(len, english.values())) == 134_860
    assert english["the"] == (("DH", "AH"), ("DH", "IY"))


def test_silence_follows_every_word_including_the_last(english):
    assert english.phonemes("Come in!") == "K AH M SIL IH N SIL".split()
    assert english.phonemes("") == ["SIL"]
    PHONEMES.encode(english.phonemes("How does it keep the cost down?"))


def test_unlisted_words_are_taken_apart(english):
    assert english.pronounce("cat-dog") == (*english.pronounce("cat"), *english.pronounce("dog"))
    small = Lexicon({"bus": (("B", "AH", "S"),), "cup": (("K", "AH", "P"),), "bee": (("B", "IY"),)})
    assert small.pronounce("bus's") == ("B", "AH", "S", "IH", "Z")
    assert small.pronounce("cup's") == ("K", "AH", "P", "S")
    assert small.pronounce("bee's") == ("B", "IY", "Z")


def test_sentences_as_people_type_them_are_spelt_right(english):
    for typed, plain in (
        ("I\u2019ll wait", "I'll wait"),
        ("we\u2019re here'", "we're here"),
        ("Well - come in", "well come in"),
        ("the cats' toys", "the cats toys"),
    ):
        assert english.phonemes(typed) == english.phonemes(plain)
    with pytest.raises(ConfigError, match="'5' has no pronunciation: write numbers as words"):
        english.phonemes("I have 5 cats")


def test_an_unknown_word_is_named(english):
    with pytest.raises(ConfigError, match="'zzyzxian' is not in the lexicon"):
        english.phonemes("the zzyzxian road")


def test_added_words_come_first(english):
    more = english.with_words({"neurolect": (("N", "UH", "R", "AH", "L", "EH", "K", "T"),), "the": (("DH", "IY"),)})
    assert more.pronounce("neurolect")[-1] == "T"
    assert more["the"] == (("DH", "IY"),)
    assert len(more) == len(english) + 1


def test_stress_comments_variants_and_repeated_lines_are_read(tmp_path):
    path = tmp_path / "words.dict"
    path.write_text(";;; comment\nREAD R IY1 D\nREAD(2) R EH1 D\nread R EH D\n\nhi HH AY0\n")
    assert dict(Lexicon.read(path)) == {"read": (("R", "IY", "D"), ("R", "EH", "D")), "hi": (("HH", "AY"),)}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"hello HH AH\nbad QX\n", "line 2: 'QX' is not an ARPAbet phoneme"),
        (b"hello\n", "line 1: 'hello' has no phonemes"),
        (b"", "holds no words"),
        (b"\xff\xfe\x00", "not a UTF-8 text file"),
    ],
)
def test_faulty_files_are_refused_with_file_and_line(tmp_path, content, complaint):
    path = tmp_path / "words.dict"
    path.write_bytes(content)
    with pytest.raises(DataError, match=complaint) as raised:
        Lexicon.read(path)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.dict"):
        Lexicon.read(tmp_path / "nowhere.dict")
