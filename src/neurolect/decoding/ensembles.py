"""Several models' logits of the same frames, combined into one distribution per frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurolect.decoding.hypotheses import Logits
from neurolect.decoding.log_probabilities import log_softmax, log_sum_exp
from neurolect.decoding.logits_file import LogitsFile
from neurolect.errors import ConfigError, DataError


def combine_models(
    logits: Sequence[Logits],
    mean: Literal["arithmetic", "geometric"] = "arithmetic",
    weights: Sequence[float] | None = None,
) -> npt.NDArray[np.float32]:
    """One log-probability array from each model's logits; a chunk of frames gives the same as within the whole.

    The arithmetic mean of probabilities keeps a class that one model is sure of. The geometric mean, which is the mean
    of log-probabilities normalised again, keeps those that no model rules out.

    Args:
        logits: of each model, (..., classes), all of one shape and in one order of classes.
        mean: of the models' probabilities of a class.
        weights: one above zero per model, of which only the ratios count; None weighs all alike.

    Returns:
        Log-probabilities in the shape of the logits.

    Raises:
        ConfigError: there is no model, no such mean, or not one finite weight above zero per model.
        DataError: the shapes differ, a model's frame is not a distribution (NaN, +∞, or −∞ throughout), or under the
            geometric mean no class is left in a frame; the message names the model, counted from 1.
    """
    shares = _shares(len(logits), weights)
    if mean not in ("arithmetic", "geometric"):
        raise ConfigError(f"ensemble: mean is '{mean}', it must be arithmetic or geometric")
    models = np.stack(_log_probabilities(logits))
    shares = shares.reshape(-1, *(1,) * (models.ndim - 1))
    if mean == "arithmetic":
        combined = log_sum_exp(models + np.log(shares), axis=0)[0]
    else:
        combined = log_softmax((models * shares).sum(axis=0))
        if np.isnan(combined).any():
            raise DataError("ensemble: in some frame the models together rule out every class")
    result: npt.NDArray[np.float32] = combined.astype(np.float32)
    return result


def combine_files(files: Sequence[LogitsFile], mean: Literal["arithmetic", "geometric"] = "arithmetic") -> LogitsFile:
    """Several models' logits of the same utterances as one.

    Raises:
        DataError: the models do not have the same utterances or classes.
    """
    for number, each in enumerate(files, start=1):
        if not np.array_equal(each.lengths, files[0].lengths):
            raise DataError(f"ensemble: model {number} has utterances of other lengths than model 1")
    return LogitsFile(combine_models([each.logits for each in files], mean), files[0].lengths)


def read_models(
    logits: Path, others: Sequence[Path] = (), mean: Literal["arithmetic", "geometric"] = "arithmetic"
) -> LogitsFile:
    """Read one model's logits, or combine them with other models'.

    Raises:
        ConfigError: another mean is asked for where there is one model.
        DataError: a file cannot be read, or the models do not have the same utterances or classes.
    """
    if others:
        return combine_files([LogitsFile.read(path) for path in (logits, *others)], mean)
    if mean != "arithmetic":
        raise ConfigError(f"ensemble: the {mean} mean needs other models: give ensemble, or leave out mean")
    return LogitsFile.read(logits)


def _log_probabilities(logits: Sequence[Logits]) -> list[npt.NDArray[np.float64]]:
    # In one memory layout, because sums over another round differently.
    arrays = [np.ascontiguousarray(each, dtype=np.float64) for each in logits]
    models = []
    for number, each in enumerate(arrays, start=1):
        if each.shape != arrays[0].shape:
            raise DataError(f"ensemble: model {number} has logits {each.shape}, model 1 has {arrays[0].shape}")
        models.append(log_softmax(each))
        if np.isnan(models[-1]).any():
            raise DataError(f"ensemble: model {number} has logits that are not numbers")
    return models


def _shares(models: int, weights: Sequence[float] | None) -> npt.NDArray[np.float64]:
    if not models:
        raise ConfigError("ensemble: there is no model to combine")
    values = np.ones(models) if weights is None else np.asarray(weights, dtype=np.float64)
    if values.shape != (models,):
        raise ConfigError(f"ensemble: {values.size} weights for {models} models")
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ConfigError(f"ensemble: weights are {values.tolist()}, each must be above zero")
    shares: npt.NDArray[np.float64] = values / values.sum()
    return shares
