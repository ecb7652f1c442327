"""How a search weighs its evidence and how much it keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurolect import _core
from neurolect.errors import ConfigError

LARGEST = 1e6
"""Of scales, penalties and bonuses: far beyond what decides anything, and no other score is lost beside it."""


@dataclass(frozen=True)
class DecoderOptions:
    """Settings of the beam search, named as in the decoder of Card et al. 2024, whose values are the defaults.

    The exception is `max_active`: 7000 there, at three times the cost and without fewer word errors.

    Args:
        acoustic_scale: weight of the acoustic log-probabilities.
        blank_penalty: the blank's probability is divided by this after the softmax, the others stay as they are.
        blank_skip: frames whose blank is more probable than this, after the penalty, are left out; 1 leaves out none.
        beam: a path is dropped when it is this far below the best.
        lattice_beam: sentences further below the best than this are not listed, and do not count for confidences.
        max_active: paths kept after a frame, about.
        min_active: paths kept after a frame even below the beam.
        length_penalty: cost of every frame whose class is not that of the frame before, the blank included.
        phoneme_bonus: for every phoneme, silence excepted.
        word_bonus: for every word; a cost if negative.
        n_best: sentences listed at most.

    Raises:
        ConfigError: a setting is out of its range.
    """

    acoustic_scale: float = 0.325
    blank_penalty: float = 90.0
    blank_skip: float = 1.0
    beam: float = 17.0
    lattice_beam: float = 8.0
    max_active: int = 1000
    min_active: int = 200
    length_penalty: float = 0.0
    phoneme_bonus: float = 0.0
    word_bonus: float = 0.0
    n_best: int = 100

    def __post_init__(self) -> None:
        for name, allowed, range_ in (
            ("acoustic_scale", 1e-6 <= self.acoustic_scale <= LARGEST, f"from 1e-6 to {LARGEST:g}"),
            ("blank_penalty", 1e-30 <= self.blank_penalty <= 1e30, "from 1e-30 to 1e30"),
            ("blank_skip", 0 < self.blank_skip <= 1, "above 0 and at most 1"),
            ("beam", self.beam > 0, "above 0"),
            ("lattice_beam", self.lattice_beam > 0, "above 0"),
            ("max_active", 1 <= self.max_active < 2**31, "at least 1"),
            ("min_active", 0 <= self.min_active < 2**31, "at least 0"),
            ("length_penalty", abs(self.length_penalty) <= LARGEST, f"at most {LARGEST:g} either way"),
            ("phoneme_bonus", abs(self.phoneme_bonus) <= LARGEST, f"at most {LARGEST:g} either way"),
            ("word_bonus", abs(self.word_bonus) <= LARGEST, f"at most {LARGEST:g} either way"),
            ("n_best", 1 <= self.n_best < 2**31, "at least 1"),
        ):
            if not allowed:
                raise ConfigError(f"decoder: {name} is {getattr(self, name)}, it must be {range_}")

    def for_core(self) -> _core.SearchOptions:
        """The same settings as the search core takes them."""
        return _core.SearchOptions(
            acoustic_scale=self.acoustic_scale,
            log_blank_penalty=math.log(self.blank_penalty),
            blank_skip=self.blank_skip,
            beam=self.beam,
            lattice_beam=self.lattice_beam,
            max_active=self.max_active,
            min_active=min(self.min_active, self.max_active),
            length_penalty=self.length_penalty,
            phoneme_bonus=self.phoneme_bonus,
            word_bonus=self.word_bonus,
            n_best=self.n_best,
        )
