"""What the language-model server keeps in Redis of a session, so that every request is answered exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from neurolect.errors import DataError
from neurolect.online.lm_order import KINDS
from neurolect.online.lm_parameters import LmParameters
from neurolect.online.lm_protocol import Fields, Kind, LmStreams, Received, is_id, later

if TYPE_CHECKING:
    from redis import Redis

ANSWERS_KEPT = 1000
"""About so many entries stay in each stream that clients read."""

LONGEST_CONTEXT = 100_000
"""Bytes of what was said before that are read, the last ones; no large language model takes as much."""

_PAGE = 32

BEGINNING: dict[Kind, str] = dict.fromkeys(KINDS, "0-0")
"""Before the first entry of each stream."""


class SessionTakenError(Exception):
    """Another server has taken the session over; nothing was written."""


class SessionGoneError(Exception):
    """Redis has lost the session's keys; nothing was written."""


@dataclass(frozen=True)
class SessionState:
    """How far a session has been answered.

    Args:
        answered: last entry of each stream that was answered.
        begin: last entry of input before the open utterance.
        parameters: in force.
        searched_with: those of the open utterance.
        started_with: those that the server which wrote this was started with.
        utterances: that were ended.
    """

    answered: Mapping[Kind, str]
    begin: str
    parameters: LmParameters
    searched_with: LmParameters
    started_with: LmParameters
    utterances: int = 0

    @classmethod
    def of_new(cls, parameters: LmParameters, answered: Mapping[Kind, str]) -> SessionState:
        """That of a session nobody has served before."""
        return cls(answered, answered["input"], parameters, parameters, parameters)

    def to_fields(self) -> Fields:
        """As the session's hash."""
        return {
            **{kind: self.answered[kind] for kind in KINDS},
            "begin": self.begin,
            "parameters": self.parameters.to_json(),
            "searched_with": self.searched_with.to_json(),
            "started_with": self.started_with.to_json(),
            "utterances": self.utterances,
        }

    @classmethod
    def from_fields(cls, fields: Received) -> SessionState | None:
        """From the session's hash; None if it is not one of this version."""
        try:
            said = {name.decode(): value.decode() for name, value in fields.items()}
            parameters, searched, started = (
                LmParameters.from_json(said[name]) for name in ("parameters", "searched_with", "started_with")
            )
            answered = {kind: said[kind] for kind in KINDS}
            if not all(map(is_id, (*answered.values(), said["begin"]))):
                return None
            return cls(answered, said["begin"], parameters, searched, started, int(said["utterances"]))
        except (KeyError, ValueError):
            return None

    def under(self, started_with: LmParameters) -> SessionState:
        """The same gone on with by a server that was started with these settings; if they are others, these rule."""
        if started_with == self.started_with:
            return self
        return replace(self, parameters=started_with, searched_with=started_with, started_with=started_with)


@dataclass(frozen=True)
class Answer:
    """What is written at once when a request has been answered.

    Args:
        state: after it.
        entries: streams and what is added to them.
        trims: whether requests that nobody needs again go.
    """

    state: SessionState
    entries: Sequence[tuple[str, Fields]]
    trims: bool = False


class SessionStore:
    """A session's keys, written only while this server owns the session.

    Args:
        client: of the Redis server.
        streams: keys of the session.
        owner: names this server process among all.
    """

    def __init__(self, client: Redis, streams: LmStreams, owner: str) -> None:
        self._client = client
        self.streams = streams
        self._owner = owner

    def take(self, started_with: LmParameters, answered: Mapping[Kind, str]) -> tuple[SessionState, bool]:
        """Become the owner of the session.

        Args:
            started_with: settings of this server.
            answered: where to begin in each stream if nobody has served the session before.

        Returns:
            How far it has been answered, and whether somebody has served it before.
        """
        from redis.exceptions import WatchError

        while True:
            with transaction(self._client) as pipe:
                try:
                    pipe.watch(self.streams.state)
                    kept: Any = pipe.hgetall(self.streams.state)
                    known = SessionState.from_fields(kept) if kept else None
                    state = known.under(started_with) if known else SessionState.of_new(started_with, answered)
                    pipe.multi()
                    pipe.delete(self.streams.state)
                    pipe.hset(self.streams.state, mapping={"owner": self._owner, **state.to_fields()})
                    if known is None or known != state:
                        self._publish_parameters(pipe, state)
                    pipe.execute()
                    return state, known is not None
                except WatchError:
                    continue

    def publish(self, answer: Answer) -> None:
        """Write an answer and how far it brings the session, both or neither.

        Raises:
            SessionTakenError: another server owns the session.
            SessionGoneError: Redis has lost it.
        """
        from redis.exceptions import WatchError

        state = answer.state
        with transaction(self._client) as pipe:
            try:
                pipe.watch(self.streams.state)
                self._require_owner(pipe.hget(self.streams.state, "owner"))
                pipe.multi()
                for key, fields in answer.entries:
                    pipe.xadd(key, fields, maxlen=ANSWERS_KEPT, approximate=True)
                if answer.trims:
                    for kind in KINDS:
                        needed = state.begin if kind == "input" else state.answered[kind]
                        pipe.xtrim(self.streams.request(kind), minid=needed, approximate=False)
                pipe.hset(self.streams.state, mapping=state.to_fields())
                pipe.execute()
            except WatchError:
                # Only another server, or the loss of all data, touches this hash.
                self._require_owner(self._client.hget(self.streams.state, "owner"))
                raise SessionTakenError from None

    def check(self) -> bool:
        """Whether the settings are still published.

        Raises:
            SessionTakenError: another server owns the session.
            SessionGoneError: Redis has lost it.
        """
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hget(self.streams.state, "owner")
            pipe.xlen(self.streams.args)
            owner, published = pipe.execute()
        self._require_owner(owner)
        return bool(published)

    def other_type(self) -> str | None:
        """What is to be said of a key that can be neither read nor added to, being of another type; None of none.

        Without the context an utterance can be answered.
        """
        keys = [key for key in self.streams.all if key != self.streams.context]
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.type(key)
            types = [each.decode() for each in pipe.execute()]
        for key, found in zip(keys, types, strict=True):
            wanted = "hash" if key == self.streams.state else "stream"
            if found not in ("none", wanted):
                return f"{key} is a {found} and must be a {wanted}"
        return None

    def open_utterance(self, state: SessionState) -> Iterator[Received]:
        """The entries of input that the open utterance has been answered for."""
        after = state.begin
        while later(state.answered["input"], after):
            page: Any = self._client.xrange(
                self.streams.request("input"), f"({after}", state.answered["input"], count=_PAGE
            )
            if not page:
                return
            for entry, fields in page:
                yield fields or {}
                after = entry.decode()

    def context(self) -> str | None:
        """What was said before; None where no client has said.

        Raises:
            DataError: the key holds something else.
        """
        with transaction(self._client) as pipe:
            pipe.type(self.streams.context)
            pipe.getrange(self.streams.context, -LONGEST_CONTEXT, -1)
            found, said = pipe.execute(raise_on_error=False)
        is_said = found != b"none"
        if is_said and found != b"string":
            raise DataError(f"{self.streams.context} is a {found.decode()} and must be a string")
        if isinstance(said, Exception):
            raise said
        return said.decode(errors="replace") if is_said else None

    def _require_owner(self, owner: Any) -> None:
        if owner is None:
            raise SessionGoneError
        if owner.decode() != self._owner:
            raise SessionTakenError

    def _publish_parameters(self, pipe: Any, state: SessionState) -> None:
        pipe.xadd(self.streams.args, state.parameters.to_fields(), maxlen=ANSWERS_KEPT, approximate=True)


def transaction(client: Redis) -> Any:
    """A pipeline that can watch keys before it is run as one transaction; used with `with`."""
    return client.pipeline()
