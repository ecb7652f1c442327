"""`neurolect train phonemes`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.seeg.word_data import WordData
from neurolect.models.duin.phoneme_tagger import DuINPhonemeTagger
from neurolect.models.segment_factories import TaggerFactory
from neurolect.training.encoder_start import NewSubjects
from neurolect.training.epoch_optimisation import EpochRecipe
from neurolect.training.segment_fit import EpochSettings
from neurolect.training.syllable_labels import SyllableTiming


def train_phonemes(
    data: WordData,
    out: Path,
    model: TaggerFactory = DuINPhonemeTagger,
    words: Path | None = None,
    timing: SyllableTiming = SyllableTiming(),
    optimiser: EpochRecipe = EpochRecipe(lr=2e-4, lr_min=5e-5, weight_decay=0.05),
    trainer: EpochSettings = EpochSettings(epochs=200),
    seed: int = 42,
    dropout_seed: int | None = None,
    start_from: Path | None = None,
    new_subjects: NewSubjects = "refuse",
    resume: bool = False,
    config_yaml: str = "",
) -> None:
    """Train a tagger of Mandarin initials and finals, patch by patch.

    Nobody marked the syllables, so they are taken to follow the word's onset at an even pace; labels do not move with
    shifted trials, so there is no shift. The kept weights tag most patches of the validation trials right.

    Args:
        data: trials of spoken words in the packed layout; needs `--data.shift.seconds 0`.
        out: run folder.
        model: a model class and its settings; the data decide channels, subjects and samples.
        words: CSV file with columns `word`, `initials`, `finals`, `tones`; by default the words that come with
            neurolect.
        timing: of the syllables.
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
        neurolect train phonemes --data.root seeg --data.shift.seconds 0 --start_from runs/mae --out runs/tagger
    """
    from dataclasses import asdict

    from neurolect.commands.finished_training import finish_training
    from neurolect.data.seeg.mandarin import FINALS, INITIALS, mandarin_words, read_mandarin_words
    from neurolect.errors import ConfigError
    from neurolect.training.best import Criterion
    from neurolect.training.encoder_start import start_from_run
    from neurolect.training.phoneme_training import PhonemeTraining
    from neurolect.training.segment_fit import build_for, fit_segments
    from neurolect.training.syllable_labels import labels_for

    if data.shift.seconds:
        raise ConfigError(f"data.shift.seconds is {data.shift.seconds}, but labels stay where they are: it must be 0")
    network = build_for(data, model, seed, n_initials=len(INITIALS), n_finals=len(FINALS))
    start_from_run(network, data.subject_inputs, data.sample_rate, start_from, new_subjects)
    labels = labels_for(data, network, read_mandarin_words(words) if words else mandarin_words(), timing)
    dropout = seed if dropout_seed is None else dropout_seed
    task = PhonemeTraining(network, data.subject_inputs, labels, optimiser, trainer.epochs, dropout)
    kept = fit_segments(
        task,
        data,
        out,
        trainer,
        Criterion("val/accuracy", "max"),
        data.words,
        facts={"timing": asdict(timing), "start_from": start_from and str(start_from)},
        resume=resume,
        config_yaml=config_yaml,
    )
    finish_training(out, task, kept)
