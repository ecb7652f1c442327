"""The three stages of Du-IN on reaches of monkey motor cortex: does pre-training help, on this day and 16 days later?

The recordings are those of `m1_targets.py`: 96 channels of M1 in bins of 50 ms, eight targets, two days. A trial is one
reach, 1.6 s from the go cue. The 55 % of day 0's reaches that come first train, the next 15 % choose the epoch, and the
last 30 % are for the report, as are those of day 16. Pre-training sees day 0 up to the end of its last training reach,
without labels.

Du-IN's tokens are 100 samples at 1000 Hz. Here a token is four bins (0.2 s), so that a trial has eight, and the model
is smaller: two blocks, tokens 32 wide, 128 codes.
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
from rich.console import Console
from rich.table import Table

from m1_targets import DATA, Day, read_day
from neurolect.commands.pretrain_mae import pretrain_mae
from neurolect.commands.pretrain_vqvae import pretrain_vqvae
from neurolect.commands.train_words import train_words
from neurolect.data.seeg.augmentation import TimeShift
from neurolect.data.seeg.layout import SubjectInfo, WordTrials, open_subject, write_subject
from neurolect.data.seeg.segment_data import SegmentData
from neurolect.data.seeg.word_data import TrialReference, WordData
from neurolect.data.t15 import Split
from neurolect.errors import NeurolectError
from neurolect.models.duin.classifier import DuINClassifier
from neurolect.models.duin.mae import DuINMAE
from neurolect.models.duin.settings import DecoderSettings, EncoderSettings, QuantiserSettings
from neurolect.models.duin.vqvae import DuINVQVAE
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.runs import load_segments
from neurolect.training.segment_fit import EpochSettings
from neurolect.training.segment_runs import SegmentRun

SUBJECT, BIN_SECONDS, TRIAL_BINS = "m1", 0.05, 32
VALIDATION, TEST = 0.15, 0.30
ENCODER = EncoderSettings(
    patch_size=4, filters=(64, 64, 16), kernels=(3, 3, 3), strides=(2, 1, 1), n_blocks=2, n_heads=4, head_width=16
)
DECODER = DecoderSettings(n_blocks=1, filters=(64, 16), kernels=(4, 4), strides=(2, 2))
CODES = QuantiserSettings(n_codes=128, code_width=16)
RECIPE = EpochRecipe(lr=1e-3, lr_min=1e-4, weight_decay=0.05)
BEGINNINGS = ("random weights", "VQ-VAE", "MAE")
TESTS = ("day 0", "day 16, nothing changed", "day 16, z-scored anew")


@dataclass(frozen=True)
class FewLabels(WordData):
    """Trials of which only the first `n_labels` of training are used with their labels; None uses all."""

    n_labels: int | None = None

    def trials(self, split: Split) -> list[TrialReference]:
        """The trials of a split, in the order of `evaluation_batches`."""
        found = super().trials(split)
        return found[: self.n_labels] if split == "train" else found


def write_reaches(day: Day, root: Path) -> WordData:
    """Write the rewarded reaches of a day as trials of words."""
    rewarded = [go for go, paid in zip(day.go, day.rewarded, strict=True) if paid and go + TRIAL_BINS <= len(day.rates)]
    trials = WordTrials(
        signals=np.stack([day.rates[go : go + TRIAL_BINS].T for go in rewarded]),
        words=[str(target) for go, target in zip(day.go, day.target, strict=True) if go in rewarded],
        runs=[day.name] * len(rewarded),
        onsets=np.array(rewarded) * BIN_SECONDS,
    )
    write_subject(root / SUBJECT, describe(day), trials)
    return WordData(root, validation_fraction=VALIDATION, test_fraction=TEST)


def write_unlabelled(day: Day, data: WordData, root: Path, seed: int) -> SegmentData:
    """Write a day up to the end of its last training trial as one recording."""
    trials = open_subject(data.root / SUBJECT).trials
    assert trials is not None
    last = max(trial.trial for trial in data.trials("train"))
    end = round(trials.onsets[last] / BIN_SECONDS) + TRIAL_BINS
    write_subject(root / SUBJECT, describe(day), recordings=[(day.name, np.ascontiguousarray(day.rates[:end].T))])
    return SegmentData(
        root,
        segment_seconds=TRIAL_BINS * BIN_SECONDS,
        segments_per_epoch=512,
        seed=seed,
        validation_fraction=0.1,
        test_fraction=0.0,
    )


def describe(day: Day) -> SubjectInfo:
    """Channels and rate; the units' positions are not known."""
    channels = [f"unit{number + 1}" for number in range(day.rates.shape[1])]
    return SubjectInfo(SUBJECT, channels, 1 / BIN_SECONDS, source="Farshchian et al. 2019, ADAN")


def pretrain(data: SegmentData, folder: Path, epochs: int, seed: int) -> dict[str, Path | None]:
    """Both stages; returns the run that each beginning stands for."""
    settings = trainer(epochs)
    autoencoder = partial(DuINVQVAE, encoder=ENCODER, quantiser=CODES, decoder=DECODER)
    pretrain_vqvae(data, folder / "vqvae", autoencoder, RECIPE, settings, seed)
    pretrain_mae(data, folder / "vqvae", folder / "mae", partial(DuINMAE, encoder=ENCODER), RECIPE, settings, seed=seed)
    return dict(zip(BEGINNINGS, (None, folder / "vqvae", folder / "mae"), strict=True))


def trainer(epochs: int) -> EpochSettings:
    return EpochSettings(epochs=epochs, validate_every=epochs // 20, accelerator="cpu", progress=False)


def accuracies(run: SegmentRun, data: WordData, later: WordData) -> dict[str, float]:
    """Share of held-out reaches whose target is named, on both days."""
    anew = replace(run, inputs=later.subject_inputs)
    return dict(zip(TESTS, (accuracy(run, data), accuracy(run, later), accuracy(anew, later)), strict=True))


def accuracy(run: SegmentRun, data: WordData) -> float:
    trials = open_subject(data.root / SUBJECT).trials
    assert trials is not None
    held_out = data.trials("test")
    signals = np.stack([trials.signals[each.trial].T for each in held_out])
    named = run.logits(signals, SUBJECT).argmax(axis=1)
    return float(np.mean([run.words[word] == each.word for word, each in zip(named, held_out, strict=True)]))


def experiment(
    first: Day, later: Day, folder: Path, labels: Sequence[int | None], epochs: int, seed: int
) -> dict[tuple[int | None, str], dict[str, float]]:
    """Accuracies by number of labels and by what training began from."""
    data, later_data = write_reaches(first, folder / "day0"), write_reaches(later, folder / "day16")
    begun = pretrain(write_unlabelled(first, data, folder / "unlabelled", seed), folder, epochs, seed)
    found = {}
    for n_labels in labels:
        labelled = FewLabels(
            data.root,
            validation_fraction=VALIDATION,
            test_fraction=TEST,
            seed=seed,
            batch_size=16,
            shift=TimeShift(2 * BIN_SECONDS),
            n_labels=n_labels,
        )
        # With fewer labels an epoch has fewer steps, so that there are more of them.
        settings = trainer(epochs * round(len(data.trials("train")) / len(labelled.trials("train"))))
        for name, run in begun.items():
            out = folder / f"{name} {n_labels}"
            classifier = partial(DuINClassifier, encoder=ENCODER)
            train_words(labelled, out, classifier, RECIPE, settings, seed, start_from=run)
            found[n_labels, name] = accuracies(load_segments(out, device="cpu"), data, later_data)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of Day0.mat and Day16.mat")
    parser.add_argument("--labels", type=int, nargs="*", default=[32], help="also train with so many labels")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="of weights, batches, dropout and masks"
    )
    parser.add_argument("--epochs", type=int, default=60, help="of each stage, a multiple of 20")
    chosen = parser.parse_args(arguments)
    found = []
    try:
        first, later = (read_day(chosen.data / name) for name in ("Day0.mat", "Day16.mat"))
        for seed in chosen.seeds:
            with TemporaryDirectory() as folder:
                found.append(experiment(first, later, Path(folder), [None, *chosen.labels], chosen.epochs, seed))
    except NeurolectError as error:
        print(f"m1_words: {error}", file=sys.stderr)
        return 2
    table = Table("labels", "begun from", *TESTS, title=f"Held-out reaches named right, per cent, seeds {chosen.seeds}")
    for n_labels, name in found[0]:
        cells = [", ".join(f"{100 * each[n_labels, name][test]:.0f}" for each in found) for test in TESTS]
        table.add_row("all" if n_labels is None else str(n_labels), name, *cells)
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
