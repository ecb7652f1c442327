from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.errors import ConfigError
from neurolect.text.alphabet import (
    ARPABET,
    CHARACTERS,
    PHONEMES,
    PHONEMES_LANGUAGE_MODEL_ORDER,
    PINYIN,
    Alphabet,
    diphones,
)


def test_the_41_classes_stand_where_the_recordings_put_them():
    assert len(PHONEMES) == 41
    assert (PHONEMES.symbols[0], PHONEMES.symbols[1], PHONEMES.symbols[39], PHONEMES.symbols[40]) == (
        "BLANK",
        "AA",
        "ZH",
        "SIL",
    )
    assert PHONEMES.silence == 40
    assert len(ARPABET) == 39
    assert list(ARPABET) == sorted(ARPABET)


def test_logits_reach_language_model_order_by_columns_0_40_1_to_39():
    columns = PHONEMES.columns_of(PHONEMES_LANGUAGE_MODEL_ORDER)
    assert columns.tolist() == [0, 40, *range(1, 40)]
    logits = np.random.default_rng(0).normal(size=(3, 41))
    there = PHONEMES.reorder(logits, PHONEMES_LANGUAGE_MODEL_ORDER)
    assert np.array_equal(there[:, 1], logits[:, 40])
    assert np.array_equal(PHONEMES_LANGUAGE_MODEL_ORDER.reorder(there, PHONEMES), logits)


@pytest.mark.parametrize("alphabet", [PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER, CHARACTERS, PINYIN, diphones()])
def test_symbols_and_classes_translate_both_ways(alphabet):
    assert alphabet.encode(alphabet.symbols) == list(range(len(alphabet)))
    assert alphabet.decode(range(len(alphabet))) == list(alphabet.symbols)


def test_other_alphabets_are_just_other_instances():
    assert CHARACTERS.symbols[CHARACTERS.silence] == " "
    assert PINYIN.symbols[PINYIN.silence] == "SIL"
    assert len(PINYIN) == 1 + 21 + 24 + 1
    assert len(diphones()) == 1 + 40 * 40
    assert "SIL-AA" in diphones().symbols


def test_collapse_merges_runs_before_it_drops_blanks():
    # The reference's evaluation script drops blanks first and so loses the doubled 5.
    assert PHONEMES.collapse([0, 5, 5, 0, 5, 3, 0]) == [5, 5, 3]
    assert PHONEMES.collapse([]) == []
    assert PHONEMES.collapse([0, 0]) == []


@given(st.lists(st.integers(0, 5), max_size=30))
def test_collapse_equals_the_definition(classes):
    expected = [c for i, c in enumerate(classes) if c != 0 and (i == 0 or classes[i - 1] != c)]
    assert PHONEMES.collapse(classes) == expected


def test_faulty_alphabets_are_refused():
    with pytest.raises(ConfigError, match="occur twice: A"):
        Alphabet(("BLANK", "A", "A"))
    with pytest.raises(ConfigError, match="silence index 3"):
        Alphabet(("BLANK", "A"), silence=3)
    with pytest.raises(ConfigError, match="same class"):
        Alphabet(("BLANK", "A"), silence=0)
    with pytest.raises(ConfigError, match="'QQ'"):
        PHONEMES.encode(["QQ"])
    with pytest.raises(ConfigError, match="differ in"):
        PHONEMES.columns_of(CHARACTERS)
