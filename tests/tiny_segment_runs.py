"""Small recordings of fields in the packed layout, and untrained runs on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from neurolect.data.seeg.layout import SubjectInfo, WordTrials, write_subject
from neurolect.data.seeg.segment_data import SegmentData
from neurolect.data.seeg.word_data import WordData
from neurolect.models.duin.classifier import DuINClassifier
from neurolect.models.duin.mae import DuINMAE
from neurolect.models.duin.settings import DecoderSettings, EncoderSettings, QuantiserSettings
from neurolect.models.duin.vqvae import DuINVQVAE
from neurolect.training.segment_fit import describe_data
from neurolect.training.segment_runs import SegmentRun, save_segment_run

WORDS = ["ba", "da", "ga", "ma"]
CHANNELS = {"001": ["A1", "A2", "A3"], "002": ["B1", "B2"]}
RATE = 1000.0
ENCODER = EncoderSettings(n_blocks=1, n_heads=2, head_width=8, filters=(8, 8, 2))


def write_recordings(root: Path, repetitions: int = 20, simulated: bool = True, seed: int = 0) -> Path:
    """Two subjects with trials of 1 s, in which the word decides the frequency, and 20 s of recording."""
    for number, (name, channels) in enumerate(CHANNELS.items()):
        rng = np.random.default_rng((seed, number))
        said = [WORDS[trial % len(WORDS)] for trial in range(repetitions * len(WORDS))]
        seconds = np.arange(1000) / RATE
        tones = np.stack([np.sin(2 * np.pi * (7 + 9 * WORDS.index(word)) * seconds) for word in said])
        signals = tones[:, None] + 0.5 * rng.standard_normal((len(said), len(channels), 1000))
        write_subject(
            root / name,
            SubjectInfo(
                name=name,
                channels=channels,
                sample_rate=RATE,
                regions={channels[0]: "vSMC"},
                preparation=["bipolar", "0.5 to 200 Hz"],
                source="a tone for each word",
                simulated=simulated,
            ),
            WordTrials(
                signals.astype(np.float32),
                said,
                [f"run{1 + 2 * trial // len(said)}" for trial in range(len(said))],
                np.arange(len(said), dtype=float),
            ),
            [("rest", rng.standard_normal((len(channels), 20_000)).astype(np.float32))],
        )
    return root


def save_word_run(folder: Path, root: Path, model: torch.nn.Module | None = None, **settings) -> SegmentRun:
    """A word classifier with random weights."""
    data = WordData(root, **settings)
    torch.manual_seed(0)
    sizes = (data.n_channels, data.n_subjects, data.n_samples, len(data.words))
    run = SegmentRun(
        (model or DuINClassifier(*sizes, hidden_width=8, encoder=ENCODER)).eval(),
        "words",
        data.subject_inputs,
        data.sample_rate,
        data.n_samples,
        data.words,
        describe_data(data),
        {"val/accuracy": 0.25, "step": 7.0},
    )
    save_segment_run(folder, run)
    return run


def save_pretraining_run(folder: Path, root: Path, task: str) -> SegmentRun:
    """A VQ-VAE or MAE with random weights."""
    data = SegmentData(root, segment_seconds=1.0, batch_size=4)
    torch.manual_seed(0)
    sizes = (data.n_channels, data.n_subjects, data.n_samples)
    codes = QuantiserSettings(n_codes=16, code_width=4, kmeans=False)
    decoder = DecoderSettings(1, filters=(8, 8, 8, 8, 4))
    model = DuINVQVAE(*sizes, ENCODER, codes, decoder) if task == "vqvae" else DuINMAE(*sizes, 16, ENCODER)
    run = SegmentRun(
        model.eval(),
        task,
        data.subject_inputs,
        data.sample_rate,
        data.n_samples,
        data=describe_data(data),
        metrics={"val/loss": 1.0, "step": 7.0},
    )
    save_segment_run(folder, run)
    return run
