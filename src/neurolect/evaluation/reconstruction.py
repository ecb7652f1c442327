"""How well a VQ-VAE gives back the signals of a split, and which codes it does that with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.signal import welch

from neurolect.data.seeg.segment_data import SegmentData
from neurolect.data.t15 import Split
from neurolect.models.duin.vqvae import DuINVQVAE
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
        return perplexity(self.code_counts)


def perplexity(counts: npt.NDArray[np.int64]) -> float:
    """Exponential of the entropy of counts (codes,), of which one is not zero."""
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def correlations(truth: Signals, reconstruction: Signals) -> Signals:
    """Pearson's r over samples: (…, samples, channels) twice → (…, channels); 0 where one of the two is constant."""
    one, other = (each - each.mean(axis=-2, keepdims=True) for each in (truth, reconstruction))
    sizes = np.sqrt((one**2).sum(axis=-2) * (other**2).sum(axis=-2))
    products = (one * other).sum(axis=-2)
    found: Signals = np.divide(products, sizes, out=np.zeros_like(products), where=sizes > 0)
    return found


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
    model = run.model
    assert isinstance(model, DuINVQVAE)
    device = next(model.parameters()).device
    batches = replace(data.evaluation_batches(split), inputs=run.inputs)
    n_segments = len(batches.segments)
    wanted = set(np.linspace(0, n_segments - 1, min(_EXAMPLES, n_segments)).round().astype(int).tolist())
    sums = [np.zeros(len(each.channels)) for each in run.inputs]
    seen = np.zeros(len(run.inputs), dtype=np.int64)
    spectra, counts, examples, number = _Spectra(run.sample_rate), np.zeros(model.quantiser.n_codes, np.int64), [], 0
    for batch in batches:
        made = model(batch.signals.to(device), batch.subjects.to(device))
        counts += np.bincount(made.codes.flatten().cpu().numpy(), minlength=len(counts))
        both = batch.signals.double().numpy(), made.signals.double().cpu().numpy()
        for truth, reconstruction, subject in zip(*both, batch.subjects.tolist(), strict=True):
            names = run.inputs[subject].channels
            real, made_real = truth[:, : len(names)], reconstruction[:, : len(names)]
            found = correlations(real, made_real)
            sums[subject] += found
            seen[subject] += 1
            spectra.add(real, made_real)
            if number in wanted:
                channel = len(examples) % len(names)
                examples.append(
                    Example(
                        run.inputs[subject].subject,
                        names[channel],
                        number,
                        real[:, channel].copy(),
                        made_real[:, channel].copy(),
                        float(found[channel]),
                    )
                )
            number += 1
    return Reconstruction(
        segments=n_segments,
        correlations={
            each.subject: dict(zip(each.channels, (total / count).tolist(), strict=True))
            for each, total, count in zip(run.inputs, sums, seen.tolist(), strict=True)
            if count
        },
        frequencies=spectra.frequencies,
        power=spectra.mean[0],
        reconstructed_power=spectra.mean[1],
        code_counts=counts,
        examples=examples,
    )


class _Spectra:
    """Mean power spectra of signals and of their reconstructions, gathered segment by segment."""

    def __init__(self, sample_rate: float) -> None:
        self._sample_rate = sample_rate
        self._total: list[Signals] = []
        self._channels = 0
        self.frequencies: Signals = np.zeros(0)

    def add(self, truth: Signals, reconstruction: Signals) -> None:
        """Signals (samples, channels) of one segment."""
        length = min(len(truth), round(self._sample_rate))
        found = []
        for signals in (truth, reconstruction):
            self.frequencies, power = welch(signals, self._sample_rate, nperseg=length, axis=0)
            found.append(power.sum(axis=1))
        self._total = found if not self._total else [sum(pair) for pair in zip(self._total, found, strict=True)]
        self._channels += truth.shape[1]

    @property
    def mean(self) -> list[Signals]:
        """Of signals, and of reconstructions."""
        return [each / self._channels for each in self._total]
