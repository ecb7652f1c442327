from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import welch

from neurolect.data.seeg.channel_selection import ChannelSelection
from neurolect.data.seeg.conversion import convert_subject
from neurolect.data.seeg.conversion_plan import plan_subject
from neurolect.data.seeg.layout import open_subject
from neurolect.data.seeg.raw_sources import open_sources
from neurolect.data.seeg.signal_preparation import Preparation

REAL = Path(__file__).parents[3] / "shared" / "real"

pytestmark = pytest.mark.skipif(not (REAL / "ieeg").is_dir(), reason="needs the real recordings in ../shared")


def converted(tmp_path, source, subject=None, mains=None):
    subjects = {}
    for name, raws in open_sources([source], subject).items():
        plan = plan_subject(name, raws, Preparation(mains=mains), ChannelSelection())
        subjects[name] = open_subject(convert_subject(plan, tmp_path)), plan, raws
    return subjects


def line_above_its_surroundings(signals, rate, line):
    """Median over channels of the power at a line over that around it."""
    frequencies, power = welch(signals, rate, nperseg=round(2 * rate))
    distance = np.abs(frequencies - line)
    around = np.median(power[:, (distance > 3) & (distance < 10)], axis=1)
    return np.median(power[:, distance.argmin()] / around)


def test_a_real_seeg_loses_its_line_noise_and_keeps_its_spectrum(tmp_path):
    subject, plan, (raw,) = converted(tmp_path, REAL / "ieeg" / "sample_seeg.edf", "p01", mains=60.0)["p01"]
    signal = subject.recordings[0].signal
    assert signal.shape == (82, 20_000)
    assert subject.info.channels[:3] == ["L'1", "L'2", "L'3"]
    before = raw.read(raw.contact_rows())
    for line in (60.0, 180.0):
        assert line_above_its_surroundings(before, 1000.0, line) > 20
        assert line_above_its_surroundings(signal, 1000.0, line) < 1
    assert any("no contacts: DC01" in note and "EKG2" in note for note in plan.notes)
    scaled = (signal - signal.mean(axis=1, keepdims=True)) / signal.std(axis=1, keepdims=True)
    assert np.isfinite(scaled).all()
    assert 1 < np.median(signal.std(axis=1)) < 50
    frequencies, power = welch(signal, 1000.0, nperseg=2000)
    falling = np.median(power, axis=0)
    assert falling[frequencies == 5] > 10 * falling[frequencies == 30] > 100 * falling[frequencies == 300]


def test_a_real_grid_pairs_neighbours_only(tmp_path):
    source = REAL / "ieeg" / "sample_ecog_ieeg.fif"
    subject, plan, (raw,) = converted(tmp_path, source, "p02", mains=0.0)["p02"]
    pairs = plan.runs[0].derived
    distances = [np.linalg.norm(np.subtract(raw.positions[p.contact], raw.positions[p.subtracted])) for p in pairs]
    assert max(distances) <= 0.02
    assert subject.recordings[0].signal.shape == (len(pairs), 707)
    assert (subject.recordings[0].signal.std(axis=1) > 0).all()


def test_a_real_bids_folder_is_read_whole(tmp_path):
    subjects = converted(tmp_path, REAL / "ieeg_bids")
    press, grip = (subjects[f"testsub_{task}"][0] for task in ("buttonpress", "gripforce"))
    assert press.info.channels == [f"ECOG_L_{number}_SMC_AT" for number in range(1, 6)]
    assert [*grip.info.channels[:2], len(grip.info.channels)] == ["LFP_RIGHT_0", "LFP_RIGHT_1", 7]
    assert press.recordings[0].n_samples == 18_001
    assert press.info.positions["ECOG_L_1_SMC_AT"] == pytest.approx([-0.0465, -0.02075, 0.064])
    assert "notch at 50," in press.info.preparation[1]
    assert "notch at 60," in grip.info.preparation[1]
    assert np.isfinite(press.recordings[0].signal).all()
