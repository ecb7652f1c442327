from __future__ import annotations

import math

import pytest

from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import CHARACTERS, PHONEMES, PINYIN
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
        (b"\xff\xfe\x00", "cannot read the lexicon: not UTF-8 text"),
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


def test_probabilities_of_variants_become_logarithms_and_follow_the_words():
    lexicon = Lexicon(
        {"the": (("DH", "AH"), ("DH", "IY")), "cat": (("K", "AE", "T"),)}, probabilities={"the": (1.0, 0.25)}
    )
    assert lexicon.log_probabilities("the") == (0.0, math.log(0.25))
    assert lexicon.log_probabilities("cat") == (0.0,)
    assert lexicon.only(["the"]).log_probabilities("the") == (0.0, math.log(0.25))
    longer = lexicon.with_words(Lexicon({"cat": (("K", "AA", "T"),)}, {"cat": (0.5,)}))
    assert longer.log_probabilities("the") == (0.0, math.log(0.25))
    assert longer.log_probabilities("cat") == (math.log(0.5),)
    assert longer.with_words({"the": (("DH", "IY"),)}).log_probabilities("the") == (0.0,)


@pytest.mark.parametrize(
    ("probabilities", "complaint"),
    [
        ({"the": (0.5,)}, "'the' has 2 pronunciations and 1 probabilities"),
        ({"dog": (0.5,)}, "'dog' has 0 pronunciations and 1 probabilities"),
        ({"the": (0.5, 0.0)}, "each must be above 0"),
        ({"the": (0.5, 1.5)}, "each must be above 0"),
    ],
)
def test_probabilities_that_do_not_fit_the_variants_are_refused(probabilities, complaint):
    with pytest.raises(ConfigError, match=complaint):
        Lexicon({"the": (("DH", "AH"), ("DH", "IY"))}, probabilities)


def test_kaldi_lexicons_with_probabilities_are_read_likeliest_first(tmp_path):
    path = tmp_path / "lexiconp.txt"
    path.write_text("READ 0.4 R EH1 D\nread 1.0 R IY1 D\nread .3 R EH0 D\nhi\t5e-1\tHH AY0\n")
    lexicon = Lexicon.read(path)
    assert lexicon["read"] == (("R", "IY", "D"), ("R", "EH", "D"))
    assert lexicon.log_probabilities("read") == (0.0, math.log(0.4))
    assert lexicon.log_probabilities("hi") == (math.log(0.5),)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("hi 0.5 HH AY\nhello HH AH L OW\n", "line 2: 'hello': some lines have a probability and others have none"),
        ("hi HH AY\nhello 0.5 HH AH L OW\n", "line 2: 'hello': some lines have a probability and others have none"),
        ("hi 0 HH AY\n", "line 1: 'hi' has the probability 0, it must be above 0"),
        ("hi -0.5 HH AY\n", "line 1: 'hi' has the probability -0.5"),
        ("hi 1.2 HH AY\n", "line 1: 'hi' has the probability 1.2"),
        ("hi 0.5\n", "line 1: 'hi' has no phonemes"),
        ("hi 0.5 0.5 HH\n", r"line 1: '0\.' is not an ARPAbet phoneme"),
    ],
)
def test_faulty_probabilities_are_refused_with_their_line(tmp_path, content, complaint):
    path = tmp_path / "lexiconp.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=complaint):
        Lexicon.read(path)


def test_preferred_keeps_the_first_pronunciation_of_every_word(english):
    preferred = english.preferred()
    assert list(preferred) == list(english)
    assert set(map(len, preferred.values())) == {1}
    assert preferred["the"] == (("DH", "AH"),)
    rare = Lexicon({"the": (("DH", "AH"), ("DH", "IY"))}, {"the": (0.8, 0.2)})
    assert rare.preferred().log_probabilities("the") == (0.0,)


def test_only_keeps_the_words_asked_for_and_names_the_first_that_is_missing(english):
    few = english.only(["Water", "the", "water"])
    assert dict(few) == {"water": english["water"], "the": english["the"]}
    with pytest.raises(ConfigError, match="'zzyzxian' is not in the lexicon"):
        english.only(["water", "zzyzxian", "qqq"])


def test_words_can_be_spelled_in_the_letters_of_an_alphabet():
    spelled = Lexicon.spelled(["Don't", "go", "go"])
    assert dict(spelled) == {"don't": (("d", "o", "n", "'", "t"),), "go": (("g", "o"),)}
    CHARACTERS.encode(spelled["don't"][0])
    with pytest.raises(ConfigError, match="'anne-marie' cannot be spelled: '-' is not one of the symbols"):
        Lexicon.spelled(["go", "anne-marie"])
    assert Lexicon.spelled(["anne-marie"], symbols={*"abcdefghijklmnopqrstuvwxyz-"})
    with pytest.raises(ConfigError, match="'a b' cannot be spelled"):
        Lexicon.spelled(["a b"])
    with pytest.raises(ConfigError, match="'' has an empty pronunciation"):
        Lexicon.spelled([""])


def test_the_sound_of_a_possessive_is_not_put_after_letters():
    with pytest.raises(ConfigError, match="'cat's' is not in the lexicon"):
        Lexicon.spelled(["cat"]).pronounce("cat's")


def test_pinyin_is_read_without_tones_and_without_blank_or_silence(tmp_path):
    path = tmp_path / "pinyin.txt"
    path.write_text("你好 n i3 h ao3\n中 zh ong1\n", encoding="utf-8")
    lexicon = Lexicon.read(path, symbols=PINYIN)
    assert dict(lexicon) == {"你好": (("n", "i", "h", "ao"),), "中": (("zh", "ong"),)}
    PINYIN.encode(lexicon["你好"][0])
    path.write_text("好 h SIL\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1: 'SIL' is not one of the 45 symbols expected"):
        Lexicon.read(path, symbols=PINYIN)


def test_words_alone_on_their_line_are_left_to_a_guess(tmp_path):
    path = tmp_path / "names.dict"
    path.write_text("Bo\nAl AE L\n")
    lexicon = Lexicon.read(path, guess=lambda word: (tuple(word.upper()), ("B", "OW")))
    assert dict(lexicon) == {"bo": (("B", "O"), ("B", "OW")), "al": (("AE", "L"),)}
    path.write_text("al 0.5 AE L\nbo\n")
    lexicon = Lexicon.read(path, guess=lambda word: (("B", "OW"),))
    assert lexicon.log_probabilities("bo") == (0.0,)
    assert lexicon.log_probabilities("al") == (math.log(0.5),)


def test_guesses_do_not_replace_listed_words():
    lexicon = Lexicon({"the": (("DH", "AH"), ("DH", "IY"))}, {"the": (0.8, 0.2)})
    more = lexicon.with_guessed(["The", "Bo"], guess=lambda word: (("B", "OW"),))
    assert dict(more) == {**lexicon, "bo": (("B", "OW"),)}
    assert more.log_probabilities("the") == (math.log(0.8), math.log(0.2))
