"""`neurolect train alignment`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.seeg.word_data import WordData
from neurolect.models.duin.aligner import DuINAligner
from neurolect.models.segment_factories import AlignerFactory
from neurolect.training.encoder_start import NewSubjects
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.segment_fit import EpochSettings


def train_alignment(
    data: WordData,
    out: Path,
    model: AlignerFactory = DuINAligner,
    embeddings: Path | None = None,
    optimiser: EpochRecipe = EpochRecipe(lr=2e-4, lr_min=5e-6, weight_decay=0.05),
    trainer: EpochSettings = EpochSettings(epochs=200),
    seed: int = 42,
    dropout_seed: int | None = None,
    start_from: Path | None = None,
    new_subjects: NewSubjects = "refuse",
    resume: bool = False,
    config_yaml: str = "",
) -> None:
    """Train an encoder that places trials near the vectors of their words.

    The reference names such a stage and does not hold it: this one is ours. The kept weights are those of the best
    validation accuracy, a trial's answer being the nearest of all words.

    Args:
        data: trials of spoken words in the packed layout.
        out: run folder.
        model: a model class and its settings; data and embeddings decide channels, subjects, samples and width.
        embeddings: `.npz` file with `words` and `vectors`; by default vectors come from the words' characters.
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
        neurolect train alignment --data.root seeg --embeddings vectors.npz --out runs/aligned
    """
    import torch

    from neurolect.commands.finished_training import finish_training
    from neurolect.training.alignment_training import AlignmentTraining
    from neurolect.training.best import Criterion
    from neurolect.training.encoder_start import start_from_run
    from neurolect.training.segment_fit import build_for, fit_segments
    from neurolect.training.word_embeddings import hashed_embeddings, read_embeddings

    vectors = read_embeddings(embeddings, data.words) if embeddings else hashed_embeddings(data.words)
    network = build_for(data, model, seed, embedding_dim=vectors.shape[1])
    start_from_run(network, data.subject_inputs, data.sample_rate, start_from, new_subjects)
    dropout = seed if dropout_seed is None else dropout_seed
    task = AlignmentTraining(
        network, data.subject_inputs, torch.from_numpy(vectors), optimiser, trainer.epochs, dropout
    )
    kept = fit_segments(
        task,
        data,
        out,
        trainer,
        Criterion("val/accuracy", "max"),
        data.words,
        facts={"word_embeddings": vectors.tolist(), "start_from": start_from and str(start_from)},
        resume=resume,
        config_yaml=config_yaml,
    )
    finish_training(out, task, kept)
