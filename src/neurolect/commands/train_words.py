"""`neurolect train words`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.seeg.word_data import WordData
from neurolect.models.duin.classifier import DuINClassifier
from neurolect.models.segment_factories import ClassifierFactory
from neurolect.training.encoder_start import NewSubjects
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.segment_fit import EpochSettings


def train_words(
    data: WordData,
    out: Path,
    model: ClassifierFactory = DuINClassifier,
    optimiser: EpochRecipe = EpochRecipe(lr=2e-4, lr_min=5e-6, weight_decay=0.05),
    trainer: EpochSettings = EpochSettings(epochs=200),
    seed: int = 42,
    dropout_seed: int | None = None,
    start_from: Path | None = None,
    new_subjects: NewSubjects = "refuse",
    resume: bool = False,
    config_yaml: str = "",
) -> None:
    """Train a classifier of spoken words: the third stage of Du-IN.

    The run folder holds config.yaml, metrics.csv, checkpoints/ and the weights of the best validation accuracy, which
    `neurolect classify` and `neurolect.load` open. The reference protocol also scores the test trials after each
    validation, and reports the accuracy that the reference's code would.

    Args:
        data: trials of spoken words in the packed layout.
        out: run folder.
        model: a model class and its settings; the data decide channels, subjects, samples and words.
        optimiser: rates and decay.
        trainer: length, validation, precision and devices.
        seed: of initial weights, and of dropout unless that has its own.
        dropout_seed: of dropout.
        start_from: run folder of any stage whose encoder training begins from; subjects and channels are matched by
            name.
        new_subjects: whether subjects that run does not know begin from initial weights, or are refused.
        resume: go on from the run folder's last checkpoint.
        config_yaml: filled in by the command line.

    Examples:
        neurolect train words --config configs/duin_words.yaml --data.root seeg --out runs/scratch
        neurolect train words --config configs/duin_words.yaml --data.root seeg --start_from runs/mae --out runs/words
        neurolect train words --config runs/words/config.yaml --resume
    """
    from functools import partial

    from neurolect.commands.finished_training import finish_training
    from neurolect.training.best import Criterion
    from neurolect.training.encoder_start import start_from_run
    from neurolect.training.reference_choice import keep_reference_accuracies
    from neurolect.training.segment_fit import build_for, fit_segments
    from neurolect.training.word_training import WordTraining

    network = build_for(data, model, seed, n_classes=len(data.words))
    start_from_run(network, data.subject_inputs, data.sample_rate, start_from, new_subjects)
    dropout = seed if dropout_seed is None else dropout_seed
    task = WordTraining(network, data.subject_inputs, optimiser, trainer.epochs, data.protocol, dropout)
    tests = partial(data.evaluation_batches, "test") if data.protocol == "reference" else None
    kept = fit_segments(
        task,
        data,
        out,
        trainer,
        Criterion("val/accuracy", "max"),
        data.words,
        tests,
        facts={"start_from": start_from and str(start_from)},
        resume=resume,
        config_yaml=config_yaml,
    )
    accuracy = keep_reference_accuracies(out) if data.protocol == "reference" else None
    finish_training(out, task, kept)
    if accuracy is not None:
        print(f"test accuracy by the reference's rule, in which test trials choose the epoch: {100 * accuracy:.2f} %")
