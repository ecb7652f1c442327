"""The loop of a language-model server: requests from Redis, answers to it, whatever dies in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurolect.errors import ConfigError
from neurolect.online.lm_answers import answer_to
from neurolect.online.lm_group import SESSIONS, ServerGroup, SignsOfLife, announce, last_entries
from neurolect.online.lm_models import LmModels
from neurolect.online.lm_order import KINDS, Request, in_order
from neurolect.online.lm_protocol import Kind, LmStreams
from neurolect.online.lm_sessions import Served, ServedSessions
from neurolect.online.lm_store import SessionGoneError, SessionTakenError
from neurolect.online.lost_connections import passing, until_done

if TYPE_CHECKING:
    from redis import Redis

_AT_ONCE = 32
"""Entries of a stream that are read at a time."""

_WAIT_MS = 100
"""For the next request, where there is none."""

_ENDLESS = 2**63


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
        self._say = say
        self._streams = streams
        self._sign_every = take_over_after / 4
        self._group = ServerGroup(client, take_over_after)
        self._sessions = ServedSessions(client, self._group, models, streams, say, take_over_after, forget_after)
        self._sessions_seen = "0-0"
        self._refusal = ""

    def run(self, prefixes: Sequence[str] = ("",), ended: threading.Event | None = None) -> None:
        """Serve these sessions, and those that clients announce.

        Args:
            prefixes: of the sessions' keys.
            ended: stops the server when it is set; None serves until an exception.

        Raises:
            ConfigError: the Redis server is too old, or refuses for good.
        """
        self._despite_losses(lambda: self._join(prefixes))
        told = ", ".join(f"'{prefix}{self._streams.input_stream}'" for prefix in prefixes)
        self._say(f"serving {told or 'sessions that clients announce'}")
        try:
            with SignsOfLife(self._group, self._sign_every):
                while ended is None or not ended.is_set():
                    self._despite_losses(self._step)
        finally:
            self._leave()

    def _join(self, prefixes: Sequence[str]) -> None:
        version: Any = self._client.info("server")
        number = str(version.get("redis_version", "0"))
        if tuple(int(part) for part in number.split(".")[:2]) < (6, 2):
            raise ConfigError(f"redis: the server is version {number}, the language-model server needs 6.2")
        self._group.form()
        for prefix in prefixes:
            streams = replace(self._streams, prefix=prefix)
            announce(self._client, prefix, last_entries(self._client, streams), stays=True)

    def _step(self) -> None:
        """Take sessions that need a server, answer what there is to answer, and wait a little if there is nothing."""
        from redis.exceptions import ResponseError

        try:
            self._sessions.take()
            for served, read in self._read():
                self._answer_all(served, read)
        except ResponseError as error:
            self._outlive(error)
        else:
            self._refusal = ""

    def _read(self) -> list[tuple[Served, dict[Kind, list[Request]]]]:
        """What the streams of all sessions hold beyond what was answered."""
        places = {
            served.store.streams.request(kind): (served, kind)
            for served in self._sessions.by_prefix.values()
            for kind in KINDS
        }
        wanted: Any = {key: served.state.answered[kind] for key, (served, kind) in places.items()}
        # A new session wakes the server up too.
        wanted[SESSIONS] = self._sessions_seen
        found: dict[str, tuple[Served, dict[Kind, list[Request]]]] = {}
        replied: Any = self._client.xread(wanted, count=_AT_ONCE, block=_WAIT_MS)
        for key, entries in replied or []:
            if key.decode() == SESSIONS:
                self._sessions_seen = entries[-1][0].decode()
                self._sessions.some_wait = True
                continue
            served, kind = places[key.decode()]
            requests = [Request(kind, entry.decode(), fields or {}) for entry, fields in entries]
            found.setdefault(served.member.prefix, (served, {}))[1][kind] = requests
        return list(found.values())

    def _answer_all(self, served: Served, read: dict[Kind, list[Request]]) -> None:
        served.heard_of = time.monotonic()
        now, has_more = _ENDLESS, []
        if len(read) > 1:
            has_more = [kind for kind, requests in read.items() if len(requests) == _AT_ONCE]
            for kind in has_more:
                self._complete(served, read[kind])
            seconds, microseconds = self._client.time()
            now = seconds * 1000 + microseconds // 1000
        frames = served.session.frames
        try:
            for request in in_order(read, bool(frames), now, has_more):
                if not self._answer(served, request):
                    return
        except SessionTakenError:
            self._sessions.give_up(served.member)
        except SessionGoneError:
            self._sessions.begin_anew(served.member, frames)

    def _complete(self, served: Served, requests: list[Request]) -> None:
        """Add the other entries of the last millisecond that was read."""
        last = requests[-1]
        key = served.store.streams.request(last.kind)
        more: Any = self._client.xrange(key, f"({last.id}", last.id.partition("-")[0])
        requests += [Request(last.kind, entry.decode(), fields or {}) for entry, fields in more]

    def _answer(self, served: Served, request: Request) -> bool:
        """Answer a request and write it down; whether the session goes on."""
        if request.kind == "reset" and b"end" in request.fields and not served.member.stays:
            self._sessions.end(served)
            return False
        answer, told = answer_to(request, served.session, served.state, served.store.streams, served.store.context)
        served.store.publish(answer)
        served.state = answer.state
        if told:
            self._say(f"{served.name}: {told}")
        return True

    def _outlive(self, error: Exception) -> None:
        """Go on after Redis refused a command: the group is gone, a key is no stream, or its memory is full."""
        if "NOGROUP" in str(error):
            self._group.form()
            return
        if self._sessions.lay_by_what_is_of_another_type():
            return
        if str(error) != self._refusal:
            self._say(f"Redis refuses a command ({error}); trying again")
        self._refusal = str(error)
        self._sessions.set_aside()
        time.sleep(1)

    def _despite_losses(self, do: Callable[[], None]) -> None:
        """Do something; where Redis goes away meanwhile, or can write nothing, wait until it does, and do it again.

        Raises:
            ConfigError: it refuses for good.
        """

        def try_once() -> None:
            try:
                do()
            except passing():
                # They are read anew, since Redis may have lost or kept the last answer.
                self._sessions.set_aside()
                raise

        until_done(try_once, self._say)

    def _leave(self) -> None:
        from redis.exceptions import RedisError

        try:
            self._group.leave()
        except RedisError:
            # Others find out when the signs of life stay away.
            return
