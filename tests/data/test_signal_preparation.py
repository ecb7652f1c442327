from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as scipy_signal

from neurolect.data.seeg.signal_preparation import (
    Preparation,
    band_passed,
    resampled,
    resampled_length,
    resampling_ratio,
    without_line_noise,
)
from neurolect.errors import ConfigError

RATES = [512.0, 999.41, 1000.0, 1375.0, 2048.0]


def sine(frequency, rate, seconds=20.0, phase=0.3):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate + phase)


def middle(signal):
    return signal[len(signal) // 4 : -len(signal) // 4]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(RATES), st.floats(0.5, 240), st.floats(0.5, 2), st.floats(20, 200))
def test_the_band_pass_scales_a_sine_by_the_squared_gain_of_scipys_filter_and_delays_nothing(
    rate, frequency, low, high
):
    sections = scipy_signal.butter(4, [low, high], "bandpass", fs=rate, output="sos")
    gain = np.abs(scipy_signal.freqz_sos(sections, [frequency], fs=rate)[1][0]) ** 2
    before = sine(frequency, rate, seconds=40)
    after = band_passed(before, rate, low, high)
    np.testing.assert_allclose(middle(after), gain * middle(before), atol=2e-3)


@pytest.mark.parametrize("mains", [50.0, 60.0])
@pytest.mark.parametrize("rate", RATES)
def test_the_notch_takes_out_the_line_and_its_harmonics_and_leaves_the_rest(mains, rate):
    below = min(rate, 1000.0) / 2
    wanted = sine(17.0, rate) + sine(mains * 1.5, rate)
    line = sum(sine(mains * k, rate) for k in range(1, int(below / mains) + 1) if mains * k < below - 2)
    after = without_line_noise(wanted + 5 * line, rate, mains, below)
    assert np.abs(middle(after - wanted)).max() < 0.02


@pytest.mark.parametrize("rate", [1000.0, 2048.0])
def test_the_preparation_is_scipys_own_filters_in_their_order(rate):
    rng = np.random.default_rng(0)
    recorded = rng.normal(size=round(30 * rate)).cumsum() + 300
    expected = recorded
    for frequency in range(50, 500, 50):
        numerator, denominator = scipy_signal.iirnotch(frequency, frequency / 2, rate)
        expected = scipy_signal.filtfilt(numerator, denominator, expected, padlen=round(rate))
    band = scipy_signal.butter(4, [0.5, 200], "bandpass", fs=rate, output="sos")
    expected = scipy_signal.sosfiltfilt(band, expected, padlen=round(6 * rate))
    if rate == 2048:
        expected = scipy_signal.resample_poly(expected, 125, 256, padtype="line")
    prepared = Preparation()(recorded, rate, 50.0)
    assert len(prepared) == 30_000
    assert np.abs(middle(prepared - expected)).max() < 1e-3 * expected.std()


def test_the_ends_are_continued_by_their_mirror_image_turned_over():
    drifting = np.random.default_rng(4).normal(size=20_000).cumsum()
    band = scipy_signal.butter(4, [0.5, 200], "bandpass", fs=1000.0, output="sos")
    padded = np.concatenate([2 * drifting[0] - drifting[6000:0:-1], drifting, 2 * drifting[-1] - drifting[-2:-6002:-1]])
    forwards = scipy_signal.sosfilt(band, padded, zi=scipy_signal.sosfilt_zi(band) * padded[0])[0][::-1]
    both = scipy_signal.sosfilt(band, forwards, zi=scipy_signal.sosfilt_zi(band) * forwards[0])[0][::-1]
    np.testing.assert_allclose(band_passed(drifting, 1000.0, 0.5, 200.0), both[6000:-6000], atol=1e-6)


def test_an_offset_does_not_ring_at_the_ends():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=20_000)
    prepared = Preparation()(noise + 5e5, 1000.0, 50.0)
    assert np.abs(prepared[:1000]).max() < 6
    np.testing.assert_allclose(prepared, Preparation()(noise, 1000.0, 50.0), atol=1e-3)


@settings(deadline=None)
@given(st.floats(100, 5000), st.sampled_from([200.0, 500.0, 1000.0]), st.integers(1, 10**7))
def test_the_ratio_of_rates_is_exact_to_half_a_sample_over_the_recording(rate, wanted, n_samples):
    ratio = resampling_ratio(rate, wanted, n_samples)
    exact = Fraction(wanted) / Fraction(rate)
    assert abs(ratio - exact) * n_samples < Fraction(1, 2) or ratio.denominator > 10_000
    assert abs(resampled_length(n_samples, ratio) - n_samples * wanted / rate) <= 2


@pytest.mark.parametrize("rate", RATES)
def test_a_resampled_sine_is_the_sine_sampled_at_the_new_rate(rate):
    before = sine(30.0, rate)
    ratio = resampling_ratio(rate, 1000.0, len(before))
    after = resampled(before, ratio)
    assert len(after) == resampled_length(len(before), ratio)
    expected = np.sin(2 * np.pi * 30.0 * np.arange(len(after)) / (rate * float(ratio)) + 0.3)
    assert np.abs(middle(after - expected)).max() < 5e-3


def test_a_recording_shorter_than_the_filters_edges_is_still_prepared():
    short = np.random.default_rng(2).normal(size=113)
    prepared = Preparation()(short, 160.0, 0.0)
    assert len(prepared) == 707
    assert np.isfinite(prepared).all()


def test_no_edge_and_no_mains_leave_the_signal_alone():
    signal = np.random.default_rng(3).normal(size=500)
    np.testing.assert_array_equal(Preparation(low=0, high=400)(signal, 640.0, 0.0), resampled(signal, Fraction(25, 16)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 300.0}, "band from 300 to 200 Hz is empty"),
        ({"high": 600.0}, "high is 600 Hz, at 1000 Hz it must be below half"),
        ({"sample_rate": 0.0}, "sample_rate is 0"),
        ({"sample_rate": float("inf")}, "sample_rate is inf"),
        ({"mains": -1.0}, "mains is -1"),
        ({"mains": float("nan")}, "mains is nan"),
    ],
)
def test_a_preparation_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Preparation(**settings)
