"""How well a VQ-VAE gives back the signals of a split, and which codes it does that with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.signal import welch

from neurolect.data.seeg.segment_batches import SegmentBatches
from neurolect.data.seeg.segment_data import SegmentData
from neurolect.data.t15 import Split
from neurolect.errors import ConfigError
from neurolect.models.duin.vqvae import DuINVQVAE
from neurolect.models.layers.quantisers.quantiser import perplexity
from neurolect.training.correlation import correlations
from neurolect.training.segment_runs import SegmentRun

_EXAMPLES = 6

Signals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One channel of one segment, `truth` and `reconstruction` (samples,), z-scored."""

    subject: str
    channel: str
    segment: int
    truth: Signals
    reconstruction: Signals
    correlation: float


@dataclass(frozen=True)
class Reconstruction:
    """What a VQ-VAE makes of the segments of a split.

    Args:
        segments: how many there are.
        correlations: subject → channel → Pearson's r within a segment, averaged over segments.
        frequencies: (frequencies,) in Hz.
        power: (frequencies,) of the signals, averaged over segments and channels.
        reconstructed_power: (frequencies,) of what the model made of them.
        code_counts: (codes,) how often each code was used.
        examples: segments spread over the split, a channel of each.
    """

    segments: int
    correlations: dict[str, dict[str, float]]
    frequencies: Signals
    power: Signals
    reconstructed_power: Signals
    code_counts: npt.NDArray[np.int64]
    examples: list[Example]

    @property
    def correlation(self) -> float:
        """Mean over channels of all subjects."""
        return float(np.mean([each for channels in self.correlations.values() for each in channels.values()]))

    @property
    def codes_used(self) -> int:
        """How many codes occur."""
        return int((self.code_counts > 0).sum())

    @property
    def perplexity(self) -> float:
        """Exponential of the entropy of the codes: how many equally frequent ones would be as varied."""
        return float(perplexity(torch.from_numpy(self.code_counts).double()))


@torch.inference_mode()
def reconstruct(run: SegmentRun, data: SegmentData, split: Split = "val") -> Reconstruction:
    """Send every segment of a split through a VQ-VAE.

    Args:
        run: of `pretrain vqvae`.
        data: with the run's subjects and channels, as `segment_data_of` gives them.
        split: which segments.

    Raises:
        DataError: the split has no segment.
    """
    batches = replace(data.evaluation_batches(split), inputs=run.inputs)
    n_segments = len(batches.segments)
    wanted = set(np.linspace(0, n_segments - 1, min(_EXAMPLES, n_segments)).round().astype(int).tolist())
    sums = [np.zeros(len(each.channels)) for each in run.inputs]
    seen = [0 for _ in run.inputs]
    spectra, counts = _Spectra(run.sample_rate), np.zeros(_model(run).quantiser.n_codes, dtype=np.int64)
    examples: list[Example] = []
    for number, (subject, truth, made, codes) in enumerate(_reconstructed(run, batches)):
        found = correlations(torch.from_numpy(truth), torch.from_numpy(made)).numpy()
        sums[subject] += found
        seen[subject] += 1
        spectra.add(truth, made)
        counts += np.bincount(codes, minlength=len(counts))
        if number in wanted:
            known, channel = run.inputs[subject], len(examples) % len(found)
            pair = truth[:, channel].copy(), made[:, channel].copy()
            examples.append(Example(known.subject, known.channels[channel], number, *pair, float(found[channel])))
    return Reconstruction(
        segments=n_segments,
        correlations={
            each.subject: dict(zip(each.channels, (total / count).tolist(), strict=True))
            for each, total, count in zip(run.inputs, sums, seen, strict=True)
            if count
        },
        frequencies=spectra.frequencies,
        power=spectra.mean[0],
        reconstructed_power=spectra.mean[1],
        code_counts=counts,
        examples=examples,
    )


def _reconstructed(
    run: SegmentRun, batches: SegmentBatches
) -> Iterator[tuple[int, Signals, Signals, npt.NDArray[np.int64]]]:
    """Of each segment: index of its subject, the signals (samples, channels) and what was made of them, its codes."""
    model = _model(run)
    device = next(model.parameters()).device
    for batch in batches:
        made = model(batch.signals.to(device), batch.subjects.to(device))
        both = batch.signals.double().numpy(), made.signals.double().cpu().numpy()
        for truth, signals, codes, subject in zip(
            *both, made.codes.cpu().numpy(), batch.subjects.tolist(), strict=True
        ):
            width = len(run.inputs[subject].channels)
            yield subject, truth[:, :width], signals[:, :width], codes


def _model(run: SegmentRun) -> DuINVQVAE:
    if not isinstance(run.model, DuINVQVAE):
        raise ConfigError(f"{type(run.model).__name__} reconstructs no signals; 'pretrain vqvae' makes models that do")
    return run.model


class _Spectra:
    """Mean power spectra of signals and of their reconstructions, gathered segment by segment."""

    def __init__(self, sample_rate: float) -> None:
        self._sample_rate = sample_rate
        self._total: Signals = np.zeros(0)
        self._channels = 0
        self.frequencies: Signals = np.zeros(0)

    def add(self, truth: Signals, reconstruction: Signals) -> None:
        """Signals (samples, channels) of one segment."""
        length = min(len(truth), round(self._sample_rate))
        both = np.stack([truth, reconstruction])
        self.frequencies, power = welch(both, self._sample_rate, nperseg=length, axis=1)
        self._total = power.sum(axis=2) + (self._total if self._total.size else 0)
        self._channels += truth.shape[1]

    @property
    def mean(self) -> Signals:
        """(2, frequencies): of signals, and of reconstructions."""
        return self._total / self._channels
