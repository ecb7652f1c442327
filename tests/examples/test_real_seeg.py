"""The example on real sEEG: its baselines, and one short run where the recording is at hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT.parent / "shared" / "real" / "ieeg" / "sample_seeg.edf"


def _import_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("real_seeg", ROOT / "examples" / "real_seeg.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules["real_seeg"] = module
    spec.loader.exec_module(module)
    return module


example = _import_example()


def sines(hertz: float, n_channels: int = 3, seconds: int = 2) -> np.ndarray:
    times = np.arange(seconds * 1000) / 1000
    return np.stack([np.sin(2 * np.pi * hertz * times + channel) for channel in range(n_channels)])


def test_correlation_is_per_channel_and_0_where_nothing_was_made():
    true = sines(3)
    made = np.stack([2 * true[0] + 5, -true[1], 0 * true[2]])
    np.testing.assert_allclose(example.per_channel(made, true), [1, -1, 0], atol=1e-9)


def test_the_low_pass_keeps_what_is_below_5_hz_and_nothing_above():
    np.testing.assert_allclose(example.low_passed(sines(3) + sines(40)), sines(3), atol=1e-6)


def test_the_principal_component_keeps_what_all_channels_share(rng):
    shared = np.outer([1.0, 2.0, -1.0], sines(2, 1, 20)[0])
    signals = shared + 0.01 * rng.normal(size=shared.shape)
    made = example.principal_component(signals, signals, bits=8)
    assert (example.per_channel(made, shared) > 0.95).all()
    coarse = example.principal_component(signals, signals, bits=1)
    assert (example.per_channel(coarse, shared) < example.per_channel(made, shared)).all()


def test_the_autoregression_foretells_a_sine_from_its_past_alone(rng):
    signals = sines(7, seconds=4) + 1e-4 * rng.normal(size=(3, 4000))
    foretold = example.autoregression(signals, signals)
    assert not foretold[:, :100].any()
    assert (example.per_channel(foretold[:, 100:], signals[:, 100:]) > 0.95).all()
    changed = signals.copy()
    changed[:, 2500:] = 0
    np.testing.assert_allclose(example.autoregression(signals, changed)[:, :2500], foretold[:, :2500])


def test_a_recording_that_is_not_there_is_named_with_exit_status_2(tmp_path, capsys):
    pytest.importorskip("mne")
    assert example.main(["--recording", str(tmp_path / "none.edf")]) == 2
    assert "none.edf" in capsys.readouterr().err


@pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not at hand")
def test_the_held_out_part_shares_no_sample_with_the_first(tmp_path):
    pytest.importorskip("mne")
    example.prepare(RECORDING, tmp_path)
    (training, held_out) = (
        example.open_subject(tmp_path / name / example.SUBJECT) for name in ("training", "held out")
    )
    assert training.info.channels == held_out.info.channels
    assert training.recordings[0].n_samples == 15_000
    assert held_out.recordings[0].n_samples == 5_000


@pytest.mark.slow
@pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not at hand")
def test_a_short_run_reconstructs_better_than_chance_and_prints_all_baselines(capsys):
    pytest.importorskip("mne")
    assert example.main(["--epochs", "20"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("VQ-VAE", "principal component", "low-pass", "autoregression"))
