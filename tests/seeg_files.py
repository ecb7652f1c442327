"""Small files of raw field potentials, written by the formats' own libraries."""

from __future__ import annotations

import datetime
import warnings
from pathlib import Path

import numpy as np

SHAFTS = [f"{shaft}{number}" for shaft in ("A", "L'") for number in range(1, 5)]


def potentials(n_channels: int, seconds: float = 6.0, rate: float = 1000.0, seed: int = 0, mains: float = 50.0):
    """Signals (channels, samples) in microvolts: each its own drift and noise, a common line and a common hum."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    own = 20 * rng.normal(size=(n_channels, len(time))) + 30 * np.sin(
        2 * np.pi * rng.uniform(3, 20, (n_channels, 1)) * time
    )
    return own + 50 * np.sin(2 * np.pi * mains * time) + 200 + 10 * rng.normal(size=len(time))


def write_edf(path: Path, signals, channels=SHAFTS, rate=1000, events=()):
    from edfio import Edf, EdfAnnotation, EdfSignal

    limit = float(np.abs(signals).max()) + 1
    rows = [
        EdfSignal(row, rate, label=name, physical_dimension="uV", physical_range=(-limit, limit))
        for row, name in zip(signals, channels, strict=True)
    ]
    Edf(rows, annotations=[EdfAnnotation(onset, duration, text) for onset, duration, text in events]).write(path)
    return path


def write_brainvision(path: Path, signals, channels=SHAFTS, rate=1000.0, events=()):
    from pybv import write_brainvision

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_brainvision(
            data=signals * 1e-6,
            sfreq=rate,
            ch_names=list(channels),
            fname_base=path.stem,
            folder_out=path.parent,
            events=[
                {"onset": round(onset * rate), "duration": 1, "description": text, "type": "Comment"}
                for onset, _, text in events
            ],
            unit="µV",
        )
    return path


def write_fif(
    path: Path, signals, channels=SHAFTS, rate=1000.0, events=(), kinds="seeg", bads=(), crop=0.0, mains=None
):
    import mne

    info = mne.create_info(list(channels), rate, kinds)
    info["bads"] = list(bads)
    info["line_freq"] = mains
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = mne.io.RawArray(signals * 1e-6, info, verbose="error")
        raw.set_meas_date(datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
        if events:
            onsets, durations, texts = zip(*events, strict=True)
            raw.set_annotations(mne.Annotations(onsets, durations, texts, orig_time=raw.info["meas_date"]))
        raw.crop(crop).save(path, verbose="error")
    return path


def write_nwb(
    path: Path,
    signals,
    names=SHAFTS,
    rate=1000.0,
    trials=(),
    timestamps=None,
    start=0.0,
    labels=True,
    offset=0.0,
    bad=None,
):
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.ecephys import ElectricalSeries

    file = NWBFile("words", path.stem, datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
    device = file.create_device("amplifier")
    groups = {}
    if labels:
        file.add_electrode_column("label", "name of the contact")
    if bad is not None:
        file.add_electrode_column("bad", "whether it is of no use")
    for number, name in enumerate(names):
        shaft = name.rstrip("0123456789")
        if shaft not in groups:
            groups[shaft] = file.create_electrode_group(shaft, "shaft", "temporal", device)
        extra = ({"label": name} if labels else {}) | ({"bad": name in bad} if bad is not None else {})
        location = "STG" if shaft == "A" else "unknown"
        file.add_electrode(group=groups[shaft], location=location, x=1000.0 * number, y=40000.0, z=0.0, **extra)
    timing = {"rate": rate, "starting_time": start} if timestamps is None else {"timestamps": timestamps}
    region = file.create_electrode_table_region(list(range(len(names))), "all")
    file.add_acquisition(
        ElectricalSeries(
            name="ieeg", data=signals.T * 1e-3, electrodes=region, conversion=1e-3, offset=offset, **timing
        )
    )
    if trials:
        file.add_trial_column("word", "what was said")
        for onset, word in trials:
            file.add_trial(start_time=onset, stop_time=onset + 1, word=word)
    with NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path
