"""One session of the language-model server: what is answered to each request, whatever it is carried by."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from neurolect.decoding.decoder import DecoderStream
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import DataError, NeurolectError, in_a_line
from neurolect.online.lm_models import LmModels
from neurolect.online.lm_parameters import LmParameters
from neurolect.online.lm_protocol import Fields, Received, read_logits, to_final
from neurolect.online.rescoring_fallback import rescored

MAX_FRAMES = 45_000
"""Of one utterance: an hour. What comes after is not heard, so that nobody fills the memory."""

_FAILURES = (NeurolectError, RuntimeError, MemoryError)


@dataclass(frozen=True)
class Finished:
    """An utterance that has ended.

    Args:
        answer: its entry in the final stream.
        text: the sentence.
        frames: that were heard of it.
        seconds: that the end of the search and the second pass took.
        error: what went wrong, or None.
    """

    answer: Fields
    text: str
    frames: int
    seconds: float
    error: str | None = None

    def with_error(self, error: str) -> Finished:
        """The same, with something else that went wrong."""
        error = error if self.error is None else f"{self.error}; {error}"
        return replace(self, answer={**self.answer, "error": error}, error=error)


class LmSession:
    """The open utterance of a session and the settings in force.

    Settings of the search that come while an utterance is being heard hold from the next one on; those of the second
    pass hold at once.

    Args:
        models: shared by all sessions.
        parameters: in force.
        searched_with: those of the open utterance, where it is being gone on with.

    Attributes:
        frames: heard of the open utterance.
        partial: its best sentence so far.
    """

    def __init__(self, models: LmModels, parameters: LmParameters, searched_with: LmParameters | None = None) -> None:
        self._models = models
        self.parameters = parameters
        self.searched_with = searched_with or parameters
        self.frames = 0
        self.partial = ""
        self._failed: str | None = None
        self._stream: DecoderStream = models.stream(self.searched_with)

    def reset(self) -> None:
        """Forget the open utterance and begin another."""
        self.searched_with = self.parameters
        self.frames = 0
        self.partial = ""
        self._failed = None
        self._stream = self._models.stream(self.parameters)

    def hear(self, received: Received) -> str | None:
        """Take an entry of the input stream; what is wrong with it, or None.

        The utterance goes on without an entry that is refused.
        """
        try:
            logits = read_logits(received)
        except DataError as error:
            return str(error)
        if self._failed is not None:
            return self._failed
        if self.frames + len(logits) > MAX_FRAMES:
            return f"the utterance is longer than {MAX_FRAMES} frames; finalise it or reset"
        try:
            self._stream.push(self._models.in_order_of_search(logits))
            self.partial = self._stream.partial().text
        except DataError as error:
            if not self._is_open():
                self._failed = in_a_line(error)
            return str(error)
        except _FAILURES as error:
            self._failed = f"the search failed: {in_a_line(error)}"
            return self._failed
        self.frames += len(logits)
        return None

    def finalise(self, context: str | None) -> Finished:
        """End the utterance, and begin another.

        Args:
            context: what was said before; None is what the server was started with.
        """
        started = time.monotonic()
        hypotheses, error = self._list(context)
        given = self._models.context if context is None else context
        answer = to_final(hypotheses, given)
        if error is not None:
            answer["error"] = error
        finished = Finished(answer, str(answer["lm_response_final"]), self.frames, time.monotonic() - started, error)
        self.reset()
        return finished

    def update(self, received: Received) -> tuple[str | None, list[str]]:
        """Take new settings, all of them or none.

        Returns:
            Why they are refused, or None; and the names given that are no settings.
        """
        try:
            parameters, unknown = self.parameters.updated(received)
            self._models.require(parameters)
        except NeurolectError as error:
            return str(error), []
        self.parameters = parameters
        if not self.frames and self._failed is None:
            self.reset()
        return None, unknown

    def _list(self, context: str | None) -> tuple[list[Hypothesis], str | None]:
        if self._failed is not None:
            return [], self._failed
        try:
            hypotheses = self._stream.finish()
        except _FAILURES as error:
            return [], f"the search failed: {in_a_line(error)}"
        return rescored(self._models.second_pass(self.parameters), hypotheses, context)

    def _is_open(self) -> bool:
        try:
            self._stream.partial()
        except NeurolectError:
            return False
        return True
