"""Bins and events in, what is to be published out: the live decoder, which knows nothing of Redis or of clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from neurolect.errors import DataError, NeurolectError
from neurolect.online.live_answers import Problem
from neurolect.online.live_events import changed, notes_of
from neurolect.online.live_input import Bins, Event
from neurolect.online.live_numbers import admitted
from neurolect.online.live_state import Held, LiveState
from neurolect.online.live_utterance import LiveUtterance, Span
from neurolect.online.utterance_keeper import Output, Tools, UtteranceKeeper, guidance_of

_SAID_AGAIN_BINS = 500
"""Of a source that sends only bins that come again: after so many, 10 s, it is said once more."""


class LiveDecoder:
    """Utterances one after the other, from one thread; however bins are cut into entries, the sentences are the same.

    Args:
        tools: what utterances are decoded with.
        state: to go on from; None begins with the run's latest session.
    """

    def __init__(self, tools: Tools, state: LiveState | None = None) -> None:
        self.tools = tools
        self._keeper = UtteranceKeeper(tools, state or LiveState(Held(tools.encoder.latest_session)))
        self._bounded_by_events = tools.settings.boundaries == "events"
        self._repeated = 0
        self._doubted: tuple[str, int] | None = None

    @property
    def utterance(self) -> LiveUtterance | None:
        """The one that is open."""
        return self._keeper.open

    @property
    def state(self) -> LiveState:
        """From what to go on: after the last finished utterance, as long as the next is open."""
        return self._keeper.state

    @property
    def session(self) -> str:
        """Of the next utterance."""
        return self._keeper.now.held.session

    @property
    def learned(self) -> Mapping[str, int]:
        """From how many sentences the day layer of each session has learned."""
        return self._keeper.now.learned

    def push(self, entries: Sequence[tuple[str, Bins]]) -> list[Output]:
        """Bins of entries that follow each other in the input stream, with their ids."""
        outputs: list[Output] = []
        together: list[Span] = []
        for entry, bins in entries:
            if together and together[-1].source != bins.source:
                outputs += self._keeper.hear(together)
                together = []
            span, problems = self._admitted(entry, bins)
            outputs += problems
            together += [] if span is None else [span]
            self._pass(entry)
        return outputs + (self._keeper.hear(together) if together else [])

    def tell(self, entry: str, event: Event) -> list[Output]:
        """An event between two bins, with the id of its entry."""
        before = self._keeper.now
        self._pass(entry)
        if event.kind == "utterance_start":
            return self._start(before, entry, event) if self._bounded_by_events else []
        if event.kind == "utterance_end":
            return self._stop(entry, event) if self._bounded_by_events else []
        try:
            held = changed(before.held, event)
            if held.phrases != before.held.phrases:
                # Refuses words that the search does not know.
                self.tools.search.network.searcher(guidance_of(held))
        except NeurolectError as error:
            return [Problem(str(error), entry, "decoder")]
        said = () if event.kind == "context" else before.said
        self._keeper.now = replace(self._keeper.now, held=held, said=said)
        is_new = held.session != before.held.session
        return [*(self.unknown_session(entry) if is_new else []), *self._keeper.begin_anew()]

    def refuse(self, entry: str, error: DataError) -> list[Output]:
        """Pass over an entry that is neither bins nor an event."""
        self._pass(entry)
        return [Problem(str(error), entry, "decoder")]

    def unknown_session(self, entry: str = "") -> list[Output]:
        """What to say of the session where the run has no day layer for it."""
        if self.session in self.tools.encoder.run.sessions:
            return []
        latest = self.tools.encoder.latest_session
        said = f"the run does not know session {self.session}: it begins with the layer of {latest}"
        return [Problem(said, entry, "decoder")]

    def unknown_phrases(self) -> list[Output]:
        """Forget phrases that an event told a decoder of another search; gives what is to be said of them.

        Raises:
            NeurolectError: they are those given to this one.
        """
        now = self._keeper.now
        try:
            self.tools.search.network.searcher(guidance_of(now.held))
        except NeurolectError as error:
            if now.given is not None and now.held.phrases == now.given.phrases:
                raise
            self._keeper.now = replace(now, held=replace(now.held, phrases={}))
            return [Problem(f"{error}; the phrases are forgotten", "", "decoder")]
        return []

    def settle(self) -> None:
        """Do what a sentence leaves to be done when it has been published."""
        self._keeper.settle()

    def _pass(self, entry: str) -> None:
        self._keeper.now = replace(self._keeper.now, position=entry)

    def _admitted(self, entry: str, bins: Bins) -> tuple[Span | None, list[Output]]:
        """Those bins that were not heard before, and what is to be said of the entry."""
        now = self._keeper.now
        try:
            first, numbers, said = admitted(now.numbers, bins, self._doubted)
        except DataError as error:
            self._doubted = bins.source, bins.first + len(bins.features)
            return None, [Problem(str(error), entry, "decoder")]
        problems: list[Output] = [Problem(said, entry, "decoder")] if said else []
        if first is None:
            told = 0 < self._repeated < _SAID_AGAIN_BINS
            self._repeated = len(bins.features) + (self._repeated if told else 0)
            return None, [] if told else problems
        self._repeated = 0
        self._doubted = None
        self._keeper.now = replace(now, numbers=numbers)
        features = self.tools.encoder.chosen(bins.features[first - bins.first :])
        return Span(entry, now.position, bins.source, first, bins.sent, features, said), problems

    def _start(self, before: LiveState, entry: str, event: Event) -> list[Output]:
        keeper = self._keeper
        self._repeated = 0
        notes, outputs = notes_of(event, entry)
        if keeper.open is not None and keeper.open.n_bins:
            said = "utterance_start before the utterance_end of the one before, which ends here"
            keeper.open.problems.append(said)
            outputs += [Problem(said, entry, "decoder"), *keeper.end("event")]
        keeper.begin(replace(keeper.now, position=before.position), notes)
        return outputs

    def _stop(self, entry: str, event: Event) -> list[Output]:
        utterance = self._keeper.open
        if utterance is None and self._keeper.was_cut:
            self._keeper.was_cut = False
            return []
        if utterance is None:
            return [Problem("utterance_end without utterance_start", entry, "decoder")]
        notes, outputs = notes_of(event, entry)
        if not utterance.n_bins:
            self._keeper.open = None
            return [*outputs, Problem("an utterance without bins ended", entry, "decoder")]
        utterance.notes.update(notes)
        return outputs + self._keeper.end("event")
