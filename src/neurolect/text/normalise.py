"""The two text normalisations of the brain-to-text reference, applied before words are compared.

Both keep only ASCII letters, hyphens, apostrophes and single spaces, in lower case. They differ in one step: the
evaluation script's rule also turns "hyphen, space" into a space.
"""

from __future__ import annotations

import re

_NOT_KEPT = re.compile(r"[^a-zA-Z\- ']")


def normalise_for_evaluation(sentence: str) -> str:
    """Normalise as the reference's evaluation script does before it counts word errors ("variant A")."""
    return _finish(_NOT_KEPT.sub("", sentence).replace("- ", " "))


def normalise_for_phonemes(sentence: str) -> str:
    """Normalise as the reference's utilities do before they look up phonemes ("variant B")."""
    return _finish(_NOT_KEPT.sub("", sentence))


def _finish(kept: str) -> str:
    joined = kept.lower().replace("--", "").replace(" '", "'")
    return " ".join(joined.split())
