from __future__ import annotations

import pytest

from neurolect.data.seeg.mandarin import FINALS, INITIALS, mandarin_words
from neurolect.errors import DataError
from neurolect.training.syllable_labels import NO_SYLLABLE, SyllableTiming, syllable_labels


def test_a_token_belongs_to_the_syllable_in_which_its_middle_lies():
    labels = syllable_labels(["你好"], mandarin_words(), SyllableTiming(0.1, 0.2), 8, 0.1, epoch_start=-0.2)
    ni, hao = [INITIALS.index("n"), FINALS.index("i")], [INITIALS.index("h"), FINALS.index("ao")]
    nothing = [NO_SYLLABLE, NO_SYLLABLE]
    # Middles of tokens: -0.15, -0.05, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55; syllables from 0.1 to 0.3 and to 0.5.
    assert labels[0].tolist() == [nothing, nothing, nothing, ni, ni, hao, hao, nothing]


def test_words_that_cannot_be_labelled_are_named():
    with pytest.raises(DataError, match="does not say how 'hello' is spoken"):
        syllable_labels(["hello"], mandarin_words(), SyllableTiming(), 8, 0.1, -0.2)
    with pytest.raises(DataError, match=r"no token of a trial lies in a syllable of '你好'; change timing\.start"):
        syllable_labels(["你好"], mandarin_words(), SyllableTiming(start=3.0), 8, 0.1, -0.2)
