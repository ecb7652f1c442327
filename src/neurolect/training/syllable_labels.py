"""Which syllable each patch of a spoken word belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from neurolect.data.seeg.mandarin import FINALS, INITIALS, MandarinWord
from neurolect.data.seeg.word_data import WordData
from neurolect.errors import DataError, require_at_least
from neurolect.models.duin.encoder import DuINEncoder

NO_SYLLABLE = -1


@dataclass(frozen=True)
class SyllableTiming:
    """When syllables are taken to be spoken, where nobody marked them: at even pace from the onset of the word on.

    Args:
        start: of the first syllable, in seconds after the word's onset.
        syllable_seconds: length of each syllable.
    """

    start: float = 0.0
    syllable_seconds: float = 0.25

    def __post_init__(self) -> None:
        require_at_least(0.01, "timing.syllable_seconds", self.syllable_seconds)


def labels_for(data: WordData, model: nn.Module, spoken: Sequence[MandarinWord], timing: SyllableTiming) -> Tensor:
    """`syllable_labels` of the words, onsets and patches of a model's data.

    Raises:
        DataError: a word cannot be labelled, or the subjects' trials begin at different times.
    """
    starts = {subject.info.epoch_start for subject in data.opened}
    if len(starts) > 1:
        raise DataError(
            f"{data.root}: trials begin {sorted(starts)} s from the onset of their words, expected one time"
        )
    encoder = cast(DuINEncoder, model.encoder)
    token_seconds = encoder.settings.patch_size / data.sample_rate
    return syllable_labels(data.words, spoken, timing, encoder.n_tokens, token_seconds, starts.pop())


def syllable_labels(
    words: Sequence[str],
    spoken: Sequence[MandarinWord],
    timing: SyllableTiming,
    n_tokens: int,
    token_seconds: float,
    epoch_start: float,
) -> Tensor:
    """Initial and final of each token of each word: (words, tokens, 2) int64, `NO_SYLLABLE` outside the word.

    A token belongs to the syllable in which its middle lies.

    Args:
        words: classes in the order of their labels.
        spoken: how words are spoken; others may be among them.
        timing: of the syllables.
        n_tokens: in a trial.
        token_seconds: length of a token.
        epoch_start: time of a trial's first sample relative to the onset of its word, in seconds.

    Raises:
        DataError: a word is not among the spoken ones, or its syllables meet no token.
    """
    syllables = {each.word: each.syllables for each in spoken}
    labels = torch.full((len(words), n_tokens, 2), NO_SYLLABLE)
    middles = epoch_start + (torch.arange(n_tokens) + 0.5) * token_seconds
    positions = torch.floor((middles - timing.start) / timing.syllable_seconds)
    for row, word in enumerate(words):
        if word not in syllables:
            raise DataError(f"the list of words does not say how '{word}' is spoken")
        for number, syllable in enumerate(syllables[word]):
            labels[row, positions == number] = torch.tensor(
                [INITIALS.index(syllable.initial), FINALS.index(syllable.final)]
            )
        if (labels[row] == NO_SYLLABLE).all():
            raise DataError(f"no token of a trial lies in a syllable of '{word}'; change timing.start")
    return labels
