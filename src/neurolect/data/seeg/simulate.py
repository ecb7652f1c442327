"""Simulated sEEG of people who speak words, and who talk and rest without labels.

Parameters are plausible, not fitted to a recording. Results on simulated data say that software works, and nothing
about how well anybody's speech can be decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.mandarin import MandarinWord
from neurolect.data.seeg.simulated_implant import OTHER, Contact, Implant, draw_implant
from neurolect.data.seeg.simulated_potentials import background, background_source, draw_surroundings, potential
from neurolect.data.seeg.simulated_words import Speaking, say_words, talk
from neurolect.errors import ConfigError

_TUNING_DRIFT, _GAIN_DRIFT = 0.15, 0.03
"""From session to session: share of new tuning, and standard deviation of the random walk of log gains."""

_IMPLANT, _WORDS, _TALK, _SURROUNDINGS, _SOURCES, _CONTACTS, _DRIFT = range(7)
"""Separate random streams, so that what one draws never shifts another."""

_SOURCES_PER_SHAFT = 100


@dataclass(frozen=True)
class SeegSimulator:
    """People with sEEG shafts of whom two end in cortex that speaks (vSMC) and hears itself speak (STG).

    In those regions high gamma (70 to 150 Hz) follows a few articulatory positions and velocities, 100 ms ahead of them
    or behind; so do slow potentials, and beta is weaker in speech. Elsewhere nothing tells of speech. Every contact
    records 1/f background that its neighbours share, the noise of the common reference, the mains, and artefacts.

    Args:
        seed: everything that is drawn follows from it.
        difficulty: divides the depth of tuning; at 2 the signal is half as large against the same noise.
        sample_rate: in Hz; at least 400, so that high gamma fits in.
        speaking_rate: 1 is fluent conversation.

    Raises:
        ConfigError: a value is out of range.
    """

    seed: int = 0
    difficulty: float = 1.0
    sample_rate: float = 1000.0
    speaking_rate: float = 0.7

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"simulator: seed is {self.seed}, it must not be negative")
        if not 400 <= self.sample_rate < float("inf"):
            raise ConfigError(f"simulator: sample_rate is {self.sample_rate} Hz, it must be at least 400")
        for name, value in (("difficulty", self.difficulty), ("speaking_rate", self.speaking_rate)):
            if not 0 < value < float("inf"):
                raise ConfigError(f"simulator: {name} is {value}, it must be positive")

    def subject(self, index: int) -> SimulatedSubject:
        """Subject 0, 1, 2, …; none depends on another."""
        return SimulatedSubject(self, index)


@dataclass(frozen=True)
class SimulatedSubject:
    """One subject with its implant; sessions depend on no other session but for the drift of gains before them."""

    simulator: SeegSimulator
    index: int

    @property
    def name(self) -> str:
        """`sim01`, `sim02` and so on."""
        return f"sim{self.index + 1:02d}"

    @cached_property
    def implant(self) -> Implant:
        """Shafts, contacts, and what they are tuned to."""
        return draw_implant(self._rng(_IMPLANT))

    def word_run(self, run: int, words: Sequence[MandarinWord], repetitions: int) -> Session:
        """A run in which each word is said `repetitions` times, in rounds of random order."""
        speaking = say_words(words, repetitions, self._rng(_WORDS, run), self.simulator.speaking_rate)
        return Session(self, _WORDS, run, speaking)

    def recording(self, number: int, words: Sequence[MandarinWord], seconds: float) -> Session:
        """A recording of talk and rest, from the syllables of these words put together at random."""
        speaking = talk(words, seconds, self._rng(_TALK, number), self.simulator.speaking_rate)
        return Session(self, _TALK, number, speaking)

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng((self.simulator.seed, self.index, *stream))


@dataclass(frozen=True)
class Session:
    """One stretch of recording; signals are made when they are asked for, and each channel's whatever others are."""

    subject: SimulatedSubject
    kind: int
    number: int
    speaking: Speaking

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return int(self.speaking.seconds * self.subject.simulator.sample_rate)

    def potentials(self, contacts: Sequence[int]) -> Iterator[npt.NDArray[np.float32]]:
        """Potentials of contacts of the implant against the common reference, in microvolts, (samples,) each."""
        simulator = self.subject.simulator
        around = draw_surroundings(self.n_samples, simulator.sample_rate, self._rng(_SURROUNDINGS))
        implant = self.subject.implant.contacts
        shafts = sorted({contact.shaft for contact in implant})
        for shaft, indices in groupby(contacts, lambda index: implant[index].shaft):
            first_source = shafts.index(shaft) * _SOURCES_PER_SHAFT + 10

            @lru_cache(maxsize=8)
            def source(number: int, first: int = first_source) -> npt.NDArray[np.float32]:
                return background_source(self.n_samples, simulator.sample_rate, self._rng(_SOURCES, first + number))

            for index in indices:
                contact = self._drifted(index)
                shared = background(source, contact.number)
                rng = self._rng(_CONTACTS, index)
                yield np.float32(self._gain(index)) * potential(
                    contact, self.speaking.states, shared, around, simulator.sample_rate, simulator.difficulty, rng
                )

    def bipolar(self, pairs: Sequence[tuple[int, int]]) -> Iterator[npt.NDArray[np.float32]]:
        """Differences of neighbouring contacts in microvolts, (samples,) each, in the order of the implant."""
        needed = sorted({index for pair in pairs for index in pair})
        recorded: dict[int, npt.NDArray[np.float32]] = {}
        waiting = sorted(pairs)
        for index, signal in zip(needed, self.potentials(needed), strict=True):
            recorded[index] = signal
            while waiting and waiting[0][1] == index:
                first, second = waiting.pop(0)
                yield recorded.pop(first) - recorded[second]

    def _drifted(self, index: int) -> Contact:
        """A contact with this session's tuning."""
        contact = self.subject.implant.contacts[index]
        if contact.region == OTHER:
            return contact
        rng = self._rng(_DRIFT, index)
        # The same states matter in every session, but some more than before and some less.
        kept = np.sqrt(1 - _TUNING_DRIFT**2)
        tuning, slow = (
            kept * each
            + _TUNING_DRIFT
            * np.linalg.norm(each)
            / np.sqrt(np.count_nonzero(each) or 1)
            * np.where(each != 0, rng.normal(size=each.shape), 0)
            for each in (contact.tuning, contact.slow_tuning)
        )
        return replace(contact, tuning=tuning, slow_tuning=slow)

    def _gain(self, index: int) -> float:
        """Of a contact, after the random walk through all sessions up to this one."""
        walk = self.subject._rng(_DRIFT, self.kind, index).normal(0, _GAIN_DRIFT, self.number + 1)
        return float(np.exp(walk.sum()))

    def _rng(self, *stream: int) -> np.random.Generator:
        return self.subject._rng(self.kind, self.number, *stream)
