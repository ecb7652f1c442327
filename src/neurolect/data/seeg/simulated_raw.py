"""Simulated sEEG as an amplifier would have written it, to try what prepares raw recordings."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from neurolect.data.files import written_atomically
from neurolect.data.seeg.raw_recording import SIMULATED
from neurolect.data.seeg.simulate import Session, SimulatedSubject
from neurolect.errors import ConfigError


def write_raw_session(path: Path, session: Session) -> None:
    """Write every contact of a session against the common reference as EDF+, with its words as annotations.

    Args:
        path: `.edf` to write; the recording is cut to whole seconds.
        session: a run of words or a recording.

    Raises:
        ConfigError: edfio is not installed.
    """
    require_edfio()
    from edfio import Edf, EdfAnnotation, EdfSignal, Patient

    rate = session.subject.simulator.sample_rate
    contacts = session.subject.implant.contacts
    n_samples = int(int(session.speaking.seconds) * rate)
    # A signal keeps its samples as 16-bit numbers, so that all contacts fit into memory.
    signals = [
        EdfSignal(potential[:n_samples].astype(np.float64), rate, label=contact.name, physical_dimension="uV")
        for contact, potential in zip(contacts, session.potentials(range(len(contacts))), strict=True)
    ]
    speaking = session.speaking
    said = [EdfAnnotation(onset, None, word) for onset, word in zip(speaking.onsets, speaking.words, strict=True)]
    with written_atomically(path) as unfinished:
        Edf(signals, patient=Patient(name=SIMULATED), annotations=said).write(unfinished)


def write_region_table(path: Path, subject: SimulatedSubject) -> None:
    """Write the region of every bipolar channel as CSV `channel,region`, which conversion reads."""
    implant = subject.implant
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["channel", "region"])
        table.writerows((implant.contacts[pair[0]].name, implant.region_of(pair)) for pair in implant.bipolar_pairs)


def require_edfio() -> None:
    """Refuse, before there is anything to write, where EDF cannot be written.

    Raises:
        ConfigError: edfio is not installed.
    """
    try:
        import edfio  # noqa: F401
    except ImportError:
        raise ConfigError("raw recordings are written by edfio: pip install 'neurolect[ieeg]'") from None
