"""The loop of a language-model server: requests from Redis, answers to it, whatever dies in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from neurolect.errors import ConfigError, NeurolectError
from neurolect.online.lm_group import SESSIONS, Member, ServerGroup, SignsOfLife, announce, last_entries
from neurolect.online.lm_models import LmModels
from neurolect.online.lm_order import KINDS, Request, in_order
from neurolect.online.lm_protocol import Fields, Kind, LmStreams
from neurolect.online.lm_session import LmSession
from neurolect.online.lm_store import Answer, SessionGoneError, SessionState, SessionStore, SessionTakenError

if TYPE_CHECKING:
    from redis import Redis
    from redis.exceptions import ResponseError

_AT_ONCE = 32
"""Entries of a stream that are read at a time."""

_LOOK_EVERY = 0.1
"""Seconds between looks at what no reading shows: data lost, sessions taken over."""

_DONE: Fields = {"done": 1}


@dataclass
class _Served:
    """A session of this process."""

    member: Member
    store: SessionStore
    session: LmSession
    state: SessionState
    heard_of: float = field(default_factory=time.monotonic)


class LmServer:
    """Serves sessions until it is interrupted.

    Args:
        client: of the Redis server.
        models: that all sessions share.
        say: is told, in a line each, of finished utterances and of what a person should know.
        streams: names of the keys; the prefix is each session's own.
        take_over_after: seconds without a sign of life after which another server's sessions are taken.
        forget_after: seconds of silence after which an announced session is ended and its keys go.
    """

    def __init__(
        self,
        client: Redis,
        models: LmModels,
        say: Callable[[str], None],
        streams: LmStreams = LmStreams(),
        take_over_after: float = 5.0,
        forget_after: float = 86_400.0,
    ) -> None:
        self._client = client
        self._models = models
        self._say = say
        self._streams = streams
        self._forget_after = forget_after
        self._take_over_after = take_over_after
        self._group = ServerGroup(client, take_over_after)
        self._served: dict[str, _Served] = {}
        self._to_read: dict[str, tuple[Member, int | None]] = {}
        self._from_start: Sequence[str] = ()
        self._sessions_seen = "0-0"
        self._sessions_wait = True
        self._look_at = 0.0
        self._look_for_new_at = 0.0
        self._look_for_left_at = 0.0

    def run(self, prefixes: Sequence[str] = ("",), ended: threading.Event | None = None) -> None:
        """Serve these sessions, and those that clients announce.

        Args:
            prefixes: of the sessions' keys.
            ended: stops the server when it is set; None serves until an exception.

        Raises:
            ConfigError: a prefix is too long, or the Redis server is too old or refuses us.
        """
        from redis.exceptions import ConnectionError, ResponseError, TimeoutError

        self._require_commands()
        self._from_start = prefixes
        self._group.form()
        for prefix in prefixes:
            announce(self._client, prefix, last_entries(self._client, replace(self._streams, prefix=prefix)))
        told = ", ".join(f"'{prefix}{self._streams.input_stream}'" for prefix in prefixes)
        self._say(f"serving {told or 'sessions that clients announce'}")
        try:
            with SignsOfLife(self._group, self._take_over_after / 4):
                while ended is None or not ended.is_set():
                    try:
                        self.step()
                    except (ConnectionError, TimeoutError) as error:
                        self._wait_out(error)
                    except ResponseError as error:
                        self._refuse_what_is_no_stream(error)
        finally:
            self._leave()

    def step(self, block_ms: int = 100) -> None:
        """Take sessions that need a server, answer what there is to answer, and wait a little if there is nothing."""
        self._take_sessions()
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            for served in list(self._served.values()):
                self._look(served)
        for prefix, read in self._read(block_ms).items():
            self._answer_all(self._served[prefix], read)

    def _take_sessions(self) -> None:
        for member, frames in list(self._to_read.values()):
            self._go_on(member, frames)
        now = time.monotonic()
        # Those who have fewer get the first chance of each.
        if now >= self._look_for_new_at or (self._sessions_wait and self._group.has_fewest()):
            self._look_for_new_at = now + _LOOK_EVERY
            new = self._group.next_new()
            self._sessions_wait = new is not None
            if new is not None:
                self._begin(new)
        if now >= self._look_for_left_at:
            self._look_for_left_at = now + self._take_over_after / 4
            while (left := self._group.next_left()) is not None:
                self._begin(left)

    def _begin(self, member: Member) -> None:
        """Serve a session from where it was answered, its open utterance heard again without a word."""
        from redis.exceptions import ResponseError

        self._to_read[member.prefix] = member, None
        store = SessionStore(self._client, replace(self._streams, prefix=member.prefix), self._group.name)
        try:
            state, known = store.take(self._models.parameters, member.begin)
            session = LmSession(self._models, state.parameters, state.searched_with)
            for fields in store.open_utterance(state):
                session.hear(fields)
        except ResponseError as error:
            self._say(f"{_name(member)} cannot be served: {error}")
            self._group.end(member)
        else:
            self._served[member.prefix] = _Served(member, store, session, state)
            if session.frames:
                self._say(f"{_name(member)}: went on with an utterance after {session.frames} frames")
            elif not known and member.prefix not in self._from_start:
                self._say(f"{_name(member)}: new session")
        del self._to_read[member.prefix]

    def _go_on(self, member: Member, frames: int | None) -> None:
        """Serve a session again after Redis was away, which had been heard so far; None is not at all."""
        if frames is None:
            self._begin(member)
            return
        streams = replace(self._streams, prefix=member.prefix)
        try:
            SessionStore(self._client, streams, self._group.name).check()
        except SessionTakenError:
            self._give_up(member)
        except SessionGoneError:
            self._begin_anew(member, frames)
        else:
            self._begin(member)

    def _read(self, block_ms: int) -> dict[str, dict[Kind, list[Request]]]:
        """What the streams of all sessions hold beyond what was answered."""
        places = {
            served.store.streams.request(kind): (prefix, kind)
            for prefix, served in self._served.items()
            for kind in KINDS
        }
        wanted: Any = {key: self._served[prefix].state.answered[kind] for key, (prefix, kind) in places.items()}
        # A new session wakes the server up too.
        wanted[SESSIONS] = self._sessions_seen
        found: dict[str, dict[Kind, list[Request]]] = {}
        replied: Any = self._client.xread(wanted, count=_AT_ONCE, block=block_ms)
        for key, entries in replied or []:
            if key.decode() == SESSIONS:
                self._sessions_seen = entries[-1][0].decode()
                self._sessions_wait = True
                continue
            prefix, kind = places[key.decode()]
            requests = [Request(kind, entry.decode(), fields or {}) for entry, fields in entries]
            found.setdefault(prefix, {})[kind] = requests
        return found

    def _answer_all(self, served: _Served, read: dict[Kind, list[Request]]) -> None:
        served.heard_of = time.monotonic()
        now, has_more = 0, []
        if len(read) > 1:
            has_more = [kind for kind, requests in read.items() if len(requests) == _AT_ONCE]
            for kind in has_more:
                self._complete(served, read[kind])
            seconds, microseconds = self._client.time()
            now = seconds * 1000 + microseconds // 1000
        else:
            now = 2**63
        try:
            for request in in_order(read, bool(served.session.frames), now, has_more):
                if not self._answer(served, request):
                    return
        except SessionTakenError:
            self._give_up(served.member)
        except SessionGoneError:
            self._begin_anew(served.member, served.session.frames)

    def _complete(self, served: _Served, requests: list[Request]) -> None:
        """Add the other entries of the last millisecond that was read."""
        last = requests[-1]
        key = served.store.streams.request(last.kind)
        more: Any = self._client.xrange(key, f"({last.id}", last.id.partition("-")[0])
        requests += [Request(last.kind, entry.decode(), fields or {}) for entry, fields in more]

    def _answer(self, served: _Served, request: Request) -> bool:
        """Answer a request and write it down; whether the session goes on."""
        if request.kind == "reset" and b"end" in request.fields and served.member.prefix not in self._from_start:
            self._end(served)
            return False
        answered = {**served.state.answered, request.kind: request.id}
        state = replace(served.state, answered=answered)
        echo: Fields = {"request": request.fields[b"request"]} if b"request" in request.fields else {}
        answer, told = getattr(self, f"_answer_{request.kind}")(served, request, state, echo)
        served.store.publish(answer)
        served.state = answer.state
        if told:
            self._say(f"{_name(served.member)}: {told}")
        return True

    def _answer_reset(
        self, served: _Served, request: Request, state: SessionState, echo: Fields
    ) -> tuple[Answer, str | None]:
        served.session.reset()
        state = replace(state, begin=state.answered["input"], searched_with=served.session.searched_with)
        return Answer(state, [(served.store.streams.answer("reset"), {**_DONE, **echo})], trims=True), None

    def _answer_update(
        self, served: _Served, request: Request, state: SessionState, echo: Fields
    ) -> tuple[Answer, str | None]:
        error, unknown = served.session.update(request.fields)
        streams, session = served.store.streams, served.session
        done: Fields = {**_DONE, **echo}
        if error is not None:
            done["error"] = error
        if unknown:
            done["ignored"] = " ".join(unknown)
        state = replace(state, parameters=session.parameters, searched_with=session.searched_with)
        entries = [(streams.args, session.parameters.to_fields()), (streams.answer("update"), done)]
        return Answer(state, entries, trims=True), error and f"refused new settings: {error}"

    def _answer_input(
        self, served: _Served, request: Request, state: SessionState, echo: Fields
    ) -> tuple[Answer, str | None]:
        error = served.session.hear(request.fields)
        partial: Fields = {"lm_response_partial": served.session.partial, **echo}
        if error is not None:
            partial["error"] = error
        told = error and f"input {request.id} was not heard: {error}"
        return Answer(state, [(served.store.streams.answer("input"), partial)]), told

    def _answer_finalize(
        self, served: _Served, request: Request, state: SessionState, echo: Fields
    ) -> tuple[Answer, str | None]:
        finished = served.session.finalise(served.store.context())
        streams = served.store.streams
        state = replace(
            state,
            begin=state.answered["input"],
            searched_with=served.session.searched_with,
            utterances=state.utterances + 1,
        )
        entries = [(streams.final, {**finished.answer, **echo}), (streams.answer("finalize"), {**_DONE, **echo})]
        told = f"{state.utterances}: {finished.text or '(no words)'} ({finished.frames} frames"
        told += f", {1000 * finished.seconds:.0f} ms)" + (f"; {finished.error}" if finished.error else "")
        return Answer(state, entries, trims=True), told

    def _look(self, served: _Served) -> None:
        try:
            if not served.store.check():
                fields = served.session.parameters.to_fields()
                served.store.publish(Answer(served.state, [(served.store.streams.args, fields)]))
        except SessionTakenError:
            self._give_up(served.member)
        except SessionGoneError:
            self._begin_anew(served.member, served.session.frames)
        else:
            silent = time.monotonic() - served.heard_of
            if silent > self._forget_after and served.member.prefix not in self._from_start:
                self._end(served)

    def _begin_anew(self, member: Member, frames: int) -> None:
        """Redis has lost the session: what was heard of the open utterance is worth nothing without its entries."""
        lost = f"; the utterance of {frames} frames is gone" if frames else ""
        self._say(f"{_name(member)}: Redis lost its data{lost}")
        self._put_down(member)
        self._group.form()
        # All that is there now was written after the loss.
        announce(self._client, member.prefix)

    def _give_up(self, member: Member) -> None:
        self._say(f"{_name(member)}: another server has taken it over")
        self._put_down(member)

    def _put_down(self, member: Member) -> None:
        self._served.pop(member.prefix, None)
        self._to_read.pop(member.prefix, None)
        self._group.forget(member)

    def _end(self, served: _Served) -> None:
        self._served.pop(served.member.prefix)
        self._group.end(served.member)
        self._client.delete(*served.store.streams.all)
        self._say(f"{_name(served.member)}: session ended")

    def _wait_out(self, error: Exception) -> None:
        """Wait until Redis answers again; sessions are then read anew, since it may have lost or kept the last answer.

        Raises:
            ConfigError: it refuses the name or password.
        """
        from redis.exceptions import AuthenticationError, ConnectionError, TimeoutError

        self._say(f"Redis does not answer ({error}); waiting")
        self._to_read |= {prefix: (each.member, each.session.frames) for prefix, each in self._served.items()}
        self._served.clear()
        while True:
            try:
                self._client.ping()
                break
            except AuthenticationError as refused:
                raise ConfigError(f"redis: {refused}") from None
            except (ConnectionError, TimeoutError):
                time.sleep(0.1)
        self._say("Redis answers again")

    def _refuse_what_is_no_stream(self, error: ResponseError) -> None:
        """Find out what a refused command was about; a key of the wrong kind must not stop the other sessions."""
        if "NOGROUP" in str(error):
            self._group.form()
            return
        served = list(self._served.values())
        broken = [each for each in served if not each.store.are_streams()]
        if not broken:
            raise NeurolectError(f"redis: {error}") from None
        for each in broken:
            self._say(f"{_name(each.member)} cannot be served: {error}")
            self._put_down(each.member)
            self._group.end(each.member)

    def _leave(self) -> None:
        from redis.exceptions import RedisError

        try:
            self._group.leave()
        except RedisError:
            # Others find out when the signs of life stay away.
            return

    def _require_commands(self) -> None:
        version: Any = self._client.info("server")
        number = str(version.get("redis_version", "0"))
        if tuple(int(part) for part in number.split(".")[:2]) < (6, 2):
            raise NeurolectError(f"redis: the server is version {number}, the language-model server needs 6.2")


def _name(member: Member) -> str:
    return f"session '{member.prefix}'"
