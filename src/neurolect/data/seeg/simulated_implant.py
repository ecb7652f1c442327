"""Simulated sEEG implantations: shafts, their contacts, and what the contacts near speech cortex are tuned to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.simulated_words import N_STATES
from neurolect.data.simulated_electrodes import sparse_tuning

VSMC, STG, OTHER = "vSMC", "STG", "other"
"""Ventral sensorimotor cortex, superior temporal gyrus, and everywhere else, where nothing of speech is recorded."""

_N_SHAFTS, _N_CONTACTS_OF_A_SHAFT, _N_CONTACTS = (7, 13), (8, 16), (72, 158)
_SPACING_METRES = 0.0035
_TUNED_CONTACTS = {VSMC: 4, STG: 3}
_STRENGTH = {VSMC: 1.0, STG: 0.8}
_SPREAD_OF_STRENGTH = 0.2
_LATERAL_END = {VSMC: (-0.062, -0.006, 0.028), STG: (-0.064, -0.022, 0.004)}
"""Where the outermost contact of such a shaft lies: MNI coordinates in metres, left hemisphere, rounded."""


@dataclass(frozen=True, eq=False)
class Contact:
    """One contact of a shaft.

    Args:
        shaft: name of the shaft, `A` to `M`.
        number: along the shaft, 1 is the deepest.
        position: x, y, z in metres.
        region: `VSMC`, `STG` or `OTHER`.
        tuning: of the logarithm of high gamma to the states of the vocal tract (N_STATES,); zero in `OTHER`.
        slow_tuning: of slow potentials (N_STATES,); zero in `OTHER`.
    """

    shaft: str
    number: int
    position: tuple[float, float, float]
    region: str
    tuning: npt.NDArray[np.float64]
    slow_tuning: npt.NDArray[np.float64]

    @property
    def name(self) -> str:
        """Shaft and number: `A1`."""
        return f"{self.shaft}{self.number}"


@dataclass(frozen=True, eq=False)
class Implant:
    """The contacts of a subject, shaft by shaft, each from its tip outwards."""

    contacts: tuple[Contact, ...]

    @property
    def bipolar_pairs(self) -> list[tuple[int, int]]:
        """Indices of neighbours on a shaft; their difference is a channel, named after the first."""
        return [
            (index, index + 1)
            for index, (first, second) in enumerate(zip(self.contacts, self.contacts[1:], strict=False))
            if first.shaft == second.shaft
        ]

    def region_of(self, pair: tuple[int, int]) -> str:
        """Region that a bipolar channel records: that of either contact which lies in speech cortex."""
        regions = [self.contacts[index].region for index in pair]
        return next((region for region in regions if region != OTHER), OTHER)

    def chosen_pairs(self, n_channels: int | None) -> list[tuple[int, int]]:
        """Bipolar pairs of the channels to write, in the order of the implant: all, or those of speech cortex first.

        Pairs elsewhere fill up the number, spread evenly over the implant.
        """
        pairs = self.bipolar_pairs
        if n_channels is None or n_channels >= len(pairs):
            return pairs
        speech = [pair for pair in pairs if self.region_of(pair) != OTHER]
        others = [pair for pair in pairs if self.region_of(pair) == OTHER]
        n_others = max(0, n_channels - len(speech))
        spread = [others[index * len(others) // n_others] for index in range(n_others)]
        return sorted(speech[:n_channels] + spread)


def draw_implant(rng: np.random.Generator) -> Implant:
    """Implant 7 to 13 shafts with 72 to 158 contacts; one ends in `VSMC` and one in `STG`."""
    n_contacts = np.zeros(0, dtype=np.int64)
    while not _N_CONTACTS[0] <= n_contacts.sum() <= _N_CONTACTS[1]:
        n_contacts = rng.integers(*_N_CONTACTS_OF_A_SHAFT, rng.integers(*_N_SHAFTS, endpoint=True), endpoint=True)
    names = [chr(ord("A") + index) for index in range(len(n_contacts))]
    speech = dict(zip(rng.choice(len(names), 2, replace=False), (VSMC, STG), strict=True))
    return Implant(
        tuple(
            contact
            for index, (name, length) in enumerate(zip(names, n_contacts, strict=True))
            for contact in _shaft(name, int(length), speech.get(index, OTHER), rng)
        )
    )


def _shaft(name: str, n_contacts: int, region: str, rng: np.random.Generator) -> list[Contact]:
    elsewhere = (rng.choice((-1, 1)) * 0.062, rng.uniform(-0.07, 0.04), rng.uniform(-0.02, 0.05))
    x, y, z = _LATERAL_END.get(region, elsewhere)
    n_tuned = _TUNED_CONTACTS.get(region, 0)
    # The outermost contact lies in the bone, so that all those of speech cortex have neighbours.
    tuned = range(n_contacts - 1 - n_tuned, n_contacts - 1)
    tunings = _tunings(n_tuned, region, rng), _tunings(n_tuned, region, rng)
    untuned = np.zeros(N_STATES)
    contacts = []
    for index in range(n_contacts):
        depth = (n_contacts - 1 - index) * _SPACING_METRES
        of_contact = [each[index - tuned.start] if index in tuned else untuned for each in tunings]
        position = (float(x - np.sign(x) * depth), float(y), float(z))
        contacts.append(Contact(name, index + 1, position, region if index in tuned else OTHER, *of_contact))
    return contacts


def _tunings(n_contacts: int, region: str, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    strength = _STRENGTH.get(region, 0.0) * rng.lognormal(0, _SPREAD_OF_STRENGTH, n_contacts)
    tuning: npt.NDArray[np.float64] = sparse_tuning(n_contacts, N_STATES, rng) * strength[:, None]
    return tuning
