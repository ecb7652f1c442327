"""Decode every trial of a split with a trained run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from neurolect.data.blocks import BlockTable
from neurolect.data.dataset import SpeechData
from neurolect.data.smoothing import Padding
from neurolect.data.t15 import Split
from neurolect.data.trial import Trial
from neurolect.decoding.greedy import greedy_decode
from neurolect.decoding.hypotheses import Hypothesis, Logits
from neurolect.training.runs import Run


class UtteranceDecoder(Protocol):
    """What turns the logits of one utterance into sentences: a `Decoder`, or one that is far away."""

    def decode(self, logits: Logits) -> list[Hypothesis]:
        """Logits (frames, classes) → sentences, best first, at least one."""
        ...


@dataclass(frozen=True)
class DecodedTrial:
    """What was recorded in one trial and what was decoded from it.

    Args:
        trial: features and labels as recorded, with the corpus where the block table knows it.
        logits: (frames, classes) of the model.
        phonemes: greedy answer, without blanks.
        spoken_phonemes: the labels as symbols, or None for trials without labels.
        hypotheses: sentences, best first; empty when no words were searched.
        search_seconds: CPU time of the word search, in this process.
    """

    trial: Trial
    logits: npt.NDArray[np.float32]
    phonemes: list[str]
    spoken_phonemes: list[str] | None
    hypotheses: list[Hypothesis]
    search_seconds: float

    @property
    def text(self) -> str:
        """The best sentence, or nothing."""
        return self.hypotheses[0].text if self.hypotheses else ""


def decode_split(
    run: Run, data: SpeechData, split: Split, decoder: UtteranceDecoder | None = None, padding: Padding = "same"
) -> Iterator[DecodedTrial]:
    """Decode sessions in day order and trials in file order, one at a time.

    Args:
        run: the model and its preprocessing.
        data: recordings; its sessions select the model's day layers by name.
        split: `train`, `val` or `test`.
        decoder: turns logits into sentences; None stops at phonemes.
        padding: of the smoothing; the reference's evaluation uses `valid`.

    Raises:
        DataError: a recording breaks the layout.
        ConfigError: the run has no layer for a session.
    """
    corpora = BlockTable.near(data.root)
    for day, packed in zip(data.days, data.open(split), strict=True):
        for trial in packed or ():
            features = trial.features if data.columns is None else trial.features[:, data.columns]
            logits = run.logits(features, day.name, padding)
            started = time.process_time()
            hypotheses = decoder.decode(logits) if decoder else []
            searched = time.process_time() - started
            yield DecodedTrial(
                trial=corpora.with_corpus(trial),
                logits=logits,
                phonemes=run.alphabet.decode(greedy_decode(logits, run.alphabet)),
                spoken_phonemes=None if trial.labels is None else run.alphabet.decode(trial.labels),
                hypotheses=hypotheses,
                search_seconds=searched,
            )
