"""`neurolect pretrain mae`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.seeg.segment_data import SegmentData
from neurolect.models.duin.mae import DuINMAE
from neurolect.models.segment_factories import CodeModelFactory
from neurolect.training.encoder_start import NewSubjects
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.segment_fit import EpochSettings


def pretrain_mae(
    data: SegmentData,
    teacher: Path,
    out: Path,
    model: CodeModelFactory = DuINMAE,
    optimiser: EpochRecipe = EpochRecipe(weight_decay=0.05),
    trainer: EpochSettings = EpochSettings(epochs=400),
    mask_ratio: float = 0.5,
    seed: int = 42,
    dropout_seed: int | None = None,
    mask_seed: int | None = None,
    start_from: Path | None = None,
    new_subjects: NewSubjects = "refuse",
    resume: bool = False,
    config_yaml: str = "",
) -> None:
    """Learn to guess the codes of hidden patches: the second stage of Du-IN.

    The run folder holds config.yaml, metrics.csv, checkpoints/ and the kept weights, which `train words` begins from.
    They are those of the lowest validation loss, or in the reference protocol the last.

    Args:
        data: unlabelled segments in the packed layout, of the subjects and channels that the teacher knows.
        teacher: run folder of `pretrain vqvae`, whose codes are guessed.
        out: run folder.
        model: a model class and its settings; data and teacher decide channels, subjects, samples and codes.
        optimiser: rates and decay.
        trainer: length, validation, precision and devices.
        mask_ratio: share of the patches that the first of two complementary masks hides.
        seed: of initial weights, and of dropout and masks unless those have their own.
        dropout_seed: of dropout.
        mask_seed: of the masks.
        start_from: run folder whose encoder training begins from; as published, the encoder begins anew.
        new_subjects: whether subjects that run does not know begin from initial weights, or are refused.
        resume: go on from the run folder's last checkpoint.
        config_yaml: filled in by the command line.

    Examples:
        neurolect pretrain mae --config configs/duin_mae.yaml --data.root seeg --teacher runs/vqvae --out runs/mae
        neurolect pretrain mae --config runs/mae/config.yaml --resume
    """
    from neurolect.commands.finished_training import finish_training
    from neurolect.errors import ConfigError
    from neurolect.training.best import Criterion
    from neurolect.training.encoder_start import start_from_run
    from neurolect.training.mae_training import MAETraining
    from neurolect.training.runs import load_segments
    from neurolect.training.segment_fit import build_for, fit_segments
    from neurolect.training.teacher import teacher_of

    if not 0 < mask_ratio < 1:
        raise ConfigError(f"mask_ratio is {mask_ratio}, it must be between 0 and 1")
    knows = teacher_of(load_segments(teacher, "vqvae", "cpu"), data.subject_inputs, data.sample_rate, data.n_samples)
    network = build_for(data, model, seed, n_codes=knows.n_codes)
    start_from_run(network, data.subject_inputs, data.sample_rate, start_from, new_subjects)
    dropout, masks = (seed if own is None else own for own in (dropout_seed, mask_seed))
    task = MAETraining(network, data.subject_inputs, knows, optimiser, trainer.epochs, mask_ratio, dropout, masks)
    criterion = None if data.protocol == "reference" else Criterion("val/loss")
    facts = {"teacher": str(teacher), "start_from": start_from and str(start_from)}
    kept = fit_segments(task, data, out, trainer, criterion, facts=facts, resume=resume, config_yaml=config_yaml)
    finish_training(out, task, kept)
