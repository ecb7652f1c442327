"""Reach targets from monkey motor cortex, decoded by the CTC task, the day layers and the trainer made for speech.

The recordings (Farshchian et al. 2019, "ADAN": 96 channels of M1 in 50 ms bins, an isometric wrist task with eight
targets, two days 16 days apart) stand in for speech: a target is a phoneme, consecutive reaches are a sentence, and the
decoder is not told where one reach ends. `--data` holds Day0.mat and Day16.mat.

Each day is split in time: the first 55 % of its reaches train and give the z-score, the next 15 % choose the epoch, and
the last 30 % are for the report alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table

from neurolect.data.augmentation import Augmentation
from neurolect.data.dataset import SpeechData
from neurolect.data.files import written_atomically
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.data.t15 import Split, write_split
from neurolect.data.trial import Trial
from neurolect.decoding.greedy import greedy_decode
from neurolect.errors import DataError, NeurolectError
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import Alphabet
from neurolect.text.error_rates import ErrorCounts, ErrorRate, count_errors, error_rate
from neurolect.training.ctc import CTCTraining
from neurolect.training.ctc_fit import TrainerSettings, fit_ctc
from neurolect.training.optimisation import AdamWRecipe
from neurolect.training.runs import Run, load_decoder
from neurolect.training.warm_start import start_from

DATA = Path(__file__).resolve().parents[2] / "shared" / "real" / "m1_multiday"
REWARDED = 82
TARGETS = Alphabet(("BLANK", *"12345678"))


@dataclass(frozen=True)
class Day:
    """Spike rates (bins, channels); go cue and end in bins, target and reward of each reach (reaches,).

    `n_training` limits the training part to its first reaches; None takes all.
    """

    name: str
    rates: npt.NDArray[np.float32]
    go: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    target: npt.NDArray[np.int32]
    rewarded: npt.NDArray[np.bool_]
    n_training: int | None = None

    @property
    def parts(self) -> dict[Split, range]:
        """Which reaches train, choose the epoch, and are held out."""
        reaches = range(len(self.go))
        val, test = int(0.55 * len(reaches)), int(0.70 * len(reaches))
        return {"train": reaches[:val][: self.n_training], "val": reaches[val:test], "test": reaches[test:]}

    @property
    def mean_and_std(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Of each channel up to the end of the training part; the std of a silent channel is given as 1."""
        training = self.rates[: self.end[self.parts["train"][-1]]]
        std = training.std(axis=0)
        return training.mean(axis=0), np.where(std > 0, std, np.float32(1))


def read_day(path: Path) -> Day:
    """Read one recording; the columns used of its trial table are go cue (6), end (7), result (8) and target (9)."""
    from scipy.io import loadmat

    try:
        with path.open("rb") as file:
            day = loadmat(file, squeeze_me=True, struct_as_record=False)["binnedData"]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; --data names the folder of Day0.mat and Day16.mat") from None
    except (KeyError, ValueError):
        raise DataError(f"{path}: not a MATLAB file that holds binnedData") from None
    go, end, result, target = day.trialtable[:, 6:10].T
    go, end = (np.searchsorted(day.timeframe, seconds) for seconds in (go, end))
    rates = day.spikeratedata.astype(np.float32)
    return Day(path.stem, rates, go, end, target.astype(np.int32), result == REWARDED)


def sequences(rewarded: npt.NDArray[np.bool_], part: range, length: int, overlap: bool) -> list[range]:
    """Runs of `length` consecutive rewarded reaches within a part: every such run, or runs that share no reach."""
    found: list[range] = []
    start = part.start
    while start + length <= part.stop:
        complete = bool(rewarded[start : start + length].all())
        if complete:
            found.append(range(start, start + length))
        start += length if complete and not overlap else 1
    return found


def trials(day: Day, split: Split, z_scored_as: Day | None = None) -> list[Trial]:
    """Sequences from first go cue to last end: every one of 2, 3 or 4 reaches to train on, else threes side by side."""
    mean, std = (z_scored_as or day).mean_and_std
    training = split == "train"
    return [
        Trial(
            session=day.name,
            block=0,
            number=reaches[0],
            features=(day.rates[day.go[reaches[0]] : day.end[reaches[-1]]] - mean) / std,
            labels=day.target[reaches],
        )
        for length in ((2, 3, 4) if training else (3,))
        for reaches in sequences(day.rewarded, day.parts[split], length, overlap=training)
    ]


def train(day: Day, out: Path, steps: int, seed: int, start: Run | None = None, freeze: Sequence[str] = ()) -> Run:
    """Train a decoder on one day, from another run's weights if given; returns the weights of the best epoch."""
    for split in ("train", "val"):
        write_split(out / "data" / day.name / f"data_{split}.hdf5", trials(day, split))
    torch.manual_seed(seed)
    model = GRUDecoder(
        day.rates.shape[1], n_units=64, n_days=1, n_classes=len(TARGETS), n_layers=1, patch_size=8, patch_stride=4
    )
    if start:
        start_from(model, [day.name], start, new_days="mean")
    smoothing, augmentation = GaussianSmoothing(std=1.0), Augmentation(random_cut=0)
    recipe = AdamWRecipe(lr=0.02, lr_day=0.02, warmup_steps=steps // 10, eps=1e-3, gradient_clip=1.0)
    task = CTCTraining(model, TARGETS, [day.name], smoothing, augmentation, recipe, seed, list(freeze))
    data = SpeechData(out / "data", batch_size=16, seed=seed)
    settings = TrainerSettings(steps=steps, validate_every=15, precision="32-true", accelerator="cpu", progress=False)
    fit_ctc(task, data, out, settings)
    return load_decoder(out, device="cpu")


def answers(run: Run, held_out: Sequence[Trial]) -> list[list[int]]:
    """Greedy answers, through the only day layer of the run."""
    return [greedy_decode(run.logits(trial.features, run.sessions[0]), run.alphabet) for trial in held_out]


def targets(held_out: Sequence[Trial]) -> list[list[int]]:
    return [[int(target) for target in trial.labels] for trial in held_out if trial.labels is not None]


def best_constant(reached: list[list[int]]) -> list[int]:
    """The one of these sequences that has the fewest errors as the answer to all of them."""
    return min(reached, key=lambda guess: int(count_errors(reached, [guess] * len(reached)).errors.sum()))


def exchanged(reached: list[list[int]], answered: list[list[int]]) -> ErrorCounts:
    """Errors of the answers to all other sequences."""
    turns = [count_errors(reached, answered[turn:] + answered[:turn]) for turn in range(1, len(reached))]
    kinds = ("substitutions", "insertions", "deletions", "lengths")
    return ErrorCounts(*(np.sum([getattr(turn, kind) for turn in turns], axis=0) for kind in kinds))


def experiment(first: Day, later: Day, folder: Path, steps: int, seed: int) -> dict[str, ErrorRate]:
    """Train on the first day, carry to the later one, adapt there: target error rate by condition, held-out reaches."""
    base = train(first, folder / "first", steps, seed)
    layer = train(later, folder / "layer", steps, seed, base, freeze=["gru", "out", "h0"])
    tuned = train(later, folder / "tuned", steps, seed, base)
    alone = train(later, folder / "alone", steps, seed)
    test0, test16 = trials(first, "test"), trials(later, "test")
    reached0, reached16, answers0 = targets(test0), targets(test16), answers(base, test0)
    guess = best_constant(targets(trials(first, "val")))
    counts = {
        "chance: constant answer": count_errors(reached0, [guess] * len(test0)),
        "chance: exchanged answers": exchanged(reached0, answers0),
        "day 0": count_errors(reached0, answers0),
        "day 16, nothing changed": count_errors(reached16, answers(base, trials(later, "test", z_scored_as=first))),
        "day 16, z-scored anew": count_errors(reached16, answers(base, test16)),
        "day 16, new day layer": count_errors(reached16, answers(layer, test16)),
        "day 16, all weights tuned": count_errors(reached16, answers(tuned, test16)),
        "day 16, trained alone": count_errors(reached16, answers(alone, test16)),
    }
    return {condition: error_rate(errors) for condition, errors in counts.items()}


def draw(report: dict[str, ErrorRate], path: Path) -> None:
    """One bar a condition with its interval, as PNG."""
    from matplotlib.figure import Figure

    rates, low, high = 100 * np.array([[rate.rate, rate.low, rate.high] for rate in report.values()]).T
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(list(report), rates, xerr=(rates - low, high - rates), capsize=3, color="0.7")
    axes.invert_yaxis()
    axes.set_xlabel("target error rate (%), 95 % bootstrap interval over sequences")
    with written_atomically(path) as partial:
        figure.savefig(partial, dpi=150, format="png")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of Day0.mat and Day16.mat")
    parser.add_argument("--adapt", type=int, metavar="N", help="train on day 16's first N reaches (default: its 55 %%)")
    parser.add_argument("--figure", type=Path, help="PNG to write")
    parser.add_argument("--json", type=Path, help="file to write the error rates to")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches, augmentation and dropout")
    parser.add_argument("--quick", action="store_true", help="75 steps instead of 300")
    chosen = parser.parse_args(arguments)
    if chosen.adapt is not None and chosen.adapt < 2:
        parser.error(f"--adapt {chosen.adapt}: a sequence has at least 2 reaches")
    steps = 75 if chosen.quick else 300
    try:
        first, later = (read_day(chosen.data / name) for name in ("Day0.mat", "Day16.mat"))
        later = replace(later, n_training=chosen.adapt)
        with TemporaryDirectory() as folder:
            report = experiment(first, later, Path(folder), steps, chosen.seed)
    except NeurolectError as error:
        print(f"m1_targets: {error}", file=sys.stderr)
        return 2
    table = Table("condition", "target error rate [95 % interval]", "sequences", title="Held-out reaches")
    for condition, rate in report.items():
        table.add_row(condition, str(rate), str(rate.trials))
    Console().print(table)
    if chosen.figure:
        draw(report, chosen.figure)
    if chosen.json:
        settings = {"seed": chosen.seed, "steps": steps, "adapt": chosen.adapt}
        rates = {condition: asdict(rate) for condition, rate in report.items()}
        with written_atomically(chosen.json) as partial:
            partial.write_text(json.dumps({**settings, "target_error_rate": rates}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
