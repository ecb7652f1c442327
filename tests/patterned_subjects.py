"""Small subjects whose words have patterns that a model can learn, and settings of models small enough for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurolect.data.seeg.layout import SubjectInfo, WordTrials, write_subject

WORDS = ["你好", "再见", "谢谢"]
CHANNELS = {"one": ["A1", "A2", "B1"], "two": ["C1", "C2"]}

ENCODER = {
    "patch_size": 20, "subject_width": 4, "filters": "[8,8,4]", "kernels": "[5,3,3]", "strides": "[4,1,1]",
    "n_blocks": 2, "n_heads": 2, "head_width": 8,
}  # fmt: skip
AUTOENCODER = {
    "model.quantiser.n_codes": 16, "model.quantiser.code_width": 8, "model.decoder.n_blocks": 1,
    "model.decoder.filters": "[8,8,4]", "model.decoder.kernels": "[3,5,5]", "model.decoder.strides": "[1,4,5]",
}  # fmt: skip
TRAINER = {
    "trainer.epochs": 4, "trainer.log_every": 1, "trainer.accelerator": "cpu", "trainer.progress": "false",
    "trainer.precision": "32-true",
}  # fmt: skip


def write_patterned_subjects(root: Path, names: tuple[str, ...] = ("one", "two")) -> Path:
    """Write subjects at 100 Hz: 60 trials of 1.2 s in two runs, each word a pattern in noise, and three recordings."""
    for number, name in enumerate(names):
        rng = np.random.default_rng(number)
        channels, n_trials = CHANNELS[name], 60
        patterns = rng.normal(size=(len(WORDS), len(channels), 120))
        spoken = [position % len(WORDS) for position in range(n_trials)]
        signals = patterns[spoken] + 0.5 * rng.normal(size=(n_trials, len(channels), 120))
        runs = [f"run{1 + position // 30}" for position in range(n_trials)]
        words = [WORDS[word] for word in spoken]
        trials = WordTrials(signals.astype(np.float32), words, runs, np.full(n_trials, np.nan))
        seconds = np.arange(2000) / 100
        recordings = [
            (f"rest{rate}", (np.sin(2 * np.pi * rate * seconds) + 0.1 * rng.normal(size=(len(channels), 2000))))
            for rate in (3, 4, 5)
        ]
        info = SubjectInfo(name, channels, 100.0, -0.1, simulated=True)
        write_subject(root / name, info, trials, [(each, signal.astype(np.float32)) for each, signal in recordings])
    return root


def options(settings: dict[str, object]) -> list[str]:
    """Settings as words of a command line, the tiny encoder's and the trainer's among them."""
    encoder = {f"model.encoder.{name}": value for name, value in ENCODER.items()}
    return [f"--{name}={value}" for name, value in {**encoder, **TRAINER, **settings}.items()]


def vqvae_command(root: Path, out: Path, **settings: object) -> list[str]:
    """A first stage; dots in the names of settings are written as two underscores."""
    data = {"data.root": root, "data.segment_seconds": 1.6, "data.batch_size": 7, "out": out}
    return ["pretrain", "vqvae", *options({**data, **AUTOENCODER, **_dotted(settings)})]


def mae_command(root: Path, teacher: Path, out: Path, **settings: object) -> list[str]:
    """A second stage."""
    data = {"data.root": root, "data.segment_seconds": 1.6, "data.batch_size": 7, "teacher": teacher, "out": out}
    return ["pretrain", "mae", *options({**data, **_dotted(settings)})]


def words_command(root: Path, out: Path, **settings: object) -> list[str]:
    """A third stage."""
    data = {"data.root": root, "data.batch_size": 8, "data.shift.seconds": 0.05, "optimiser.lr": 0.005, "out": out}
    return ["train", "words", *options({**data, **_dotted(settings)})]


def _dotted(settings: dict[str, object]) -> dict[str, object]:
    return {name.replace("__", "."): value for name, value in settings.items()}
