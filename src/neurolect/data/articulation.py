"""What the vocal tract aims at while it speaks each ARPAbet phoneme.

`articulation.csv` gives one row of 24 features (−1, 0, +1) per target; diphthongs and affricates have two targets.
Each phoneme was written in IPA (General American; P T K aspirated, ER a syllabic approximant) and looked up in PanPhon
(Mortensen et al. 2016, "PanPhon: A Resource for Mapping IPA Segments to Articulatory Feature Vectors", COLING; MIT
licence). The first 18 features are PanPhon's, of which those that do not vary in English are left out. The last six
follow from them:

* vowel_frontness, vowel_height: −back and (high − low) / 2 of vowels; 0 for consonants.
* lip_closure, tongue_tip_closure, tongue_body_closure: labial, coronal, or high and back, and not continuant.
* frication: continuant and not sonorant.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from neurolect.errors import ConfigError
from neurolect.text.lexicon import SILENCE

N_FEATURES = 24
_COLUMNS_BEFORE_FEATURES = ("phoneme", "target", "ipa")


def articulatory_targets(phoneme: str) -> npt.NDArray[np.float64]:
    """Targets of a phoneme in the order they are reached, (targets, 24); `SIL` is one target, the rest position 0.

    Raises:
        ConfigError: the phoneme is not one of ARPAbet's 39 or `SIL`.
    """
    if phoneme == SILENCE:
        return np.zeros((1, N_FEATURES))
    try:
        return _table()[phoneme].copy()
    except KeyError:
        raise ConfigError(f"'{phoneme}' is not an ARPAbet phoneme") from None


def articulatory_features() -> tuple[str, ...]:
    """Names of the 24 features, in the order of the columns of `articulatory_targets`."""
    return tuple(name for name in _rows()[0] if name not in _COLUMNS_BEFORE_FEATURES)


@cache
def _table() -> dict[str, npt.NDArray[np.float64]]:
    features = articulatory_features()
    targets: dict[str, list[list[float]]] = {}
    for row in _rows():
        targets.setdefault(row["phoneme"], []).append([float(row[feature]) for feature in features])
    return {phoneme: np.array(rows) for phoneme, rows in targets.items()}


@cache
def _rows() -> tuple[dict[str, str], ...]:
    table = files("neurolect.data").joinpath("articulation.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(table.splitlines()))
