"""One utterance while it is being said."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurolect.data.normalisation import BlockSums
from neurolect.decoding.decoder import Decoder
from neurolect.decoding.guidance import Guidance
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.online.end_of_speech import EndOfSpeech, SpeechListener
from neurolect.online.live_answers import EndedBy, Partial, PhonemeFrames, Sentence, Word
from neurolect.online.live_encoder import EncoderStream, Floats, LiveEncoder
from neurolect.online.live_state import LiveState

_FAILURES = (RuntimeError, MemoryError)
"""Of a large language model, for which there is not enough memory."""


@dataclass(frozen=True, eq=False)
class Span:
    """Consecutive bins of one entry of the input stream.

    Args:
        entry: its id.
        before: id of the entry before it.
        source: of the bins.
        first: number of the first one.
        sent: when the entry was sent, by the sender's clock.
        features: (bins, features), the columns that the model knows, not yet normalised.
        missing: what to say of bins that are missing before it.
    """

    entry: str
    before: str
    source: str
    first: int
    sent: float
    features: Floats
    missing: str = ""

    def __len__(self) -> int:
        return len(self.features)

    def split(self, n_bins: int) -> tuple[Span, Span]:
        """The first so many bins, and the rest."""
        rest = replace(self, first=self.first + n_bins, features=self.features[n_bins:], missing="")
        return replace(self, features=self.features[:n_bins]), rest


def split_spans(spans: Sequence[Span], n_bins: int) -> tuple[list[Span], list[Span]]:
    """The first so many bins of several spans, and the rest."""
    taken: list[Span] = []
    for index, span in enumerate(spans):
        if len(span) > n_bins:
            first, rest = span.split(n_bins)
            return [*taken, *([first] if n_bins else [])], [rest, *spans[index + 1 :]]
        taken.append(span)
        n_bins -= len(span)
    return taken, []


@dataclass
class LiveUtterance:
    """An utterance that is open.

    Args:
        number: the one it will have when it is finished.
        state: of the decoder at its begin.
        encoder: shared by all.
        encoding: stream of this one.
        search: of its words.
        simpler_search: takes its place where a large language model that takes part in it fails.
        guidance: for the search.
        context: for the large language model.
        notes: what was said at its start.
        end_of_speech: thresholds, where nobody marks its end.
        problems: what went wrong without ending it.
    """

    number: int
    state: LiveState
    encoder: LiveEncoder
    encoding: EncoderStream
    search: Decoder
    simpler_search: Decoder | None
    guidance: Guidance | None
    context: str
    notes: dict[str, Any]
    end_of_speech: EndOfSpeech | None
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream = self.search.stream(self.guidance)
        self.features: list[Floats] = []
        self._logits: list[Floats] = []
        self._simply = False
        self.n_bins = 0
        self.n_frames = 0
        self.first: Span | None = None
        self.last: Span | None = None
        self.listener: SpeechListener | None = None
        self.lead: deque[tuple[BlockSums | None, list[Span]]] = deque(maxlen=0)
        if self.end_of_speech is not None:
            per_frame = self.encoder.seconds_per_frame
            self.listener = SpeechListener(self.end_of_speech, per_frame)
            self.lead = deque(maxlen=round(self.end_of_speech.lead_seconds / per_frame))

    @property
    def source(self) -> str | None:
        """Of its bins; None before the first."""
        return None if self.first is None else self.first.source

    def push(self, spans: Sequence[Span], features: Floats) -> list[PhonemeFrames | Partial]:
        """Take bins, whose features have been normalised; gives what they complete.

        Args:
            spans: at least one.
            features: (bins, features) of all of them.
        """
        # What is missing before the first bin is not the utterance's.
        self.problems += [span.missing for span in spans[self.first is None :] if span.missing]
        self.first = self.first or spans[0]
        self.last = spans[-1]
        self.n_bins += len(features)
        self.features.append(features)
        return self._search(self.encoding.push(features))

    def finish(self) -> tuple[list[PhonemeFrames | Partial], list[Hypothesis]]:
        """End it; gives the frames that waited, and the sentences, best first."""
        frames = self._search(self.encoding.finish())
        try:
            return frames, self.stream.finish()
        except _FAILURES as error:
            self._search_simply(error)
            return frames, self.stream.finish()

    def sentence(self, hypotheses: Sequence[Hypothesis], ended_by: EndedBy, alternatives: int) -> Sentence:
        """What is to be published of it, once it is finished.

        Args:
            hypotheses: best first.
            ended_by: what.
            alternatives: sentences that are told beside the best.
        """
        first, last, best = self.first, self.last, hypotheses[0]
        assert first is not None, "it has bins"
        assert last is not None, "it has bins"
        return Sentence(
            utterance=self.number,
            text=best.text,
            words=words_of(best, self.encoder),
            alternatives=tuple((each.text, each.total) for each in hypotheses[1 : 1 + alternatives]),
            total=best.total,
            session=self.state.held.session,
            block=self.state.held.block,
            ended_by=ended_by,
            n_bins=self.n_bins,
            n_frames=self.n_frames,
            first_bin=first.first,
            source=first.source,
            first_input=first.entry,
            last_input=last.entry,
            context=self.context,
            notes=self.notes,
            problems=tuple(self.problems),
            latency_ms=0.0,
        )

    def _search(self, logits: Floats) -> list[PhonemeFrames | Partial]:
        if not len(logits):
            return []
        probabilities = _softmax(logits)
        frames = PhonemeFrames(self.number, self.n_frames, probabilities)
        self.n_frames += len(logits)
        if self.listener is not None:
            alphabet = self.encoder.run.alphabet
            unspoken = [alphabet.blank] if alphabet.silence is None else [alphabet.blank, alphabet.silence]
            for speech in 1 - probabilities[:, unspoken].sum(axis=1):
                self.listener.hear(float(speech))
        self._logits.append(logits)
        try:
            self.stream.push(logits)
        except _FAILURES as error:
            self._search_simply(error)
        return [frames, self._partial()]

    def _search_simply(self, error: Exception) -> None:
        """Begin the search again without the large language model that failed."""
        if self.simpler_search is None or self._simply:
            raise error
        self.problems.append(
            f"the search went on without its large language model: {' '.join(str(error).split())[:300]}"
        )
        self._simply = True
        self.stream = self.simpler_search.stream(self.guidance)
        self.stream.push(np.concatenate(self._logits))

    def _partial(self) -> Partial:
        best, last = self.stream.partial(), self.last
        assert last is not None, "frames come of bins"
        return Partial(
            utterance=self.number,
            text=best.text,
            words=words_of(best, self.encoder),
            frames=self.n_frames,
            input=last.entry,
            sent=last.sent,
            latency_ms=0.0,
        )


def words_of(hypothesis: Hypothesis, encoder: LiveEncoder) -> tuple[Word, ...]:
    """Words in seconds since the utterance's first bin, with confidences where there are any."""
    confidences = hypothesis.confidence or (None,) * len(hypothesis.words)
    return tuple(
        Word(word, encoder.seconds(start), encoder.seconds(end), confidence)
        for word, (start, end), confidence in zip(hypothesis.words, hypothesis.times, confidences, strict=True)
    )


def _softmax(logits: Floats) -> Floats:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
