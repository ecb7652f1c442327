"""The sessions that a language-model server serves, each from being given it to losing it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from neurolect.errors import ConfigError
from neurolect.online.lm_group import Member, ServerGroup, announce
from neurolect.online.lm_models import LmModels
from neurolect.online.lm_protocol import Kind, LmStreams
from neurolect.online.lm_session import LmSession
from neurolect.online.lm_store import Answer, SessionGoneError, SessionState, SessionStore, SessionTakenError

if TYPE_CHECKING:
    from redis import Redis

LOOK_EVERY = 0.1
"""Seconds between looks at what no reading shows: data lost, sessions taken over."""


@dataclass
class Served:
    """A session of this process."""

    member: Member
    store: SessionStore
    session: LmSession
    state: SessionState
    heard_of: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """As it is printed."""
        return _name(self.member)


class ServedSessions:
    """Takes sessions that need a server, and notices when one is lost.

    Args:
        client: of the Redis server.
        group: this process among the servers.
        models: that all sessions share.
        streams: names of the keys; the prefix is each session's own.
        say: is told what a person should know.
        take_over_after: seconds without a sign of life after which another server's sessions are taken.
        forget_after: seconds of silence after which an announced session is ended and its keys go.
    """

    def __init__(
        self,
        client: Redis,
        group: ServerGroup,
        models: LmModels,
        streams: LmStreams,
        say: Callable[[str], None],
        take_over_after: float,
        forget_after: float,
    ) -> None:
        self._client = client
        self._group = group
        self._models = models
        self._streams = streams
        self._say = say
        self._take_over_after = take_over_after
        self._forget_after = forget_after
        self._served: dict[str, Served] = {}
        self._to_read: dict[str, tuple[Member, int | None]] = {}
        self._laid_by: dict[str, str] = {}
        self._answered: dict[str, Mapping[Kind, str]] = {}
        self._look_at = 0.0
        self._look_for_left_at = 0.0
        self.some_wait = True

    @property
    def by_prefix(self) -> Mapping[str, Served]:
        """All of them."""
        return self._served

    def take(self) -> None:
        """Read again what was set aside, and take what other servers have not or no longer."""
        for member, frames in list(self._to_read.values()):
            self._go_on(member, frames)
        now = time.monotonic()
        looks = now >= self._look_at
        # Those who have fewer get the first chance of each.
        if looks or (self.some_wait and self._group.has_fewest()):
            new = self._group.next_new()
            self.some_wait = new is not None
            if new is not None:
                self._begin(new)
        if now >= self._look_for_left_at:
            self._look_for_left_at = now + self._take_over_after / 4
            while (left := self._group.next_left()) is not None:
                self._begin(left)
        if looks:
            self._look_at = now + LOOK_EVERY
            for served in list(self._served.values()):
                self._look(served)

    def set_aside(self) -> None:
        """Redis may have lost or kept the last answers: all sessions are to be read again."""
        self._to_read |= {prefix: (each.member, each.session.frames) for prefix, each in self._served.items()}
        self._served.clear()

    def give_up(self, member: Member) -> None:
        """Another server has the session."""
        self._say(f"{_name(member)}: another server has taken it over")
        self._put_down(member)

    def begin_anew(self, member: Member, frames: int) -> None:
        """Redis has lost the session: what was heard of the open utterance is worth nothing without its entries."""
        lost = f"; the utterance of {frames} frames is gone" if frames else ""
        self._say(f"{_name(member)}: Redis lost its data{lost}")
        self._put_down(member)
        self._group.form()
        # All that is there now was written after the loss.
        announce(self._client, member.prefix, stays=member.stays)

    def end(self, served: Served) -> None:
        """The client has ended the session, or has been silent for long.

        Raises:
            SessionTakenError: another server owns the session.
            SessionGoneError: Redis has lost it.
        """
        served.store.check()
        self._put_down(served.member)
        self._group.end(served.member, served.store.streams.all)
        self._say(f"{served.name}: session ended")

    def lay_by_what_is_of_another_type(self) -> bool:
        """Stop serving sessions of which a key is of another type, until it is mended; whether there were any."""
        served = dict(self._served)
        members = [each.member for each in served.values()] + [member for member, _ in self._to_read.values()]
        laid_by = {each.prefix for each in members if self._is_laid_by(each, self._store(each))}
        # Should its state be what is lost, nothing that was answered is to be answered again.
        self._answered |= {prefix: each.state.answered for prefix, each in served.items() if prefix in laid_by}
        return bool(laid_by)

    def _begin(self, member: Member) -> None:
        """Serve a session from where it was answered, its open utterance heard again without a word."""
        self._to_read[member.prefix] = member, None
        store = self._store(member)
        if self._is_laid_by(member, store):
            return
        try:
            state, known = store.take(self._models.parameters, self._answered.pop(member.prefix, member.begin))
            session = LmSession(self._models, state.parameters, state.searched_with)
            for fields in store.open_utterance(state):
                session.hear(fields)
        except ConfigError as error:
            self._refuse(member, error)
            return
        self._served[member.prefix] = Served(member, store, session, state)
        del self._to_read[member.prefix]
        if session.frames:
            self._say(f"{_name(member)}: went on with an utterance after {session.frames} frames")
        elif not known and not member.stays:
            self._say(f"{_name(member)}: new session")

    def _go_on(self, member: Member, frames: int | None) -> None:
        """Serve a session again after Redis was away, which had been heard so far; None is not at all."""
        if frames is None:
            self._begin(member)
            return
        try:
            self._store(member).check()
        except SessionTakenError:
            self.give_up(member)
        except SessionGoneError:
            self.begin_anew(member, frames)
        else:
            self._begin(member)

    def _look(self, served: Served) -> None:
        try:
            if not served.store.check():
                fields = served.session.parameters.to_fields()
                served.store.publish(Answer(served.state, [(served.store.streams.args, fields)]))
            silent = time.monotonic() - served.heard_of
            if silent > self._forget_after and not served.member.stays:
                self.end(served)
        except SessionTakenError:
            self.give_up(served.member)
        except SessionGoneError:
            self.begin_anew(served.member, served.session.frames)

    def _is_laid_by(self, member: Member, store: SessionStore) -> bool:
        """Whether a key is of another type; then the session gets no sign of life, and whoever takes it looks again."""
        told, why = self._laid_by.pop(member.prefix, None), store.other_type()
        if why is None:
            if told is not None:
                self._say(f"{_name(member)} can be served again")
            return False
        self._laid_by[member.prefix] = why
        if why != told:
            self._say(f"{_name(member)} cannot be served until this is mended: {why}")
        self._put_down(member)
        return True

    def _store(self, member: Member) -> SessionStore:
        return SessionStore(self._client, replace(self._streams, prefix=member.prefix), self._group.name)

    def _refuse(self, member: Member, error: Exception) -> None:
        self._say(f"{_name(member)} cannot be served: {error}")
        self._put_down(member)
        self._group.end(member)

    def _put_down(self, member: Member) -> None:
        self._served.pop(member.prefix, None)
        self._to_read.pop(member.prefix, None)
        self._group.forget(member)


def _name(member: Member) -> str:
    return f"session '{member.prefix}'"
