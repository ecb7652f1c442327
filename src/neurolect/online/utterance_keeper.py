"""Begins utterances, feeds them and ends them, by events or by silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurolect.data.normalisation import BlockSums
from neurolect.decoding.decoder import Decoder
from neurolect.decoding.delayed_fusion import FusedDecoder
from neurolect.decoding.guidance import Guidance
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.second_pass import SecondPass
from neurolect.errors import ConfigError
from neurolect.models.gru import DayLayer
from neurolect.online.live_answers import EndedBy, Partial, PhonemeFrames, Problem, Sentence
from neurolect.online.live_encoder import Floats, LiveEncoder
from neurolect.online.live_settings import LiveSettings
from neurolect.online.live_state import Held, LiveState
from neurolect.online.live_utterance import LiveUtterance, Span, split_spans
from neurolect.online.rescoring_fallback import rescored

Output = PhonemeFrames | Partial | Sentence | Problem

_SAID = 5
"""Sentences that may count as context."""


@dataclass(frozen=True)
class Tools:
    """What all utterances are decoded with.

    Args:
        encoder: the run.
        search: of words.
        settings: of utterances.
        second_pass: over n-best lists; None is none.
        phonemes: of a sentence, for adaptation.
        simpler_search: for utterances in which a large language model that takes part in the search fails.

    Raises:
        ConfigError: day layers are to be adapted, but no pronunciations are given.
    """

    encoder: LiveEncoder
    search: Decoder
    settings: LiveSettings = LiveSettings()
    second_pass: SecondPass | None = None
    phonemes: Callable[[str], list[str]] | None = None
    simpler_search: Decoder | None = None

    def __post_init__(self) -> None:
        if self.settings.adapt is not None and self.phonemes is None:
            raise ConfigError("adapt: there are no pronunciations to learn from")


class UtteranceKeeper:
    """The utterance that is open, and what those before it have left.

    Args:
        tools: what utterances are decoded with.
        now: where things stand; of what is read from the input stream its owner takes care.

    Attributes:
        was_cut: whether the last utterance had become too long, and its end is still to be told.
    """

    def __init__(self, tools: Tools, now: LiveState) -> None:
        self.now = now
        self.open: LiveUtterance | None = None
        self.was_cut = False
        self._tools = tools
        self._settings = tools.settings
        self._waiting: list[Span] = []
        self._settling: _Finished | None = None
        self._normaliser = tools.settings.normaliser(now.sums, tools.encoder)

    @property
    def state(self) -> LiveState:
        """From what to go on: after the last finished utterance, as long as the next is open."""
        if self._settling is not None:
            return self._settling.state
        return self.now if self.open is None else self.open.state

    def settle(self) -> None:
        """Do what a sentence leaves to be done when it has been published."""
        finished, self._settling = self._settling, None
        if finished is None:
            return
        assert self._settings.adapt is not None, "nothing else is left to be done"
        session = finished.state.held.session
        before = self._layer(session)
        layer = self._settings.adapt.adapted(self._tools.encoder.run, before, finished.features, finished.phonemes)
        if layer is not before:
            learned = {**self.now.learned, session: self.now.learned.get(session, 0) + 1}
            self.now = replace(self.now, layers={**self.now.layers, session: layer}, learned=learned)

    def hear(self, spans: list[Span]) -> list[Output]:
        """Take bins of one source, to the last one."""
        outputs: list[Output] = []
        heard = self._waiting[0].source if self._waiting else None if self.open is None else self.open.source
        if heard not in (None, spans[0].source):
            outputs += self.end("source")
        self._waiting += spans
        while self._waiting:
            if self.open is None:
                if self._settings.boundaries == "events":
                    self._waiting = []
                    break
                self.begin(self._state_at(self._waiting[0]), {})
            assert self.open is not None, "it has begun"
            piece, rest = split_spans(self._waiting, self._next_piece())
            if self.open.listener is not None and sum(map(len, piece)) < self._next_piece():
                break
            self._waiting = rest
            outputs += self._take(piece)
        return outputs

    def begin(self, state: LiveState, notes: dict[str, Any]) -> None:
        """Open an utterance in place of any that is open; the state is the one to go on from while it is."""
        self.settle()
        held = state.held
        if self._normaliser is not None and held.block_begins:
            self._normaliser.next_block()
        self.now = replace(self.now, held=replace(held, block_begins=False), sums=self._sums)
        self.was_cut = False
        search = self._tools.search
        said = " ".join(f"{sentence}." for sentence in state.said) if self._settings.context == "said" else ""
        context = f"{held.context} {said}".strip()
        if isinstance(search, FusedDecoder):
            search.fusion = replace(search.fusion, context=context)
        self.open = LiveUtterance(
            number=state.utterances + 1,
            state=replace(state, layers=self.now.layers, learned=self.now.learned),
            encoder=self._tools.encoder,
            encoding=self._tools.encoder.stream(self._layer(held.session)),
            search=search,
            simpler_search=self._tools.simpler_search,
            guidance=guidance_of(held),
            context=context,
            notes=notes,
            end_of_speech=self._settings.end_of_speech if self._settings.boundaries == "silence" else None,
        )

    def begin_anew(self) -> list[Output]:
        """Let what events have set hold at once for an utterance in which nobody has spoken yet."""
        if self.open is None or self.open.listener is None or self.open.listener.begun:
            return []
        self._restart()
        waiting, self._waiting = self._waiting, []
        return self.hear(waiting) if waiting else []

    def end(self, ended_by: EndedBy) -> list[Output]:
        """Finish the utterance that is open; gives its last frames and its sentence."""
        utterance = self.open
        assert utterance is not None, "one is open"
        outputs: list[Output] = []
        if ended_by == "source" and self._waiting:
            waiting, self._waiting = self._waiting, []
            outputs += utterance.push(waiting, self._normalised(waiting))
        self.open = None
        last, hypotheses = utterance.finish()
        outputs += last
        self.now = replace(self.now, sums=self._sums)
        if utterance.listener is not None and not (utterance.listener.begun and hypotheses[0].words):
            return outputs
        if self._tools.second_pass is not None:
            hypotheses, failure = rescored(self._tools.second_pass, hypotheses, utterance.context)
            if failure is not None:
                utterance.problems.append(failure)
                outputs.append(Problem(failure, utterance.last.entry if utterance.last else "", "decoder"))
        sentence = utterance.sentence(hypotheses, ended_by, self._settings.alternatives)
        said = (*self.now.said, sentence.text)[-_SAID:] if sentence.text else self.now.said
        self.now = replace(self.now, utterances=utterance.number, said=said)
        self._plan_adaptation(utterance, hypotheses[0])
        return [*outputs, sentence]

    def _next_piece(self) -> int:
        """How many bins to take at a time: as many as there are, or where the end is to be heard, to the next frame."""
        assert self.open is not None, "bins are taken by an utterance"
        longest = self._tools.encoder.bins_in(self._settings.longest_seconds) - self.open.n_bins
        return longest if self.open.listener is None else min(longest, self.open.encoding.bins_to_next_frame)

    def _take(self, piece: list[Span]) -> list[Output]:
        utterance = self.open
        assert utterance is not None, "bins are taken by an utterance"
        sums = self._sums
        outputs: list[Output] = [*utterance.push(piece, self._normalised(piece))]
        listener = utterance.listener
        if listener is not None and listener.ended:
            return outputs + self.end("silence")
        if utterance.n_bins >= self._tools.encoder.bins_in(self._settings.longest_seconds):
            said = f"ended after {self._settings.longest_seconds:g} s"
            if self._settings.boundaries == "events":
                said += "; bins until the next utterance_start are ignored"
                self.was_cut = True
            utterance.problems.append(said)
            return [*outputs, Problem(said, piece[-1].entry, "decoder"), *self.end("length")]
        if listener is not None and not listener.begun:
            utterance.lead.append((sums, piece))
            if listener.in_vain:
                self._restart()
        return outputs

    @property
    def _sums(self) -> BlockSums | None:
        return None if self._normaliser is None else self._normaliser.sums

    def _normalised(self, piece: list[Span]) -> Floats:
        features = np.concatenate([span.features for span in piece])
        return features if self._normaliser is None else self._normaliser.push(features)

    def _state_at(self, span: Span) -> LiveState:
        """As it is, but that the bins from this one on are yet to be heard."""
        numbers = {**self.now.numbers, span.source: span.first}
        return replace(self.now, position=span.before, numbers=numbers, sums=self._sums)

    def _restart(self) -> None:
        """Forget an utterance without speech, but for its last bins, which the next begins with."""
        assert self.open is not None, "one is open"
        lead, self.open = list(self.open.lead), None
        sums = lead[0][0] if lead else self._sums
        if self._normaliser is not None and sums is not None:
            self._normaliser.sums = sums
        self.now = replace(self.now, sums=sums)
        self._waiting = [*(span for _, piece in lead for span in piece), *self._waiting]

    def _plan_adaptation(self, utterance: LiveUtterance, best: Hypothesis) -> None:
        adapt = self._settings.adapt
        if adapt is None or self._tools.phonemes is None or not adapt.trusts(best):
            return
        try:
            phonemes = self._tools.phonemes(best.text)
        except ConfigError:  # a word that the graph has and the lexicon lacks
            return
        self._settling = _Finished(utterance.state, np.concatenate(utterance.features), phonemes)

    def _layer(self, session: str) -> DayLayer:
        return self.now.layers.get(session) or self._tools.encoder.day_layer(session)


@dataclass(frozen=True)
class _Finished:
    """An utterance from which a day layer is yet to learn; until it has, its state is the one to go on from."""

    state: LiveState
    features: Floats
    phonemes: list[str]


def guidance_of(held: Held) -> Guidance | None:
    """Hints for the search of an utterance."""
    return Guidance(phrases=held.phrases) if held.phrases else None
