"""Both pre-training stages of Du-IN on twenty seconds of real sEEG, beside plain compression of the same signal.

The recording (`sample_seeg.edf` of MNE's miscellaneous data: 88 contacts of one patient at 1000 Hz, no speech) is cut
at 15 s before anything is filtered. Choice of channels, z-score, codebook and the training of both stages come from
the first part, whose last three seconds choose the epoch; the figures are of the last 5 s alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from scipy.signal import lfilter, lfiltic, resample
from torch import Tensor

from neurolect.commands.pretrain_mae import pretrain_mae
from neurolect.commands.pretrain_vqvae import pretrain_vqvae
from neurolect.data.seeg.channel_selection import ChannelSelection
from neurolect.data.seeg.conversion import convert_subject
from neurolect.data.seeg.conversion_plan import plan_subject
from neurolect.data.seeg.layout import open_subject
from neurolect.data.seeg.raw_recording import RawRecording
from neurolect.data.seeg.raw_sources import open_sources
from neurolect.data.seeg.segment_data import SegmentData
from neurolect.data.seeg.signal_preparation import Preparation
from neurolect.errors import NeurolectError
from neurolect.models.duin.mae import DuINMAE
from neurolect.models.duin.settings import DecoderSettings, EncoderSettings, QuantiserSettings
from neurolect.models.duin.vqvae import DuINVQVAE
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.runs import load_segments
from neurolect.training.segment_fit import EpochSettings
from neurolect.training.segment_runs import SegmentRun

RECORDING = Path(__file__).resolve().parents[2] / "shared" / "real" / "ieeg" / "sample_seeg.edf"
SUBJECT = "seeg"
TRAINING_SECONDS, RATE, PATCH = 15.0, 1000, 100
PREPARATION = Preparation(mains=60.0)
ENCODER = EncoderSettings(n_blocks=2)
CODES = QuantiserSettings(n_codes=256, revive_after=100)
BITS = int(np.log2(CODES.n_codes))
AR_ORDER = 50

Signals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """Correlation of a reconstruction with the recording, per channel (channels,), and what it was made from."""

    name: str
    made_from: str
    correlations: Signals


def prepare(recording: Path, folder: Path) -> None:
    """Write the two parts in the packed layout, each re-referenced and filtered without a sample of the other."""
    (raw,) = open_sources([recording], SUBJECT)[SUBJECT]
    cut = round(TRAINING_SECONDS * raw.sample_rate)
    chosen = ChannelSelection()
    for name, start, stop in (("training", 0, cut), ("held out", cut, raw.n_samples)):
        plan = plan_subject(SUBJECT, [part(raw, start, stop)], PREPARATION, chosen)
        convert_subject(plan, folder / name)
        chosen = ChannelSelection(names=plan.info.channels)


def part(raw: RawRecording, start: int, stop: int) -> RawRecording:
    """Samples from `start` to before `stop` of a recording, as if there were no others."""

    def read(rows: Sequence[int], first: int, last: int) -> Signals:
        return raw.read_block(rows, start + first, start + last)

    return replace(raw, n_samples=stop - start, read_block=read, events=())


def train(folder: Path, epochs: int, seed: int) -> tuple[SegmentRun, SegmentRun]:
    """Both stages on the first part: the autoencoder, and the model that guesses its codes."""
    data = SegmentData(
        folder / "training",
        segment_seconds=1.0,
        segments_per_epoch=64,
        batch_size=16,
        seed=seed,
        validation_fraction=0.2,
        test_fraction=0.0,
    )
    trainer = EpochSettings(epochs=epochs, validate_every=epochs // 20, accelerator="cpu", progress=False)
    recipe = EpochRecipe(lr=1e-3, weight_decay=0.05)
    autoencoder = partial(DuINVQVAE, encoder=ENCODER, quantiser=CODES, decoder=DecoderSettings(n_blocks=1))
    pretrain_vqvae(data, folder / "vqvae", autoencoder, recipe, trainer, seed)
    pretrain_mae(data, folder / "vqvae", folder / "mae", partial(DuINMAE, encoder=ENCODER), recipe, trainer, seed=seed)
    return load_segments(folder / "vqvae", device="cpu"), load_segments(folder / "mae", device="cpu")


def per_channel(made: Signals, true: Signals) -> Signals:
    """Pearson correlation over time of signals (channels, samples)."""
    made, true = (each - each.mean(axis=1, keepdims=True) for each in (made, true))
    size = np.sqrt((made**2).sum(axis=1) * (true**2).sum(axis=1))
    found: Signals = (made * true).sum(axis=1) / np.maximum(size, 1e-12)
    return found


def low_passed(signals: Signals, per_second: float = RATE / PATCH) -> Signals:
    """Signals (…, samples) from so many numbers a second: an ideal low-pass at half of that."""
    few = round(signals.shape[-1] * per_second / RATE)
    kept: Signals = resample(resample(signals, few, axis=-1), signals.shape[-1], axis=-1)
    return kept


def principal_component(training: Signals, held_out: Signals, bits: int) -> Signals:
    """One number a patch for all channels: their first principal component, low-passed and rounded to so many bits."""
    direction = np.linalg.eigh(np.cov(training))[1][:, -1]
    seen, numbers = (resample(direction @ each, each.shape[1] // PATCH) for each in (training, held_out))
    # Levels are quantiles of training, so that each is used equally often.
    levels = np.quantile(seen, (np.arange(2**bits) + 0.5) / 2**bits)
    rounded = levels[np.abs(numbers[:, None] - levels).argmin(axis=1)]
    return np.outer(direction, resample(rounded, held_out.shape[1]))


def autoregression(training: Signals, held_out: Signals, ahead: int = PATCH, order: int = AR_ORDER) -> Signals:
    """Each patch foretold from the true signal before it, channel by channel; the first patch is 0."""
    foretold = np.zeros_like(held_out)
    for channel, signal in enumerate(training):
        past = np.lib.stride_tricks.sliding_window_view(signal[:-1], order)
        weights = np.linalg.lstsq(past, signal[order:], rcond=None)[0]
        model = np.append(1, -weights[::-1])
        for start in range(ahead, held_out.shape[1], ahead):
            known = held_out[channel, start - order : start][::-1]
            # Given nothing, the filter goes on as the signal before would by itself.
            state = lfiltic([1.0], model, known)
            foretold[channel, start : start + ahead] = lfilter([1.0], model, np.zeros(ahead), zi=state)[0]
    return foretold


def segments_of(folder: Path, name: str, run: SegmentRun) -> npt.NDArray[np.float32]:
    """A part as segments side by side, (segments, samples, channels)."""
    signal = open_subject(folder / name / SUBJECT).recordings[0].signal
    n_segments = signal.shape[1] // run.n_samples
    return signal[:, : n_segments * run.n_samples].T.reshape(n_segments, run.n_samples, -1)


@torch.inference_mode()
def decode(run: SegmentRun, codes: Tensor, subjects: Tensor) -> Signals:
    """Codes (segments, tokens) → z-scored signals (channels, samples)."""
    model = run.model
    quantiser = model.quantiser
    tokens = model.decoder(quantiser.out(quantiser.norm(quantiser.codebook[codes])) + model.encoder.time_table)
    signals = model.subject_layer(model.regression(tokens), subjects)
    made: Signals = signals.flatten(0, 1).T.double().numpy()
    return made


@torch.inference_mode()
def evaluate(folder: Path, vqvae: SegmentRun, mae: SegmentRun, seed: int) -> tuple[list[Row], dict[str, float]]:
    """Reconstructions of the held-out part, and what per cent of its codes could be guessed and are."""
    signals, subjects = vqvae.prepare(segments_of(folder, "held out", vqvae), SUBJECT)
    held_out = signals.flatten(0, 1).T.double().numpy()
    training = np.float64(vqvae.inputs[0].scale(open_subject(folder / "training" / SUBJECT).recordings[0].signal))
    codes = vqvae.model.codes(signals, subjects)
    generator = torch.Generator().manual_seed(seed)
    exchanged = codes.flatten()[torch.randperm(codes.numel(), generator=generator)].view_as(codes)
    # Every second patch is hidden; the model guesses these from the others and the others from these.
    hidden = (torch.arange(codes.shape[1]) % 2 == 0).expand(codes.shape)
    logits = mae.model(signals, subjects, hidden)
    guessed = logits.argmax(dim=-1)
    n_channels, tokens = len(held_out), RATE // PATCH
    made = {
        ("VQ-VAE", f"{tokens} codes of {BITS} bits a second"): decode(vqvae, codes, subjects),
        ("VQ-VAE, codes exchanged", "nothing true: chance"): decode(vqvae, exchanged, subjects),
        ("VQ-VAE, codes guessed by the MAE", "the other half of the patches"): decode(vqvae, guessed, subjects),
        ("first principal component", f"{tokens} numbers of {BITS} bits a second"): principal_component(
            training, held_out, BITS
        ),
        ("low-pass at 5 Hz", f"{tokens * n_channels} numbers a second"): low_passed(held_out),
        ("autoregression, 100 ms ahead", "the true signal before each patch"): autoregression(training, held_out),
    }
    seen = vqvae.model.codes(*vqvae.prepare(segments_of(folder, "training", vqvae), SUBJECT)).flatten()
    shares = {
        "whose code occurs in the first 15 s": torch.isin(codes, seen),
        "whose code the MAE guesses": guessed == codes,
        "whose code is the commonest of the first 15 s": codes == seen.mode()[0],
    }
    guesses = {what: 100 * float(share.float().mean()) for what, share in shares.items()}
    return [Row(*row, per_channel(signals, held_out)) for row, signals in made.items()], guesses


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, default=RECORDING, help="sample_seeg.edf")
    parser.add_argument("--epochs", type=int, default=200, help="of each stage, a multiple of 20")
    parser.add_argument("--seed", type=int, default=0, help="of weights, segments, dropout and masks")
    chosen = parser.parse_args(arguments)
    try:
        with TemporaryDirectory() as name:
            folder = Path(name)
            prepare(chosen.recording, folder)
            rows, guesses = evaluate(folder, *train(folder, chosen.epochs, chosen.seed), chosen.seed)
    except NeurolectError as error:
        print(f"real_seeg: {error}", file=sys.stderr)
        return 2
    table = Table("reconstruction", "made from", "correlation", title="Last 5 s: median of channels [quartiles]")
    for row in rows:
        low, median, high = np.quantile(row.correlations, (0.25, 0.5, 0.75))
        table.add_row(row.name, row.made_from, f"{median:.2f} [{low:.2f}, {high:.2f}]")
    console = Console()
    console.print(table)
    for what, value in guesses.items():
        console.print(f"patches {what}: {value:.0f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
