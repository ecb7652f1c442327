import numpy as np
import pytest

from neurolect.data.articulation import articulatory_features, articulatory_targets
from neurolect.errors import ConfigError
from neurolect.text.alphabet import ARPABET

MOVING = {"AW", "AY", "EY", "OW", "OY", "CH", "JH"}


def features_of(phoneme: str, target: int = 0) -> dict[str, float]:
    return dict(zip(articulatory_features(), articulatory_targets(phoneme)[target], strict=True))


@pytest.mark.parametrize("phoneme", ARPABET)
def test_diphthongs_and_affricates_move_between_two_targets_and_all_else_has_one(phoneme):
    targets = articulatory_targets(phoneme)
    assert targets.shape == (2 if phoneme in MOVING else 1, 24)
    assert np.isin(targets, (-1, 0, 1)).all()


def test_no_two_phonemes_have_the_same_targets():
    assert len({articulatory_targets(phoneme).tobytes() for phoneme in ARPABET}) == len(ARPABET)


def test_every_feature_tells_some_phonemes_apart():
    everything = np.concatenate([articulatory_targets(phoneme) for phoneme in ARPABET])
    assert (everything.min(axis=0) < everything.max(axis=0)).all()


def test_silence_is_the_rest_position():
    assert np.array_equal(articulatory_targets("SIL"), np.zeros((1, 24)))


def test_a_symbol_outside_arpabet_is_refused_by_name():
    with pytest.raises(ConfigError, match="'XX'"):
        articulatory_targets("XX")


@pytest.mark.parametrize(
    ("first", "second", "differs_in"),
    [
        ("S", "Z", {"voiced"}),
        ("F", "V", {"voiced"}),
        ("P", "B", {"voiced", "spread_glottis"}),
        ("IY", "IH", {"tense"}),
        ("UW", "IY", {"back", "round", "labial", "vowel_frontness"}),
        ("D", "N", {"sonorant", "nasal"}),
    ],
)
def test_neighbouring_phonemes_differ_in_what_phonetics_says(first, second, differs_in):
    one, other = features_of(first), features_of(second)
    assert {name for name in one if one[name] != other[name]} == differs_in


@pytest.mark.parametrize("phoneme", ARPABET)
def test_closures_and_vowel_space_follow_from_the_other_features(phoneme):
    for target in range(len(articulatory_targets(phoneme))):
        f = features_of(phoneme, target)
        stopped, vowel = f["continuant"] == -1, f["syllabic"] == 1
        assert (f["lip_closure"] == 1) == (f["labial"] == 1 and stopped)
        assert (f["tongue_tip_closure"] == 1) == (f["coronal"] == 1 and stopped)
        assert (f["tongue_body_closure"] == 1) == (f["high"] == 1 and f["back"] == 1 and stopped)
        assert (f["frication"] == 1) == (f["continuant"] == 1 and f["sonorant"] == -1)
        assert f["vowel_frontness"] == (-f["back"] if vowel else 0)
        assert f["vowel_height"] == ((f["high"] - f["low"]) / 2 if vowel else 0)


def test_changing_the_returned_targets_does_not_change_the_table():
    articulatory_targets("M")[:] = 9
    assert abs(articulatory_targets("M")).max() == 1
