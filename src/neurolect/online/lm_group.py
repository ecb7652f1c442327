"""Which server process serves which session: a Redis consumer group over the stream of sessions."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neurolect.online.lm_order import KINDS
from neurolect.online.lm_protocol import Kind, LmStreams, is_id
from neurolect.online.lm_store import BEGINNING, transaction

if TYPE_CHECKING:
    from redis import Redis

SESSIONS = "remote_lm_sessions"
"""Stream of sessions to be served: `prefix`, and what a server says besides of those that it was started with."""

GROUP = "remote_lm_servers"
"""Its consumer group; a server's pending entries are the sessions it serves."""

LONGEST_PREFIX = 200

_LONG_DEAD_MS = 86_400_000
"""A server without sessions and without a sign of life for a day."""


@dataclass(frozen=True)
class Member:
    """A session that this process was given.

    Args:
        entry: of the stream of sessions.
        prefix: of the session's keys.
        begin: where to begin in each stream if nobody has served it before.
        stays: a server named it, so that neither a client's word nor silence ends it.
    """

    entry: str
    prefix: str
    begin: Mapping[Kind, str] = field(default_factory=lambda: BEGINNING)
    stays: bool = False


def announce(client: Redis, prefix: str, begin: Mapping[Kind, str] | None = None, stays: bool = False) -> None:
    """Ask for a session to be served, unless it is being served or waits for it.

    Args:
        client: of the Redis server.
        prefix: of the session's keys.
        begin: entries up to these are not answered; None answers all there are.
        stays: neither a client's word nor silence is to end it.
    """
    listed: Any = client.xrange(SESSIONS)
    if all(fields.get(b"prefix") != prefix.encode() for _, fields in listed):
        fields: dict[Any, Any] = {"prefix": prefix, **(begin or {}), **({"stays": 1} if stays else {})}
        client.xadd(SESSIONS, fields)


def last_entries(client: Redis, streams: LmStreams) -> dict[Kind, str]:
    """The last ID that each stream of requests has given out: nothing that is written from now on is before it."""
    from redis.exceptions import ResponseError

    found: dict[Kind, str] = {}
    for kind in KINDS:
        try:
            described: Any = client.xinfo_stream(streams.request(kind))
            found[kind] = described["last-generated-id"].decode()
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            found[kind] = "0-0"
    return found


class ServerGroup:
    """This process among the servers that share the sessions.

    Args:
        client: of the Redis server.
        take_over_after: seconds without a sign of life after which a server's sessions are another's to take.
    """

    def __init__(self, client: Redis, take_over_after: float) -> None:
        self._client = client
        self._milliseconds = max(1, int(1000 * take_over_after))
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._held: dict[str, str] = {}
        self._lock = threading.Lock()

    def form(self) -> None:
        """Join the group, which is made if no server has, and strike out servers that are long dead."""
        from redis.exceptions import ResponseError

        try:
            self._client.xgroup_create(SESSIONS, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._client.xgroup_createconsumer(SESSIONS, GROUP, self.name)
        servers: Any = self._client.xinfo_consumers(SESSIONS, GROUP)
        for each in servers:
            if not each["pending"] and each["idle"] > _LONG_DEAD_MS:
                self._client.xgroup_delconsumer(SESSIONS, GROUP, each["name"])

    def has_fewest(self) -> bool:
        """Whether no other living server has fewer sessions."""
        servers: Any = self._client.xinfo_consumers(SESSIONS, GROUP)
        living = [each["pending"] for each in servers if each["idle"] < self._milliseconds]
        mine: int = sum(each["pending"] for each in servers if each["name"].decode() == self.name)
        return all(mine <= each for each in living)

    def next_new(self) -> Member | None:
        """A session that no server has been given, or None."""
        while True:
            read: Any = self._client.xreadgroup(GROUP, self.name, {SESSIONS: ">"}, count=1)
            if not read:
                return None
            member = self._held_now(read[0][1][0])
            if member is not None:
                return member

    def next_left(self) -> Member | None:
        """A session whose server gives no sign of life, or None."""
        after: bytes | str = "0-0"
        while True:
            # Looks at a few of all servers' sessions at a time.
            claimed: Any = self._client.xautoclaim(SESSIONS, GROUP, self.name, self._milliseconds, after, count=1)
            after, entries = claimed[:2]
            member = self._held_now(entries[0]) if entries else None
            if member is not None or after == b"0-0":
                return member

    def renew(self) -> None:
        """Give a sign of life for every session that is still this process's."""
        with self._lock:
            held = dict(self._held)
        for entry, prefix in held.items():
            self._renew(entry, LmStreams(prefix).state)

    def leave(self) -> None:
        """Let other servers take this one's sessions at once."""
        with self._lock:
            held, self._held = dict(self._held), {}
        for entry in held:
            self._client.xclaim(SESSIONS, GROUP, self.name, 0, [entry], idle=self._milliseconds + 1, justid=True)

    def forget(self, member: Member) -> None:
        """Another server has taken this session."""
        with self._lock:
            self._held.pop(member.entry, None)

    def end(self, member: Member, keys: Sequence[str] = ()) -> None:
        """The session has ended, or was announced twice: nobody is to serve this entry again, and these keys go."""
        self.forget(member)
        # All at once, so that no entry stays that nobody serves and that bars the session from being announced again.
        with transaction(self._client) as pipe:
            pipe.xack(SESSIONS, GROUP, member.entry)
            pipe.xdel(SESSIONS, member.entry)
            if keys:
                pipe.delete(*keys)
            pipe.execute()

    def _renew(self, entry: str, state: str) -> None:
        from redis.exceptions import WatchError

        while True:
            with transaction(self._client) as pipe:
                try:
                    pipe.watch(state)
                    owner: Any = pipe.hget(state, "owner")
                    if owner is None or owner.decode() != self.name:
                        return
                    pipe.multi()
                    pipe.xclaim(SESSIONS, GROUP, self.name, 0, [entry], justid=True)
                    pipe.execute()
                    return
                except WatchError:
                    # An answer was written meanwhile, or another server has taken the session.
                    continue

    def _held_now(self, found: tuple[bytes, Mapping[bytes, bytes] | None]) -> Member | None:
        entry, fields = found[0].decode(), found[1] or {}
        prefix = fields.get(b"prefix", b"")
        begin = {kind: fields.get(kind.encode(), b"0-0").decode(errors="replace") for kind in KINDS}
        member = Member(entry, prefix.decode(errors="replace"), begin, b"stays" in fields)
        is_meant = b"prefix" in fields and len(prefix) <= LONGEST_PREFIX and member.prefix.encode() == prefix
        if not is_meant or self._is_listed_before(member) or not all(map(is_id, begin.values())):
            self.end(member)
            return None
        with self._lock:
            self._held[entry] = member.prefix
        return member

    def _is_listed_before(self, member: Member) -> bool:
        """Whether an earlier entry asks for the same session."""
        earlier: Any = self._client.xrange(SESSIONS, "-", f"({member.entry}")
        return any(fields.get(b"prefix") == member.prefix.encode() for _, fields in earlier)


class SignsOfLife:
    """A thread that gives signs of life while the server computes; used with `with`.

    Args:
        group: this process among the servers.
        every: seconds.
    """

    def __init__(self, group: ServerGroup, every: float) -> None:
        self._group = group
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SignsOfLife:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=self._every + 5)

    def _run(self) -> None:
        from redis.exceptions import RedisError

        while not self._ended.wait(self._every):
            try:
                self._group.renew()
            except RedisError:
                # The server's own loop meets this too, and says so.
                continue
