"""Simulated intracranial potentials: what a contact records of speech, of everything else, and of the mains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from neurolect.data.seeg.simulated_implant import OTHER, STG, VSMC, Contact
from neurolect.data.seeg.simulated_words import GATE, TICKS_PER_SECOND
from neurolect.data.simulated_kinematics import LEAD_SECONDS

Signal = npt.NDArray[np.float32]
Spectrum = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

HIGH_GAMMA, BETA = (70.0, 150.0), (13.0, 30.0)
"""Bands in Hz."""

MAINS_HZ = 50.0

# Root mean squares in microvolts, plausible rather than fitted.
_HIGH_GAMMA_AT_REST, _BETA, _AMPLIFIER, _REFERENCE = 1.0, 2.5, 1.0, 10.0
_MAINS = {1: 15.0, 2: 2.0, 3: 4.0, 4: 0.5}
"""Harmonic → amplitude in microvolts."""

_BACKGROUND_AT_1_HZ, _BACKGROUND_CORNER_HZ = 14.0, 0.3
_BACKGROUND_ALONG_SHAFT = (1.0, 2.0, 3.0, 2.0, 1.0)
_MISMATCH_OF_MAINS, _MISMATCH_OF_ARTEFACTS = 0.05, 0.3
_ARTEFACTS_PER_MINUTE, _ARTEFACT_MICROVOLTS, _ARTEFACT_SECONDS = 0.5, 150.0, 0.3
_BETA_LEFT_IN_SPEECH = 0.4

_HIGH_GAMMA_GAIN = 1.0
"""Of the logarithm of its amplitude, set so that at difficulty 1 a linear readout of its power in 100 ms bins names 50
to 70 % of 61 words after 40 repetitions of each."""

_LOUDEST_HIGH_GAMMA = 20.0
_SLOW_GAIN = 4.0
"""In microvolts at difficulty 1; alone they name some 15 % of the words."""

_FLUCTUATION, _FLUCTUATION_SECONDS = 0.15, 0.3
"""Of the logarithm of high gamma with what else the brain does."""

_LEAD_SECONDS = {VSMC: LEAD_SECONDS, STG: -LEAD_SECONDS, OTHER: 0.0}
"""Motor cortex is ahead of the articulators; auditory cortex hears what they did."""


@dataclass(frozen=True)
class Surroundings:
    """What all contacts of a subject record at once, in microvolts (samples,) each."""

    reference: Signal
    mains: Signal
    artefacts: Signal


def draw_surroundings(n_samples: int, sample_rate: float, rng: np.random.Generator) -> Surroundings:
    """Noise of the common reference, the mains with harmonics, and an artefact every other minute."""
    seconds = np.arange(n_samples) / sample_rate
    mains = np.zeros(n_samples)
    for harmonic, amplitude in _MAINS.items():
        phase = rng.uniform(0, 2 * np.pi)
        if harmonic * MAINS_HZ < sample_rate / 2:
            mains += amplitude * np.sin(2 * np.pi * harmonic * MAINS_HZ * seconds + phase)
    artefacts = np.zeros(n_samples)
    for start in rng.integers(n_samples, size=rng.poisson(_ARTEFACTS_PER_MINUTE * seconds[-1] / 60)):
        height = rng.choice((-1, 1)) * rng.lognormal(np.log(_ARTEFACT_MICROVOLTS), 0.5)
        artefacts[start:] += height * np.exp(-(seconds[start:] - seconds[start]) / _ARTEFACT_SECONDS)
    reference = noise(n_samples, sample_rate, lambda hz: _REFERENCE * _power_law(hz) / _BACKGROUND_AT_1_HZ, rng)
    return Surroundings(reference, mains.astype(np.float32), artefacts.astype(np.float32))


def background_source(n_samples: int, sample_rate: float, rng: np.random.Generator) -> Signal:
    """One source of 1/f background (power falls with the square of frequency), in microvolts (samples,)."""
    return noise(n_samples, sample_rate, _power_law, rng)


def background(source: Callable[[int], Signal], number: int) -> Signal:
    """Background of the contact with this number: a mixture of the sources around it, shared with its neighbours."""
    weights = np.array(_BACKGROUND_ALONG_SHAFT, dtype=np.float32)
    weights /= np.linalg.norm(weights)
    reach = len(weights) // 2
    mixed: Signal = sum(weight * source(number + offset) for offset, weight in enumerate(weights, start=-reach))
    return mixed


def potential(
    contact: Contact,
    states: npt.NDArray[np.float32],
    background: Signal,
    surroundings: Surroundings,
    sample_rate: float,
    difficulty: float,
    rng: np.random.Generator,
) -> Signal:
    """Potential of one contact against the common reference, in microvolts (samples,).

    Args:
        contact: tuned to speech or not.
        states: of the vocal tract (ticks, N_STATES).
        background: of this contact (samples,).
        surroundings: of all contacts.
        sample_rate: in Hz.
        difficulty: divides the depth of tuning.
        rng: of this contact.
    """
    n_samples = len(background)
    drive, slow, speaking = _led(states, contact)
    other = noise(len(states), TICKS_PER_SECOND, _fluctuation, rng)
    high_gamma = np.exp(np.minimum(_HIGH_GAMMA_GAIN / difficulty * drive + other, np.log(_LOUDEST_HIGH_GAMMA)))
    beta = _BETA_LEFT_IN_SPEECH ** (speaking / difficulty)
    signal = background + surroundings.reference
    signal += _AMPLIFIER * rng.standard_normal(n_samples, dtype=np.float32)
    signal += _at_samples(high_gamma, sample_rate, n_samples) * _band_noise(
        n_samples, sample_rate, HIGH_GAMMA, _HIGH_GAMMA_AT_REST, rng
    )
    signal += _at_samples(beta, sample_rate, n_samples) * _band_noise(n_samples, sample_rate, BETA, _BETA, rng)
    signal += _at_samples(_SLOW_GAIN / difficulty * slow, sample_rate, n_samples)
    signal += np.float32(rng.normal(1, _MISMATCH_OF_MAINS)) * surroundings.mains
    signal += np.float32(rng.normal(1, _MISMATCH_OF_ARTEFACTS)) * surroundings.artefacts
    return signal


def noise(n_samples: int, sample_rate: float, density: Spectrum, rng: np.random.Generator) -> Signal:
    """Gaussian noise (samples,) of a given spectrum.

    Args:
        n_samples: length.
        sample_rate: in Hz.
        density: amplitude density, in units of the signal per √Hz, at frequencies in Hz; it is 0 where nothing is.
        rng: source of the noise.
    """
    size = fft.next_fast_len(n_samples, real=True)
    frequencies = np.arange(size // 2 + 1, dtype=np.float32) * np.float32(sample_rate / size)
    amplitude = density(frequencies)
    somewhere = np.flatnonzero(amplitude)
    parts = rng.standard_normal((len(somewhere), 2), dtype=np.float32).view(np.complex64)[:, 0]
    spectrum = np.zeros(len(frequencies), dtype=np.complex64)
    spectrum[somewhere] = parts * amplitude[somewhere] * np.float32(np.sqrt(sample_rate * size) / 2)
    drawn: Signal = fft.irfft(spectrum, size)[:n_samples]
    return drawn


def _band_noise(
    n_samples: int, sample_rate: float, band: tuple[float, float], size: float, rng: np.random.Generator
) -> Signal:
    low, high = band
    level = np.float32(size / np.sqrt(high - low))
    return noise(n_samples, sample_rate, lambda hz: level * ((hz >= low) & (hz < high)), rng)


def _power_law(hz: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    corner = np.float32(_BACKGROUND_CORNER_HZ)
    density: npt.NDArray[np.float32] = np.float32(_BACKGROUND_AT_1_HZ) * hz / (hz**2 + corner**2)
    return density


def _fluctuation(hz: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    turns = np.float32(2 * np.pi * _FLUCTUATION_SECONDS) * hz
    density: npt.NDArray[np.float32] = np.float32(2 * _FLUCTUATION * np.sqrt(_FLUCTUATION_SECONDS)) / np.hypot(1, turns)
    return density


def _led(states: npt.NDArray[np.float32], contact: Contact) -> npt.NDArray[np.float32]:
    """Drive of high gamma, drive of slow potentials, and whether the subject speaks, as a contact sees them."""
    weights = np.zeros((3, states.shape[1]), dtype=np.float32)
    weights[0], weights[1] = contact.tuning, contact.slow_tuning
    weights[2, GATE] = contact.region != OTHER
    ticks = np.arange(len(states)) + round(_LEAD_SECONDS[contact.region] * TICKS_PER_SECOND)
    seen: npt.NDArray[np.float32] = weights @ states[ticks.clip(0, len(states) - 1)].T
    return seen


def _at_samples(values: npt.NDArray[np.float32], sample_rate: float, n_samples: int) -> Signal:
    samples = np.arange(n_samples) * (TICKS_PER_SECOND / sample_rate)
    between: Signal = np.interp(samples, np.arange(len(values)), values).astype(np.float32)
    return between
