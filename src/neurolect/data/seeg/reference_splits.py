"""The reference's splits, seed for seed: by word over shuffled runs, and by file for pre-training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurolect.data.seeg.splits import Parts

_TRAINING_SHARE = 0.8
_OVERLAP_CHECKS = 10


def reference_word_splits(subjects: Sequence[tuple[Sequence[str], Sequence[str], int]], seed: int) -> list[Parts]:
    """Split each subject's trials as Du-IN's `run_cls` does (Zheng et al., NeurIPS 2024).

    Each run is shuffled; of every word the first four fifths train, and half of the rest, drawn at random, validate.
    The reference's last shuffles, over all subjects together, change the order alone and are left out.

    Args:
        subjects: of each, the words and the runs of its trials, runs in the order in which the reference would visit
            them, and the samples of a trial, among which the reference draws.
        seed: of NumPy's legacy generator.
    """
    rng = np.random.RandomState(seed)
    return [_word_split(words, runs, n_samples, rng) for words, runs, n_samples in subjects]


def _word_split(words: Sequence[str], runs: Sequence[str], n_samples: int, rng: np.random.RandomState) -> Parts:
    loaded: list[int] = []
    for run in dict.fromkeys(runs):
        trials = [position for position, name in enumerate(runs) if name == run]
        rng.shuffle(trials)
        loaded += trials
    train: list[int] = []
    held_out: list[int] = []
    for word in sorted(set(words)):
        spoken = [trial for trial in loaded if words[trial] == word]
        n_train = int(_TRAINING_SHARE * len(spoken))
        train += spoken[:n_train]
        held_out += spoken[n_train:]
    # The reference draws these times to compare training with held-out signals there.
    for _ in range(_OVERLAP_CHECKS):
        rng.randint(n_samples)
    chosen = rng.choice(len(held_out), size=len(held_out) // 2, replace=False)
    rest = np.setdiff1d(np.arange(len(held_out)), chosen)
    positions = np.array(held_out, dtype=np.int64)
    return Parts(np.array(train, dtype=np.int64), positions[chosen], positions[rest])


def reference_recording_splits(counts: Sequence[int], seed: int) -> list[Parts]:
    """Split each subject's pre-training files as Du-IN's `run_vqvae` and `run_mae` do.

    Args:
        counts: number of files of each subject.
        seed: of NumPy's legacy generator.
    """
    rng = np.random.RandomState(seed)
    ratios = np.array([0.8, 0.1, 0.1], dtype=np.float32)
    ratios /= ratios.sum()
    splits = []
    for count in counts:
        order = np.arange(count)
        rng.shuffle(order)
        first, second, _ = np.round(np.cumsum(ratios) * count).astype(int)
        splits.append(Parts(order[:first], order[first:second], order[second:]))
    return splits
