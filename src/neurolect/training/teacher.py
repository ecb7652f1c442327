"""The frozen VQ-VAE whose codes the second stage of Du-IN learns to guess."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import DataError
from neurolect.training.segment_runs import SegmentRun


@dataclass(frozen=True)
class Teacher:
    """A VQ-VAE in evaluation mode, for batches of other data than its own.

    Args:
        model: its `codes` are what is learned.
        subjects: (subjects of the data,) the teacher's index of each.
        scale: (subjects of the data, channels of the teacher) from the data's z-scores to the teacher's.
        offset: (subjects of the data, channels of the teacher) added after that.
    """

    model: nn.Module
    subjects: Tensor
    scale: Tensor
    offset: Tensor

    def to(self, device: torch.device) -> Teacher:
        """The same teacher on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("subjects", "scale", "offset")}
        return replace(self, model=self.model.to(device), **moved)

    @torch.no_grad()
    def codes(self, signals: Tensor, subjects: Tensor) -> Tensor:
        """Signals (batch, samples, channels) of the data's subjects (batch,) → codes (batch, tokens) int64."""
        widened = F.pad(signals, (0, self.scale.shape[1] - signals.shape[2]))
        scaled = torch.addcmul(self.offset[subjects].unsqueeze(1), widened, self.scale[subjects].unsqueeze(1))
        codes: Tensor = self.model.codes(scaled, self.subjects[subjects])  # type: ignore[operator]
        return codes

    @property
    def n_codes(self) -> int:
        """Size of its codebook."""
        n_codes: int = self.model.quantiser.n_codes  # type: ignore[assignment, union-attr]
        return n_codes


def teacher_of(run: SegmentRun, inputs: list[SubjectInput], sample_rate: float, n_samples: int) -> Teacher:
    """The VQ-VAE of a run as teacher of data.

    Args:
        run: of `pretrain vqvae`.
        inputs: subjects of the data.
        sample_rate: of the data in Hz.
        n_samples: length of the data's segments.

    Raises:
        DataError: the data differ in rate or length from what the run was trained on, or it does not know a subject or
            knows it by other channels.
    """
    for what, of_run, of_data in (("Hz", run.sample_rate, sample_rate), ("samples", run.n_samples, n_samples)):
        if of_run != of_data:
            raise DataError(f"teacher: it was trained on segments of {of_run} {what}, the data have {of_data}")
    widest = max(len(each.channels) for each in run.inputs)
    scale, offset = torch.ones(len(inputs), widest), torch.zeros(len(inputs), widest)
    indices = []
    for row, own in enumerate(inputs):
        if own.subject not in run.subjects:
            raise DataError(f"teacher: there is no subject '{own.subject}' in it, only {', '.join(run.subjects)}")
        index = run.subject_of(own.subject)
        known = run.inputs[index]
        if known.channels != own.channels:
            raise DataError(
                f"teacher: subject {own.subject} has channels {', '.join(known.channels)}, the data have "
                f"{', '.join(own.channels)}"
            )
        mean, std, own_mean, own_std = (
            torch.tensor(values, dtype=torch.float64) for values in (known.mean, known.std, own.mean, own.std)
        )
        scale[row, : len(mean)] = (own_std / std).float()
        offset[row, : len(mean)] = ((own_mean - mean) / std).float()
        indices.append(index)
    return Teacher(run.model.eval().requires_grad_(False), torch.tensor(indices), scale, offset)
