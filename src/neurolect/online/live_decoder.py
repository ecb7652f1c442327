"""Bins and events in, what is to be published out: the live decoder, which knows nothing of Redis or of clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurolect.decoding.decoder import Decoder
from neurolect.decoding.delayed_fusion import FusedDecoder
from neurolect.decoding.guidance import Guidance
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.second_pass import SecondPass
from neurolect.errors import ConfigError, DataError, NeurolectError
from neurolect.models.gru import DayLayer
from neurolect.online.live_encoder import Floats, LiveEncoder
from neurolect.online.live_events import changed, notes_of
from neurolect.online.live_numbers import admitted
from neurolect.online.live_settings import LiveSettings
from neurolect.online.live_state import Held, LiveState
from neurolect.online.live_streams import Bins, EndedBy, Event, Partial, PhonemeFrames, Problem, Sentence
from neurolect.online.live_utterance import LiveUtterance, Span, split_spans
from neurolect.online.rescoring_fallback import rescored

Output = PhonemeFrames | Partial | Sentence | Problem

_SAID = 5
"""Sentences that may count as context."""


class LiveDecoder:
    """Utterances one after the other, from one thread; however bins are cut into entries, the sentences are the same.

    Args:
        encoder: the run.
        search: of words.
        settings: of utterances.
        second_pass: over n-best lists; None is none.
        phonemes: of a sentence, for adaptation.
        simpler_search: for utterances in which a large language model that takes part in the search fails.
        state: to go on from; None begins with the run's latest session.
    """

    def __init__(
        self,
        encoder: LiveEncoder,
        search: Decoder,
        settings: LiveSettings = LiveSettings(),
        second_pass: SecondPass | None = None,
        phonemes: Callable[[str], list[str]] | None = None,
        simpler_search: Decoder | None = None,
        state: LiveState | None = None,
    ) -> None:
        self.encoder = encoder
        self.settings = settings
        self._search = search
        self._simpler_search = simpler_search
        self._second_pass = second_pass
        self._phonemes = phonemes
        if settings.adapt is not None and phonemes is None:
            raise ConfigError("adapt: there are no pronunciations to learn from")
        self._now = state or LiveState(Held(encoder.latest_session))
        self._open: LiveUtterance | None = None
        self._waiting: list[Span] = []
        self._settling: _Finished | None = None
        self._repeating = False
        self._normaliser = settings.normaliser(self._now.sums, encoder)

    @property
    def utterance(self) -> LiveUtterance | None:
        """The one that is open."""
        return self._open

    @property
    def state(self) -> LiveState:
        """From what to go on: after the last finished utterance, as long as the next is open."""
        if self._settling is not None:
            return self._settling.state
        return self._now if self._open is None else self._open.state

    @property
    def session(self) -> str:
        """Of the next utterance."""
        return self._now.held.session

    def push(self, entries: Sequence[tuple[str, Bins]]) -> list[Output]:
        """Bins of entries that follow each other in the input stream, with their ids."""
        outputs: list[Output] = []
        together: list[Span] = []
        for entry, bins in entries:
            span, problems = self._admitted(entry, bins)
            self._now = replace(self._now, position=entry)
            outputs += problems
            if span is None:
                continue
            if together and together[-1].source != span.source:
                outputs += self._hear(together)
                together = []
            together.append(span)
        return outputs + (self._hear(together) if together else [])

    def tell(self, entry: str, event: Event) -> list[Output]:
        """An event between two bins, with the id of its entry."""
        before, self._now = self._now, replace(self._now, position=entry)
        try:
            if event.kind == "utterance_start":
                return self._start(before, entry, event)
            if event.kind == "utterance_end":
                return self._stop(entry, event)
            held = changed(self._now.held, event)
            self._search.network.searcher(_guidance(held))
        except NeurolectError as error:
            return [Problem(str(error), entry, "decoder")]
        problems = []
        if held.session != self._now.held.session and held.session not in self.encoder.run.sessions:
            problems.append(self.unknown_session(held.session, entry))
        forgets = event.kind == "context"
        self._now = replace(self._now, held=held, said=() if forgets else self._now.said)
        return [*problems, *self._begin_anew()]

    def refuse(self, entry: str, error: DataError) -> list[Output]:
        """Pass over an entry that is neither bins nor an event."""
        self._now = replace(self._now, position=entry)
        return [Problem(str(error), entry, "decoder")]

    def unknown_session(self, session: str, entry: str) -> Problem:
        """What to say of a session that the run has no day layer for."""
        latest = self.encoder.latest_session
        return Problem(
            f"the run does not know session {session}: it begins with the layer of {latest}", entry, "decoder"
        )

    def settle(self) -> None:
        """Do what a sentence leaves to be done when it has been published."""
        finished, self._settling = self._settling, None
        if finished is None:
            return
        assert self.settings.adapt is not None, "nothing else is left to be done"
        session = finished.state.held.session
        layer = self.settings.adapt.adapted(
            self.encoder.run, self._layer(session), finished.features, finished.phonemes
        )
        self._now = replace(self._now, layers={**self._now.layers, session: layer})

    def _admitted(self, entry: str, bins: Bins) -> tuple[Span | None, list[Output]]:
        """Those bins that were not heard before, and what is to be said of the entry."""
        try:
            first, numbers, said = admitted(self._now.numbers, bins)
        except DataError as error:
            return None, [Problem(str(error), entry, "decoder")]
        was_repeating, self._repeating = self._repeating, first is None
        problems: list[Output] = (
            [Problem(said, entry, "decoder")] if said and not (was_repeating and first is None) else []
        )
        if first is None:
            return None, problems
        self._now = replace(self._now, numbers=numbers)
        if said and self._open is not None and self._open.source == bins.source:
            self._open.problems.append(said)
        features = self.encoder.chosen(bins.features[first - bins.first :])
        return Span(entry, self._now.position, bins.source, first, bins.sent, features), problems

    def _hear(self, spans: list[Span]) -> list[Output]:
        """Take bins of one source, to the last one."""
        outputs: list[Output] = []
        if self._open is not None and self._open.source not in (None, spans[0].source):
            outputs += self._end("source")
        self._waiting += spans
        while self._waiting:
            if self._open is None:
                if self.settings.boundaries == "events":
                    self._waiting = []
                    break
                self._begin(self._state_at(self._waiting[0]), {})
            assert self._open is not None, "it has begun"
            piece, rest = split_spans(self._waiting, self._next_piece())
            if self._open.listener is not None and sum(map(len, piece)) < self._next_piece():
                break
            self._waiting = rest
            outputs += self._take(piece)
        return outputs

    def _next_piece(self) -> int:
        """How many bins to take at a time: as many as there are, or where the end is to be heard, to the next frame."""
        assert self._open is not None, "bins are taken by an utterance"
        longest = self.encoder.bins_in(self.settings.longest_seconds) - self._open.n_bins
        return longest if self._open.listener is None else min(longest, self._open.encoding.bins_to_next_frame)

    def _take(self, piece: list[Span]) -> list[Output]:
        utterance = self._open
        assert utterance is not None, "bins are taken by an utterance"
        sums = None if self._normaliser is None else self._normaliser.sums
        outputs: list[Output] = [*utterance.push(piece, self._normalised(piece))]
        listener = utterance.listener
        if listener is not None and listener.ended:
            return outputs + self._end("silence")
        if utterance.n_bins >= self.encoder.bins_in(self.settings.longest_seconds):
            utterance.problems.append(f"ended after {self.settings.longest_seconds:g} s")
            return outputs + self._end("length")
        if listener is not None and not listener.begun:
            utterance.lead.append((sums, piece))
            if listener.in_vain:
                self._restart()
        return outputs

    def _normalised(self, piece: list[Span]) -> Floats:
        features = np.concatenate([span.features for span in piece])
        return features if self._normaliser is None else self._normaliser.push(features)

    def _start(self, before: LiveState, entry: str, event: Event) -> list[Output]:
        if self.settings.boundaries == "silence":
            return []
        notes, outputs = notes_of(event, entry)
        if self._open is not None and self._open.n_bins:
            said = "utterance_start before the utterance_end of the one before, which ends here"
            self._open.problems.append(said)
            outputs += [Problem(said, entry, "decoder"), *self._end("event")]
            before = replace(self._now, position=before.position)
        self._open = None
        self._begin(before, notes)
        return outputs

    def _stop(self, entry: str, event: Event) -> list[Output]:
        if self.settings.boundaries == "silence":
            return []
        if self._open is None:
            return [Problem("utterance_end without utterance_start", entry, "decoder")]
        notes, outputs = notes_of(event, entry)
        if not self._open.n_bins:
            self._open = None
            return [*outputs, Problem("an utterance without bins ended", entry, "decoder")]
        self._open.notes.update(notes)
        return outputs + self._end("event")

    def _begin(self, state: LiveState, notes: dict[str, Any]) -> None:
        self.settle()
        held = state.held
        if self._normaliser is not None and held.block_begins:
            self._normaliser.next_block()
        self._now = replace(self._now, held=replace(held, block_begins=False))
        said = " ".join(f"{sentence}." for sentence in state.said) if self.settings.context == "said" else ""
        context = f"{held.context} {said}".strip()
        if isinstance(self._search, FusedDecoder):
            self._search.fusion = replace(self._search.fusion, context=context)
        self._open = LiveUtterance(
            number=state.utterances + 1,
            state=replace(state, layers=self._now.layers),
            encoder=self.encoder,
            encoding=self.encoder.stream(self._layer(held.session)),
            search=self._search,
            simpler_search=self._simpler_search,
            guidance=_guidance(held),
            context=context,
            notes=notes,
            end_of_speech=self.settings.end_of_speech if self.settings.boundaries == "silence" else None,
        )

    def _state_at(self, span: Span) -> LiveState:
        """As it is, but that the bins from this one on are yet to be heard."""
        sums = None if self._normaliser is None else self._normaliser.sums
        numbers = {**self._now.numbers, span.source: span.first}
        return replace(self._now, position=span.before, numbers=numbers, sums=sums)

    def _begin_anew(self) -> list[Output]:
        """Let what events have set hold at once for an utterance in which nobody has spoken yet."""
        if self._open is None or self._open.listener is None or self._open.listener.begun:
            return []
        self._restart()
        waiting, self._waiting = self._waiting, []
        return self._hear(waiting) if waiting else []

    def _restart(self) -> None:
        """Forget an utterance without speech, but for its last bins, which the next begins with."""
        assert self._open is not None, "one is open"
        lead, self._open = list(self._open.lead), None
        if self._normaliser is not None:
            sums = lead[0][0] if lead else self._normaliser.sums
            assert sums is not None, "they were kept"
            self._normaliser.sums = sums
            self._now = replace(self._now, sums=sums)
        self._waiting = [*(span for _, piece in lead for span in piece), *self._waiting]

    def _end(self, ended_by: EndedBy) -> list[Output]:
        utterance = self._open
        assert utterance is not None, "one is open"
        outputs: list[Output] = []
        if ended_by == "source" and self._waiting:
            waiting, self._waiting = self._waiting, []
            outputs += utterance.push(waiting, self._normalised(waiting))
        self._open = None
        last, hypotheses = utterance.finish()
        outputs += last
        sums = None if self._normaliser is None else self._normaliser.sums
        self._now = replace(self._now, sums=sums)
        if utterance.listener is not None and not (utterance.listener.begun and hypotheses[0].words):
            return outputs
        if self._second_pass is not None:
            hypotheses, failure = rescored(self._second_pass, hypotheses, utterance.context)
            if failure is not None:
                utterance.problems.append(failure)
                outputs.append(Problem(failure, utterance.last.entry if utterance.last else "", "decoder"))
        sentence = utterance.sentence(hypotheses, ended_by, self.settings.alternatives)
        said = (*self._now.said, sentence.text)[-_SAID:] if sentence.text else self._now.said
        self._now = replace(self._now, utterances=utterance.number, said=said)
        self._plan_adaptation(utterance, hypotheses[0])
        return [*outputs, sentence]

    def _plan_adaptation(self, utterance: LiveUtterance, best: Hypothesis) -> None:
        adapt = self.settings.adapt
        if adapt is None or self._phonemes is None or not adapt.trusts(best):
            return
        try:
            phonemes = self._phonemes(best.text)
        except ConfigError:  # a word that the graph has and the lexicon lacks
            return
        self._settling = _Finished(utterance.state, np.concatenate(utterance.features), phonemes)

    def _layer(self, session: str) -> DayLayer:
        return self._now.layers.get(session) or self.encoder.day_layer(session)


@dataclass(frozen=True)
class _Finished:
    """An utterance from which a day layer is yet to learn; until it has, its state is the one to go on from."""

    state: LiveState
    features: Floats
    phonemes: list[str]


def _guidance(held: Held) -> Guidance | None:
    return Guidance(phrases=held.phrases) if held.phrases else None
