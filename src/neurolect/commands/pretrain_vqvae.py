"""`neurolect pretrain vqvae`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.seeg.segment_data import SegmentData
from neurolect.models.duin.vqvae import DuINVQVAE
from neurolect.models.segment_factories import AutoencoderFactory
from neurolect.training.encoder_start import NewSubjects
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.segment_fit import EpochSettings


def pretrain_vqvae(
    data: SegmentData,
    out: Path,
    model: AutoencoderFactory = DuINVQVAE,
    optimiser: EpochRecipe = EpochRecipe(weight_decay=0.01),
    trainer: EpochSettings = EpochSettings(epochs=800),
    seed: int = 42,
    dropout_seed: int | None = None,
    start_from: Path | None = None,
    new_subjects: NewSubjects = "refuse",
    resume: bool = False,
    config_yaml: str = "",
) -> None:
    """Learn a codebook by reconstructing unlabelled segments: the first stage of Du-IN.

    The run folder holds config.yaml, metrics.csv, checkpoints/ and the kept weights, which `pretrain mae` and
    `train words` begin from. They are those of the lowest validation loss, or in the reference protocol the last.

    Args:
        data: unlabelled segments in the packed layout.
        out: run folder.
        model: a model class and its settings; the data decide channels, subjects and samples.
        optimiser: rates and decay.
        trainer: length, validation, precision and devices.
        seed: of initial weights, and of dropout unless that has its own.
        dropout_seed: of dropout and of the first codebook.
        start_from: run folder whose encoder training begins from; subjects and channels are matched by name.
        new_subjects: whether subjects that run does not know begin from initial weights, or are refused.
        resume: go on from the run folder's last checkpoint.
        config_yaml: filled in by the command line.

    Examples:
        neurolect pretrain vqvae --config configs/duin_vqvae.yaml --data.root seeg --out runs/vqvae
        neurolect pretrain vqvae --config runs/vqvae/config.yaml --resume
        neurolect pretrain vqvae --data.root seeg --data.subjects 001 --data.batch_size 32 --out runs/001/vqvae
    """
    from neurolect.commands.finished_training import finish_training
    from neurolect.training.best import Criterion
    from neurolect.training.encoder_start import start_from_run
    from neurolect.training.segment_fit import build_for, fit_segments
    from neurolect.training.vqvae_training import VQVAETraining

    network = build_for(data, model, seed)
    start_from_run(network, data.subject_inputs, data.sample_rate, start_from, new_subjects)
    dropout = seed if dropout_seed is None else dropout_seed
    task = VQVAETraining(network, data.subject_inputs, optimiser, trainer.epochs, dropout)
    criterion = None if data.protocol == "reference" else Criterion("val/loss")
    facts = {"start_from": start_from and str(start_from)}
    kept = fit_segments(task, data, out, trainer, criterion, facts=facts, resume=resume, config_yaml=config_yaml)
    finish_training(out, task, kept)
