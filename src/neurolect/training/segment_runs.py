"""Runs on segments of field potentials: trained weights and everything needed to use them on new signals."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError, DataError
from neurolect.training.run_files import DESCRIPTION, read_model, write_model

Task = Literal["vqvae", "mae", "words", "phonemes", "alignment"]

VERBS: dict[Task, str] = {
    "vqvae": "pretrain vqvae",
    "mae": "pretrain mae",
    "words": "train words",
    "phonemes": "train phonemes",
    "alignment": "train alignment",
}
"""What a model was trained for → the verb that trains it."""

KIND = "segments"


@dataclass(frozen=True)
class SegmentRun:
    """A trained model of segments with its subjects, their channels and their scale.

    Args:
        model: in evaluation mode; takes signals (batch, samples, channels) and subjects (batch,).
        task: what it was trained for.
        inputs: one entry a subject, in the order of the model's subject indices.
        sample_rate: of the signals in Hz.
        n_samples: length of a segment.
        words: classes of a word classifier; without words, empty.
        data: where and how the run was trained: root, protocol, splits, whether the recordings are simulated; of an
            alignment also `word_embeddings`, a row a word.
        metrics: what training reported for these weights.
    """

    model: nn.Module
    task: Task
    inputs: list[SubjectInput]
    sample_rate: float
    n_samples: int
    words: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def verb(self) -> str:
        """The verb that makes such runs."""
        return VERBS[self.task]

    @property
    def subjects(self) -> list[str]:
        """Names of the subjects, in the order of their indices."""
        return [each.subject for each in self.inputs]

    def subject_of(self, name: str) -> int:
        """Index of a subject.

        Raises:
            ConfigError: the run does not know it.
        """
        if name not in self.subjects:
            raise ConfigError(f"the run has no subject '{name}'; it knows {', '.join(self.subjects)}")
        return self.subjects.index(name)

    def prepare(self, signals: npt.NDArray[np.float32], subject: str) -> tuple[Tensor, Tensor]:
        """A subject's segments as the model takes them, on the model's device.

        Args:
            signals: (samples, channels) or (batch, samples, channels) as recorded, in the run's channels; an imported
                run expects them z-scored.
            subject: name.

        Returns:
            signals (batch, samples, channels of the model) float32, z-scored; subject indices (batch,).

        Raises:
            ConfigError: the run does not know the subject.
            DataError: samples or channels are not as many as the run was trained on, or a value is NaN or infinite.
        """
        index = self.subject_of(subject)
        known = self.inputs[index]
        batch = np.asarray(signals, dtype=np.float32)
        if batch.ndim not in (2, 3):
            raise DataError(f"subject {subject}: signals must be (samples, channels) or a batch of them")
        batch = batch.reshape(-1, *batch.shape[-2:])
        if batch.shape[1:] != (self.n_samples, len(known.channels)):
            raise DataError(
                f"subject {subject}: signals have {batch.shape[1]} samples of {batch.shape[2]} channels, the run was "
                f"trained on {self.n_samples} samples of {len(known.channels)}"
            )
        finite = np.isfinite(batch).all(axis=(0, 1))
        if not finite.all():
            channel = known.channels[int(np.argmin(finite))]
            raise DataError(f"subject {subject}: the signals of channel {channel} are not all finite")
        scaled = torch.from_numpy(np.ascontiguousarray(known.scale(batch.swapaxes(1, 2)).swapaxes(1, 2)))
        widest: int = getattr(self.model, "arguments", {}).get("n_channels", scaled.shape[2])
        device = next(self.model.parameters()).device
        padded = F.pad(scaled, (0, widest - scaled.shape[2])).to(device)
        return padded, torch.full((len(padded),), index, dtype=torch.int64, device=device)

    @torch.inference_mode()
    def logits(self, signals: npt.NDArray[np.float32], subject: str) -> npt.NDArray[np.float32]:
        """Score every word: of a classifier its logits, of an alignment the cosine to each word's embedding.

        Args:
            signals: (samples, channels) or (batch, samples, channels) as recorded, in the run's channels; an imported
                run expects them z-scored.
            subject: name.

        Returns:
            (words,) or (batch, words) float32.

        Raises:
            ConfigError: the run knows no words, or not the subject.
            DataError: samples or channels are not as many as the run was trained on, or a value is NaN or infinite.
        """
        if self.task not in ("words", "alignment"):
            raise ConfigError(f"a run of '{self.verb}' scores no words; '{VERBS['words']}' makes one that does")
        scores: Tensor = self.model(*self.prepare(signals, subject)).float()
        if self.task == "alignment":
            table = torch.tensor(self.data["word_embeddings"], device=scores.device)
            scores = F.normalize(scores, dim=-1) @ F.normalize(table, dim=-1).T
        answer = scores.cpu().numpy()
        return answer[0] if np.ndim(signals) == 2 else answer


def save_segment_run(folder: Path, run: SegmentRun) -> None:
    """Write `model.safetensors` and `model.json`, each whole or not at all."""
    inputs = {each.subject: asdict(each) for each in run.inputs}
    for each in inputs.values():
        del each["subject"]
    write_model(
        folder,
        run.model,
        {
            "kind": KIND,
            "task": run.task,
            "inputs": inputs,
            "sample_rate": run.sample_rate,
            "n_samples": run.n_samples,
            "words": run.words,
            "data": run.data,
            "metrics": run.metrics,
        },
    )


def described_run(description: dict[str, Any], folder: Path, device: str) -> SegmentRun:
    """The run that a folder's `model.json` describes.

    Raises:
        KeyError: the description lacks something.
        DataError: the task is unknown, or the weights do not fit.
    """
    if description["task"] not in VERBS:
        raise DataError(f"{folder / DESCRIPTION}: task '{description['task']}', known: {', '.join(VERBS)}")
    return SegmentRun(
        model=read_model(description, folder, device),
        task=description["task"],
        inputs=[
            SubjectInput(name, *(tuple(known[key]) for key in ("channels", "mean", "std")))
            for name, known in description["inputs"].items()
        ],
        sample_rate=float(description["sample_rate"]),
        n_samples=int(description["n_samples"]),
        words=list(description["words"]),
        data=dict(description["data"]),
        metrics=dict(description["metrics"]),
    )
