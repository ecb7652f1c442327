"""How a live decoder is set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neurolect.data.normalisation import BlockSums, FeatureStatistics, NormalisationStream, RunningNormalisation
from neurolect.errors import require_at_least
from neurolect.online.day_adaptation import DayAdaptation
from neurolect.online.end_of_speech import EndOfSpeech
from neurolect.online.live_encoder import LiveEncoder


@dataclass(frozen=True)
class LiveSettings:
    """How utterances begin and end, and what is done beside decoding them.

    Args:
        boundaries: utterances are bounded by `events`, and bins outside of one are ignored; or by `silence`, and these
            events are ignored.
        end_of_speech: thresholds, for silence.
        normalisation: of raw features; None takes them as they are.
        start: what the first block starts with, where features are normalised.
        context: beside what an event tells, give the large language model the sentences `said` before, or `none`.
        adapt: whether day layers follow the day.
        longest_seconds: an utterance ends when it is so long.
        alternatives: sentences that are told beside the best.
    """

    boundaries: Literal["events", "silence"] = "events"
    end_of_speech: EndOfSpeech = EndOfSpeech()
    normalisation: RunningNormalisation | None = None
    start: FeatureStatistics | None = None
    context: Literal["none", "said"] = "none"
    adapt: DayAdaptation | None = None
    longest_seconds: float = 120.0
    alternatives: int = 10

    def __post_init__(self) -> None:
        require_at_least(1, "longest_seconds", self.longest_seconds)
        require_at_least(0, "alternatives", self.alternatives)

    def normaliser(self, sums: BlockSums | None, encoder: LiveEncoder) -> NormalisationStream | None:
        """A stream of the features that the model knows, from where a block stands; None where they are not normalised.

        Raises:
            DataError: the statistics to start with are of another number of features.
        """
        if self.normalisation is None:
            return None
        width = encoder.n_chosen
        if sums is None or len(sums.shift) != width:
            start = self.start
            if start is not None and len(start.mean) == encoder.n_features:
                start = FeatureStatistics(*(encoder.chosen(each[None])[0] for each in (start.mean, start.std)))
            sums = BlockSums.beginning(width, start, self.normalisation.start_bins)
        return NormalisationStream(self.normalisation, sums)
