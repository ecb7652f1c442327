"""How well a linear readout names simulated words: what the simulator's difficulty means, before any network sees it.

Ridge regression on the logarithm of high-gamma power (70 to 150 Hz), or on slow potentials (below 8 Hz), in bins of
100 ms, trained on a subject's first eight runs of five repetitions and tested on the last two. The penalty is fixed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from scipy.signal import butter, sosfiltfilt

from neurolect.data.seeg.mandarin import mandarin_words
from neurolect.data.seeg.simulate import SeegSimulator, Session

RUNS, TRAINING_RUNS, REPETITIONS, CHANNELS = 10, 8, 5, 12
PENALTY = 1000.0
REGIONS = {"speech": ("vSMC", "STG"), "vSMC": ("vSMC",), "STG": ("STG",), "other": ("other",)}


def epochs(signal: npt.NDArray[np.float64], session: Session) -> npt.NDArray[np.float64]:
    """Means over 100 ms of a channel (samples,) in each trial, (trials, 30)."""
    starts = [round(onset * 1000) - 500 for onset in session.speaking.onsets]
    return np.array([signal[start : start + 3000].reshape(30, 100).mean(axis=1) for start in starts])


def features(session: Session, pairs: list[tuple[int, int]]) -> dict[str, npt.NDArray[np.float64]]:
    """High gamma and slow potentials of each trial, (trials, channels, 30)."""
    high, low = (butter(4, *band, fs=1000, output="sos") for band in (((70, 150), "bandpass"), (8, "lowpass")))
    found: dict[str, list[npt.NDArray[np.float64]]] = {"high gamma": [], "slow potentials": []}
    for signal in session.bipolar(pairs):
        found["high gamma"].append(np.log(epochs(sosfiltfilt(high, signal) ** 2, session)))
        found["slow potentials"].append(epochs(sosfiltfilt(low, signal), session))
    return {name: np.stack(channels, axis=1) for name, channels in found.items()}


def named_right(inputs: npt.NDArray[np.float64], words: npt.NDArray[np.str_], run: npt.NDArray[np.int64]) -> float:
    """Share of the trials of the last runs that a ridge regression names, trained on those of the first."""
    labels, classes = np.unique(words, return_inverse=True)
    training = run < TRAINING_RUNS
    flat = inputs.reshape(len(inputs), -1)
    # Artefacts must not decide the fit.
    scaled = ((flat - flat[training].mean(axis=0)) / flat[training].std(axis=0)).clip(-5, 5)
    gram = scaled[training].T @ scaled[training] + PENALTY * np.eye(flat.shape[1])
    weights = np.linalg.solve(gram, scaled[training].T @ np.eye(len(labels))[classes[training]])
    return float(((scaled[~training] @ weights).argmax(axis=1) == classes[~training]).mean())


def readout(seed: int, difficulty: float) -> dict[str, float]:
    """Accuracy by signal and region, for the first subject of a seed."""
    subject = SeegSimulator(seed=seed, difficulty=difficulty).subject(0)
    pairs = subject.implant.chosen_pairs(CHANNELS)
    regions = [subject.implant.region_of(pair) for pair in pairs]
    sessions = [subject.word_run(run, mandarin_words(), REPETITIONS) for run in range(RUNS)]
    found = [features(session, pairs) for session in sessions]
    words = np.array([word for session in sessions for word in session.speaking.words])
    run = np.repeat(np.arange(RUNS), len(words) // RUNS)
    accuracy = {}
    for signal in ("high gamma", "slow potentials"):
        inputs = np.concatenate([each[signal] for each in found])
        for name, wanted in REGIONS.items():
            accuracy[f"{signal}, {name}"] = named_right(inputs[:, np.isin(regions, wanted)], words, run)
    return accuracy


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--difficulties", type=float, nargs="+", default=[1.0, 2.0])
    chosen = parser.parse_args(arguments)
    found = {(at, seed): readout(seed, at) for at in chosen.difficulties for seed in chosen.seeds}
    table = Table(
        "signal, channels", *(f"difficulty {at:g}" for at in chosen.difficulties), title="Words named, per cent"
    )
    for name in next(iter(found.values())):
        cells = [[f"{100 * found[at, seed][name]:.1f}" for seed in chosen.seeds] for at in chosen.difficulties]
        table.add_row(name, *(", ".join(cell) for cell in cells))
    Console().print(table)


if __name__ == "__main__":
    main()
