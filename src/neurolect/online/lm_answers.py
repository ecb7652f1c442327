"""What is written in answer to each request of a session, and how far the session then is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from neurolect.errors import DataError
from neurolect.online.lm_order import Request
from neurolect.online.lm_protocol import Fields, LmStreams
from neurolect.online.lm_session import LmSession
from neurolect.online.lm_store import Answer, SessionState

LONGEST_NAME = 200
"""Bytes of a request's name that come back; answers stay for long."""

_DONE: Fields = {"done": 1}


def answer_to(
    request: Request,
    session: LmSession,
    state: SessionState,
    streams: LmStreams,
    context: Callable[[], str | None],
) -> tuple[Answer, str | None]:
    """Do what a client asks for.

    Args:
        request: what it is.
        session: does it.
        state: before it.
        streams: keys of the session.
        context: finds out what was said before, where an utterance ends.

    Returns:
        What is to be written, and a line for who watches the server; None where there is nothing to tell.
    """
    state = replace(state, answered={**state.answered, request.kind: request.id})
    echo: Fields = {"request": request.fields[b"request"][:LONGEST_NAME]} if b"request" in request.fields else {}
    if request.kind == "reset":
        return _reset(session, state, streams, echo), None
    if request.kind == "update":
        return _update(request, session, state, streams, echo)
    if request.kind == "input":
        return _hear(request, session, state, streams, echo)
    return _end(session, state, streams, echo, context)


def _reset(session: LmSession, state: SessionState, streams: LmStreams, echo: Fields) -> Answer:
    session.reset()
    return Answer(_at_begin(session, state), [(streams.answer("reset"), {**_DONE, **echo})], trims=True)


def _update(
    request: Request, session: LmSession, state: SessionState, streams: LmStreams, echo: Fields
) -> tuple[Answer, str | None]:
    error, unknown = session.update(request.fields)
    done: Fields = {**_DONE, **echo}
    if error is not None:
        done["error"] = error
    if unknown:
        done["ignored"] = " ".join(unknown)
    state = replace(state, parameters=session.parameters, searched_with=session.searched_with)
    entries = [(streams.args, session.parameters.to_fields()), (streams.answer("update"), done)]
    return Answer(state, entries, trims=True), error and f"refused new settings: {error}"


def _hear(
    request: Request, session: LmSession, state: SessionState, streams: LmStreams, echo: Fields
) -> tuple[Answer, str | None]:
    error = session.hear(request.fields)
    partial: Fields = {"lm_response_partial": session.partial, **echo}
    if error is not None:
        partial["error"] = error
    return Answer(state, [(streams.answer("input"), partial)]), error and f"input {request.id} was not heard: {error}"


def _end(
    session: LmSession, state: SessionState, streams: LmStreams, echo: Fields, context: Callable[[], str | None]
) -> tuple[Answer, str | None]:
    try:
        finished = session.finalise(context())
    except DataError as error:
        finished = session.finalise("").with_error(f"without context, since {error}")
    state = replace(_at_begin(session, state), utterances=state.utterances + 1)
    entries = [(streams.final, {**finished.answer, **echo}), (streams.answer("finalize"), {**_DONE, **echo})]
    told = f"{state.utterances}: {finished.text or '(no words)'} ({finished.frames} frames"
    told += f", {1000 * finished.seconds:.0f} ms)" + (f"; {finished.error}" if finished.error else "")
    return Answer(state, entries, trims=True), told


def _at_begin(session: LmSession, state: SessionState) -> SessionState:
    """The state of a session whose next utterance has not been heard yet."""
    return replace(state, begin=state.answered["input"], searched_with=session.searched_with)
