"""What pre-training keeps of a recording: reconstruction by frequency band, and words read out of frozen encoders.

    python examples/pretraining_probe.py RECORDINGS --runs runs/sim01/vqvae runs/sim01/mae

The readout is a ridge regression from each token of an encoder that is not trained further, fitted to the training
trials; its penalty is chosen on the validation trials and its accuracy is that of the test trials. Beside it stand the
same readout of an encoder with random weights, of high-gamma power and of slow waves.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from scipy.signal import butter, sosfiltfilt

from neurolect.data.seeg.batches import SegmentBatch
from neurolect.data.seeg.word_data import WordData
from neurolect.evaluation.run_data import segment_data_of
from neurolect.models.registry import build_model
from neurolect.training.runs import load_segments
from neurolect.training.segment_runs import SegmentRun

BANDS = ((0.5, 2.0), (2.0, 8.0), (8.0, 30.0), (30.0, 70.0), (70.0, 150.0))
PENALTIES = 10.0 ** np.arange(1, 7)
BIN_SECONDS = 0.1

Features = Callable[[SegmentBatch], npt.NDArray[np.float32]]


def reconstruction_by_band(run: SegmentRun) -> list[tuple[float, float]]:
    """Share of the power and mean correlation with the reconstruction, of validation segments, for each band."""
    data = segment_data_of(run)
    with torch.inference_mode():
        batches = [
            (batch.signals, run.model(batch.signals, batch.subjects).signals) for batch in data.validation_batches()
        ]
    recorded, made = (torch.cat(each).numpy() for each in zip(*batches, strict=True))
    found = []
    for band in BANDS:
        sections = butter(3, band, "bandpass", fs=run.sample_rate, output="sos")
        true, guess = (sosfiltfilt(sections, each, axis=1) for each in (recorded, made))
        norms = np.sqrt((true**2).sum(axis=1) * (guess**2).sum(axis=1))
        correlation = ((true * guess).sum(axis=1) / np.maximum(norms, 1e-12)).mean()
        found.append((float(true.var() / recorded.var()), float(correlation)))
    return found


def readout(data: WordData, features: Features) -> float:
    """Accuracy on the test trials of the ridge regression that names the validation trials best."""
    inputs, labels = {}, {}
    for split in ("train", "val", "test"):
        batches = list(data.evaluation_batches(split))
        inputs[split] = np.concatenate([features(batch).reshape(len(batch), -1) for batch in batches])
        labels[split] = np.concatenate([batch.labels.numpy() for batch in batches])
    mean, std = inputs["train"].mean(axis=0), inputs["train"].std(axis=0) + 1e-6
    scaled = {split: (each - mean) / std for split, each in inputs.items()}
    targets = np.eye(len(data.words))[labels["train"]] - 1 / len(data.words)
    gram = scaled["train"] @ scaled["train"].T
    found = []
    for penalty in PENALTIES:
        weights = scaled["train"].T @ np.linalg.solve(gram + penalty * np.eye(len(gram)), targets)
        right = {split: float(((scaled[split] @ weights).argmax(axis=1) == labels[split]).mean()) for split in scaled}
        found.append((right["val"], right["test"]))
    return max(found, key=lambda rates: rates[0])[1]


def of_signals(data: WordData, band: tuple[float, float], is_power: bool) -> Features:
    """Signals of a band, or the logarithm of their power, in bins of 100 ms."""
    sections = butter(4, band, "bandpass", fs=data.sample_rate, output="sos")
    width = round(BIN_SECONDS * data.sample_rate)

    def features(batch: SegmentBatch) -> npt.NDArray[np.float32]:
        filtered = sosfiltfilt(sections, batch.signals.numpy(), axis=1)
        values = filtered**2 if is_power else filtered
        n_bins = values.shape[1] // width
        binned = values[:, : n_bins * width].reshape(len(batch), n_bins, width, -1).mean(axis=2)
        return np.log(binned + 1e-6) if is_power else binned

    return features


def of_encoder(data: WordData, run: SegmentRun, is_trained: bool) -> Features:
    """Embeddings of a run's encoder as it is, or with the random weights that a classifier begins from."""
    sizes = {name: run.model.arguments[name] for name in ("n_channels", "n_subjects", "encoder")}
    torch.manual_seed(0)
    model = build_model("DuINClassifier", {**sizes, "n_samples": data.n_samples, "n_classes": len(data.words)}).eval()
    if is_trained:
        model.encoder.load_state_dict(run.model.encoder.state_dict())

    def features(batch: SegmentBatch) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            return model.encoder(batch.signals, batch.subjects).numpy()

    return features


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="pre-trained on one subject")
    options = parser.parse_args(arguments)
    runs = {str(folder): load_segments(folder, device="cpu") for folder in options.runs}
    first = next(iter(runs.values()))
    data = WordData(options.recordings, subjects=first.subjects, batch_size=64)

    console = Console()
    bands = Table(title="validation segments by band: share of the power, correlation with the reconstruction")
    for heading in ("run", *(f"{low:g} to {high:g} Hz" for low, high in BANDS)):
        bands.add_column(heading, justify="left" if heading == "run" else "right")
    for name, run in runs.items():
        if run.task == "vqvae":
            cells = (f"{share:.3f}, {correlation:.2f}" for share, correlation in reconstruction_by_band(run))
            bands.add_row(name, *cells)
    console.print(bands)

    table = Table(title=f"test trials named right by a linear readout, chance {100 / len(data.words):.1f} %")
    table.add_column("of")
    table.add_column("%", justify="right")
    sources = {
        "high-gamma power": of_signals(data, (70.0, 150.0), True),
        "slow waves": of_signals(data, (0.5, 8.0), False),
        "encoder, random weights": of_encoder(data, first, False),
        **{f"encoder of {name}": of_encoder(data, run, True) for name, run in runs.items()},
    }
    for name, features in sources.items():
        table.add_row(name, f"{100 * readout(data, features):.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
