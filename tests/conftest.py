"""Small recordings that several tests read: real files in the T15 layout with patterns that a model can learn."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neurolect.data.t15 import write_split
from neurolect.data.trial import Trial

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

SENTENCES = ["good morning", "see you soon", "thank you", "come in"]


def make_trial(
    rng: np.random.Generator,
    n_features: int = 512,
    n_labels: int = 6,
    session: str = "sim.2030.01.01",
    number: int = 0,
    bins_per_label: int = 10,
) -> Trial:
    """A trial whose features are a fixed pattern per phoneme plus noise."""
    patterns = np.random.default_rng(7).normal(size=(41, n_features))
    labels = rng.integers(1, 41, n_labels)
    features = np.repeat(patterns[labels], bins_per_label, axis=0) + 0.3 * rng.normal(
        size=(n_labels * bins_per_label, n_features)
    )
    sentence = SENTENCES[number % len(SENTENCES)]
    return Trial(session, 1, number, features.astype(np.float32), labels.astype(np.int32), sentence)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """Write sessions with training and validation trials, and return their folder."""

    def write(n_sessions: int = 3, n_train: int = 8, n_val: int = 3, n_features: int = 512) -> Path:
        root = tmp_path / "recordings"
        rng = np.random.default_rng(1)
        for day in range(n_sessions):
            session = f"sim.2030.01.{day + 1:02d}"
            for split, count in (("train", n_train), ("val", n_val)):
                trials = [
                    make_trial(rng, n_features, int(rng.integers(3, 8)), session, number) for number in range(count)
                ]
                write_split(root / session / f"data_{split}.hdf5", trials)
        return root

    return write


@pytest.fixture
def arpa(tmp_path):
    """Write ARPA text to a file."""

    def write(text, name="lm.arpa"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write
