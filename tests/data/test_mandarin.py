from pathlib import Path

import numpy as np
import pytest

from neurolect.data.articulation import N_FEATURES
from neurolect.data.seeg.mandarin import FINALS, INITIALS, NEUTRAL_TONE, Syllable, mandarin_words, read_mandarin_words
from neurolect.data.seeg.mandarin_articulation import N_POSITIONS, gestures
from neurolect.errors import DataError

HEADER = "word,initials,finals,tones\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "words.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_61_different_words_come_with_the_package():
    words = mandarin_words()
    assert len(words) == len({word.word for word in words}) == len({word.syllables for word in words}) == 61
    assert all(len(word.syllables) == len(word.word) for word in words)


def test_there_are_22_initials_and_36_finals():
    assert (len(set(INITIALS)), len(set(FINALS))) == (22, 36)


def test_the_words_are_spelled_as_pypinyin_spells_them():
    pypinyin = pytest.importorskip("pypinyin")
    for word in mandarin_words():
        initials = pypinyin.lazy_pinyin(word.word, pypinyin.Style.INITIALS, strict=True)
        finals = pypinyin.lazy_pinyin(word.word, pypinyin.Style.FINALS_TONE3, strict=True, neutral_tone_with_five=True)
        assert [syllable.initial for syllable in word.syllables] == initials, word.word
        assert [syllable.final for syllable in word.syllables] == [final[:-1] for final in finals], word.word
        # The second syllable of some words is neutral in speech, which pypinyin does not know of all.
        tones = [(syllable.tone, int(final[-1])) for syllable, final in zip(word.syllables, finals, strict=True)]
        assert all(ours in (theirs, NEUTRAL_TONE) for ours, theirs in tones), word.word


def test_every_initial_and_final_has_targets_and_the_tone_moves_pitch():
    for initial in INITIALS:
        for final in FINALS:
            phonemes = gestures([Syllable(initial, final, 4)])
            assert all(phoneme.targets.shape[1] == N_POSITIONS for phoneme in phonemes)
            assert all(phoneme.seconds > 0 for phoneme in phonemes)
    rising, falling = (
        [phoneme.targets[0, N_FEATURES] for phoneme in gestures([Syllable("m", "iao", tone)])] for tone in (2, 4)
    )
    assert np.all(np.diff(rising) > 0)
    assert np.all(np.diff(falling) < 0)


@pytest.mark.parametrize(
    ("first", "second"), [("j", "zh"), ("q", "ch"), ("x", "sh"), ("z", "j"), ("b", "p"), ("d", "t")]
)
def test_initials_that_are_told_apart_by_ear_differ_in_their_targets(first, second):
    one, other = (
        np.concatenate([phoneme.targets for phoneme in gestures([Syllable(initial, "ang", 1)])])
        for initial in (first, second)
    )
    assert one.shape != other.shape or (one != other).any()


def test_a_list_of_ones_own_is_read_with_further_columns_ignored(tmp_path):
    path = written(
        tmp_path, "meaning,word,initials,finals,tones\nten,十,sh,i,2\ngo home,回家,h j,uei ia,2 1\nI,我,-,uo,3\n"
    )
    words = read_mandarin_words(path)
    assert [word.word for word in words] == ["十", "回家", "我"]
    assert words[1].syllables == (Syllable("h", "uei", 2), Syllable("j", "ia", 1))
    assert words[2].syllables == (Syllable("", "uo", 3),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("word,initials,finals\n好,h,ao\n", "no column 'tones'"),
        (HEADER + "好,h,ao,3\n你好,n h,i ao,3\n", "line 3: '你好' has 2 initials, 2 finals and 1 tones"),
        (HEADER + "好,h,ao,3\n云,y,vn,2\n", "line 3: 'y' is not an initial"),
        (HEADER + "水,sh,ui,3\n", "line 2: 'ui' is not a final"),
        (HEADER + "好,h,ao,6\n", "line 2: '6' is not a tone"),
        (HEADER + ",h,ao,3\n", "line 2: there is no word"),
        (HEADER + "好,h,ao,3\n好,h,ao,4\n", "line 3: '好' occurs twice"),
        (HEADER + "好\n", "line 2: '好' has 0 initials"),
        (HEADER + 200_000 * "好" + ",h,ao,3\n", "not a table: field larger"),
        (HEADER, "no words"),
        ("", "no column 'word'"),
    ],
)
def test_a_list_that_is_not_understood_is_refused_by_line(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=said) as refusal:
        read_mandarin_words(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
