"""Logits rebuilt from phoneme strings, for recordings whose published results keep only the strings a model decoded.

Each trial has the model's greedy string and its n-best strings with log scores. They are aligned into a confusion
network: slots that each hold a distribution over phonemes and "nothing". What the few strings cannot show, that the
right phoneme is in none of them, is put back from a phoneme confusion matrix estimated on other recordings. Every slot
then becomes one frame, in which the blank stands for "nothing", between frames that are almost surely blank.

The result has the classes of the model's own logits and about as much information as its n-best list. It has neither
their timing nor their full shape, so acoustic scale and blank penalty need their own values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from neurolect.errors import ConfigError
from neurolect.text.alphabet import PHONEMES, Alphabet

Distributions = npt.NDArray[np.float64]

_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class PhonemeErrors:
    """How often each phoneme was really spoken where a decoder said another, or none; the blank stands for nothing.

    Args:
        spoken_given_heard: P(spoken | decoded), one row per decoded class (classes, classes).
        spoken_given_nothing: P(spoken | no phoneme decoded here), per gap between decoded phonemes (classes,).
    """

    spoken_given_heard: Distributions
    spoken_given_nothing: Distributions

    @classmethod
    def estimate(
        cls,
        spoken: Iterable[Sequence[int]],
        heard: Iterable[Sequence[int]],
        alphabet: Alphabet = PHONEMES,
        pseudo_count: float = 0.5,
    ) -> PhonemeErrors:
        """Count over aligned trials of classes, both without blanks.

        Args:
            spoken: true classes of each trial.
            heard: decoded classes of each trial.
            alphabet: says how many classes there are and which is the blank.
            pseudo_count: added to every pair, so that nothing is impossible.

        Raises:
            ConfigError: the pseudo-count is not above zero.
            ValueError: there are not as many decoded as true trials.
        """
        if pseudo_count <= 0:
            raise ConfigError(f"phoneme errors: pseudo_count cannot be {pseudo_count}")
        counts = np.full((len(alphabet), len(alphabet)), pseudo_count)
        nothing = alphabet.blank
        for truth, decoded in zip(spoken, heard, strict=True):
            # A gap stands before every decoded phoneme and after the last.
            counts[nothing, nothing] += len(decoded) + 1
            for edit in Levenshtein.opcodes(list(decoded), list(truth)):
                if edit.tag == "insert":
                    np.add.at(counts[nothing], truth[edit.dest_start : edit.dest_end], 1)
                elif edit.tag == "delete":
                    np.add.at(counts[:, nothing], decoded[edit.src_start : edit.src_end], 1)
                else:
                    said = truth[edit.dest_start : edit.dest_end]
                    np.add.at(counts, (decoded[edit.src_start : edit.src_end], said), 1)
        rates = counts / counts.sum(axis=1, keepdims=True)
        return cls(spoken_given_heard=rates, spoken_given_nothing=rates[nothing])


def rebuild_logits(
    greedy: Sequence[int],
    n_best: Sequence[tuple[float, Sequence[int]]],
    errors: PhonemeErrors,
    alphabet: Alphabet = PHONEMES,
    temperature: float = 1.0,
    greedy_weight: float = 1.0,
    least_confusion: float = 0.1,
) -> npt.NDArray[np.float32]:
    """What a model decoded of one trial → log-probabilities (2 · slots + 1, classes).

    The scores are log-probabilities of whole strings, so what their sum lacks to one is the probability that none of
    them is right. That share of every frame goes through `errors`, and one half where no n-best strings are known.

    Args:
        greedy: classes of the greedy string.
        n_best: (log score, classes) of the n-best strings; may be empty.
        errors: estimated on other trials than those that are decoded.
        alphabet: order of the classes.
        temperature: divides the log scores before their softmax, which gives the strings' votes.
        greedy_weight: votes of the greedy string, where the n-best strings have one vote together.
        least_confusion: the share that goes through `errors` where the n-best strings leave less.
    """
    if n_best:
        scores = np.array([score for score, _ in n_best])
        weights = np.exp((scores - scores.max()) / temperature)
        votes = [(weight / weights.sum(), string) for weight, (_, string) in zip(weights, n_best, strict=True)]
        slots = confusion_network([*votes, (greedy_weight, greedy)], alphabet)
        confusion = max(least_confusion, 1 - np.exp(scores).sum())
    else:
        slots = confusion_network([(1.0, greedy)], alphabet)
        confusion = 0.5
    frames = np.empty((2 * len(slots) + 1, len(alphabet)))
    frames[0::2] = confusion * errors.spoken_given_nothing
    frames[0::2, alphabet.blank] += 1 - confusion
    frames[1::2] = (1 - confusion) * slots + confusion * slots @ errors.spoken_given_heard
    return np.log(np.maximum(frames, _LEAST_PROBABILITY)).astype(np.float32)


def confusion_network(votes: Sequence[tuple[float, Sequence[int]]], alphabet: Alphabet = PHONEMES) -> Distributions:
    """Weighted strings of classes → one distribution per slot (slots, classes); the blank's share is that of "nothing".

    The string with the most votes, the earliest of several, is the one that the others are aligned with.
    """
    pivot = max(votes, key=lambda vote: vote[0])[1]
    # A slot is (position in the pivot, 0, n) for the nth symbol inserted before it and (position, 1, 0) for its own.
    slots: dict[tuple[int, int, int], Distributions] = {}
    for weight, string in votes:
        for edit in Levenshtein.opcodes(list(pivot), list(string)):
            for offset, symbol in enumerate(string[edit.dest_start : edit.dest_end]):
                inserted = edit.tag == "insert"
                slot = (edit.src_start, 0, offset) if inserted else (edit.src_start + offset, 1, 0)
                slots.setdefault(slot, np.zeros(len(alphabet)))[symbol] += weight
    network = np.array([slots[key] for key in sorted(slots)]).reshape(-1, len(alphabet))
    network /= sum(weight for weight, _ in votes)
    network[:, alphabet.blank] += 1 - network.sum(axis=1)
    return network
