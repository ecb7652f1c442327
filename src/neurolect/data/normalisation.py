"""Running z-scores of raw features, for recordings whose block is not over when they are needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError, require_at_least

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean and standard deviation of each feature, (features,)."""

    mean: Floats
    std: Floats

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape:
            raise DataError(f"statistics: mean {self.mean.shape} and std {self.std.shape} are not (features,) both")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and (self.std >= 0).all()):
            raise DataError("statistics: a mean or std is not a number, or a std is below 0")


@dataclass(frozen=True)
class RunningNormalisation:
    """Z-score every feature with the statistics of its block so far, the bin itself included.

    A block starts warm: from statistics given or those of the block before, which count as `start_bins` bins of it.

    Args:
        start_bins: weight of the statistics that a block starts with; 3,000 are a minute.
        clip: scores are cut at so many standard deviations either way; a feature that does not vary scores 0.
    """

    start_bins: int = 3000
    clip: float = 10.0

    def __post_init__(self) -> None:
        require_at_least(1, "normalisation.start_bins", self.start_bins)
        require_at_least(1e-3, "normalisation.clip", self.clip)

    def __call__(
        self, features: npt.NDArray[np.floating], start: FeatureStatistics | None = None
    ) -> npt.NDArray[np.float32]:
        """One block's raw features (bins, features) → scores.

        Args:
            features: as recorded.
            start: what the block starts with; None knows nothing, so that the first scores are rough.
        """
        return NormalisationStream(self, BlockSums.beginning(features.shape[1], start, self.start_bins)).push(features)


@dataclass(frozen=True)
class BlockSums:
    """Where the statistics of a block stand.

    Args:
        count: bins, those that it started with included.
        shift: what was taken off every feature before summing, (features,), so that sums stay exact.
        total: sum of each feature, (features,).
        squares: sum of its squares, (features,).
    """

    count: float
    shift: Floats
    total: Floats
    squares: Floats

    @classmethod
    def beginning(cls, n_features: int, start: FeatureStatistics | None, start_bins: float) -> BlockSums:
        """At the begin of a block that counts what it starts with as so many bins."""
        if start is None:
            return cls(0.0, *np.zeros((3, n_features)))
        if len(start.mean) != n_features:
            raise DataError(f"statistics of {len(start.mean)} features are given for recordings of {n_features}")
        return cls(start_bins, start.mean, np.zeros(n_features), start_bins * start.std**2)

    @property
    def statistics(self) -> FeatureStatistics | None:
        """Of the block so far; None before its first bin."""
        if not self.count:
            return None
        mean = self.total / self.count
        return FeatureStatistics(self.shift + mean, np.sqrt(np.maximum(self.squares / self.count - mean**2, 0)))


class NormalisationStream:
    """Blocks scored as their bins come, however they are cut.

    Args:
        normalisation: the settings.
        sums: where the block stands; may be read and put back at any time.
    """

    def __init__(self, normalisation: RunningNormalisation, sums: BlockSums) -> None:
        self._normalisation = normalisation
        self.sums = sums

    def next_block(self) -> None:
        """Begin a block, which starts with the statistics of the one before."""
        sums, start_bins = self.sums, self._normalisation.start_bins
        self.sums = BlockSums.beginning(len(sums.shift), sums.statistics, min(sums.count, start_bins))

    def push(self, features: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """The next bins' raw features (bins, features) → scores."""
        if not len(features):
            return np.zeros(features.shape, dtype=np.float32)
        sums = self.sums if self.sums.count else replace(self.sums, shift=features[0].astype(np.float64))
        values = features.astype(np.float64) - sums.shift
        # Added one after the other, so that where a chunk ends makes no difference.
        totals = np.cumsum(np.concatenate([sums.total[None], values]), axis=0)[1:]
        squares = np.cumsum(np.concatenate([sums.squares[None], values**2]), axis=0)[1:]
        counts = sums.count + np.arange(1, len(values) + 1)[:, None]
        self.sums = BlockSums(float(counts[-1, 0]), sums.shift, totals[-1], squares[-1])
        means = totals / counts
        variances = squares / counts - means**2
        # Below this nothing but rounding is left of a variance.
        varies = variances > 1e-12 * (squares / counts)
        scores = np.where(varies, (values - means) / np.sqrt(np.where(varies, variances, 1.0)), 0.0)
        return scores.clip(-self._normalisation.clip, self._normalisation.clip).astype(np.float32)


def read_statistics(path: Path) -> FeatureStatistics:
    """Read `mean` and `std`, (features,) each, from an .npz file.

    Raises:
        DataError: the file cannot be read or lacks one of them.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return FeatureStatistics(*(np.asarray(file[name], dtype=np.float64) for name in ("mean", "std")))
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}") from None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise DataError(f"{path}: is no .npz file of numbers: {error}") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
