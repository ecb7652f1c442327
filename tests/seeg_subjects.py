"""Small subjects in the packed layout that several tests read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurolect.data.seeg.layout import SubjectInfo, WordTrials, write_subject

WORDS = ["say", "tea", "you"]


def write_small_subject(
    root: Path,
    name: str = "one",
    channels: tuple[str, ...] = ("A1", "A2", "B1"),
    n_runs: int = 2,
    trials_per_run: int = 20,
    n_samples: int = 60,
    sample_rate: float = 100.0,
    recordings: tuple[int, ...] = (),
    with_trials: bool = True,
    simulated: bool = False,
) -> WordTrials | None:
    """Write a subject whose every value tells where it came from: 1000 · trial + sample, plus 0.25 · channel."""
    samples = np.arange(n_samples)[None, None] + 0.25 * np.arange(len(channels))[None, :, None]
    n_trials = n_runs * trials_per_run
    signals = (samples + 1000 * np.arange(n_trials)[:, None, None]).astype(np.float32)
    trials = WordTrials(
        signals,
        [WORDS[position % len(WORDS)] for position in range(n_trials)],
        [f"run{1 + position // trials_per_run}" for position in range(n_trials)],
        np.full(n_trials, np.nan),
    )
    rng = np.random.default_rng(3)
    long = ((f"rest{i}", rng.normal(size=(len(channels), n)).astype(np.float32)) for i, n in enumerate(recordings))
    info = SubjectInfo(name, list(channels), sample_rate, -0.1, simulated=simulated)
    write_subject(root / name, info, trials if with_trials else None, long)
    return trials if with_trials else None
