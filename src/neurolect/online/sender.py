"""Sends bins and events to a live decoder, each exactly once and in order, however often the connection is lost."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError
from neurolect.online.live_answers import Problem
from neurolect.online.live_input import MAX_ENTRY_BYTES, Bins, Event, EventKind, require_kind
from neurolect.online.live_streams import Fields, LiveStreams
from neurolect.online.lost_connections import passing, until_done

if TYPE_CHECKING:
    from redis import Redis

MAX_ENTRIES = 100_000
"""Entries that may be in the input stream: half an hour of single bins, 200 MB of 512 features."""

_KEPT_BYTES = 8_000_000
_POLL_SECONDS = 0.05
_MARK_SECONDS = 86_400
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Entry:
    """An entry, its number within the source, counted from 1, and how many bins the source has sent with it."""

    number: int
    bins: int
    fields: Fields

    @property
    def n_bytes(self) -> int:
        return sum(len(value) for value in self.fields.values() if isinstance(value, bytes | str))


class Sender:
    """Writes one source to the input stream of a live decoder; a call returns when the server has the entry.

    With every entry the server keeps its number, in one transaction, so that after a lost connection just what it
    lacks is sent again: what was under way, and what a server that broke down had not yet put on its disk, up to 8 MB.
    While the server is away, and while more than `max_entries` entries are in the stream, a call waits. Nothing is
    dropped.

    Args:
        client: of the server where the decoder is.
        streams: its keys.
        name: of what records; None makes one. What was sent under it and not closed is gone on with; else a recording
            begins, whose `source` no earlier one of the name has, so that its bins are not taken for those.
        say: is told of every wait, once, and of its end.
        max_entries: entries that may be in the stream.
    """

    def __init__(
        self,
        client: Redis,
        streams: LiveStreams,
        name: str | None = None,
        say: Callable[[str], None] = lambda _: None,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self.source = f"{name or format(datetime.now(UTC), '%Y%m%dT%H%M%S')}-{secrets.token_hex(4)}"
        self._mark = f"{streams.prefix}sent:{name or self.source}"
        self._client = client
        self._streams = streams
        self._say = say
        self._max_entries = max_entries
        self._kept: deque[_Entry] = deque()
        self._kept_bytes = 0
        self._number = self._bins = 0
        if name is not None:
            self._number, self._bins, self.source = self._patiently(self._taken)

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()

    @property
    def bins(self) -> int:
        """How many bins were sent, which is the number of the next one."""
        return self._bins

    def send(self, features: npt.NDArray[np.float32]) -> None:
        """Send consecutive bins (bins, features); more than one entry holds go into several.

        Raises:
            DataError: the features have not two dimensions, or no columns.
        """
        if features.ndim != 2 or not features.shape[1]:
            raise DataError(f"features have the shape {features.shape}, (bins, features) is needed")
        most = max(1, MAX_ENTRY_BYTES // (4 * features.shape[1]))
        for start in range(0, len(features), most):
            part = features[start : start + most]
            self._enter(Bins(part, self._bins, self.source, time.time()).to_fields(), len(part))

    def tell(self, kind: EventKind, value: str = "") -> None:
        """Send an event that happens between the bins before it and those after it.

        Raises:
            DataError: there is no such kind of event.
        """
        require_kind(kind)
        self._enter(Event(kind, value, time.time()).to_fields(), 0)

    def close(self) -> None:
        """End the source: the server forgets its numbers."""
        self._patiently(lambda: self._client.delete(self._mark))

    def _taken(self) -> tuple[int, int, str]:
        """Number of the last entry that the server has, how many bins it has, and of which source."""
        mark: Any = self._client.get(self._mark)
        number, bins, source = mark.decode().split(" ", 2) if mark else (0, 0, self.source)
        return int(number), int(bins), source

    def _enter(self, fields: Fields, n_bins: int) -> None:
        self._number, self._bins = self._number + 1, self._bins + n_bins
        entry = _Entry(self._number, self._bins, fields)
        self._keep(entry)
        try:
            length = self._write(entry)
        except passing() as error:
            length = self._patiently(self._write_missing, error)
        if length > self._max_entries:
            self._wait_for_room(length)

    def _keep(self, entry: _Entry) -> None:
        self._kept.append(entry)
        self._kept_bytes += entry.n_bytes
        while len(self._kept) > 1 and self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= self._kept.popleft().n_bytes

    def _write(self, entry: _Entry) -> int:
        """Add an entry and its number, or neither; returns how many entries are in the stream."""
        transaction = self._client.pipeline(transaction=True)
        transaction.xadd(self._streams.input, entry.fields)  # type: ignore[arg-type]
        transaction.set(self._mark, f"{entry.number} {entry.bins} {self.source}", ex=_MARK_SECONDS)
        transaction.xlen(self._streams.input)
        length: int = transaction.execute()[-1]
        return length

    def _write_missing(self) -> int:
        taken, _, _ = self._taken()
        missing = [entry for entry in self._kept if entry.number > taken]
        if missing and missing[0].number > taken + 1:
            lost = missing[0].number - taken - 1
            self._say(f"{self.source}: the server lost {lost} entries that are not kept here any more")
        return max(map(self._write, missing), default=0)

    def _wait_for_room(self, length: int) -> None:
        said = f"{length} entries are in the input stream: {self.source} waits until the decoder has caught up"
        self._say(said)
        problem = Problem(said, "", "sender").to_fields()
        self._patiently(lambda: self._client.xadd(self._streams.problems, problem, maxlen=1000))  # type: ignore[arg-type]
        while self._patiently(lambda: self._client.xlen(self._streams.input)) > self._max_entries:
            time.sleep(_POLL_SECONDS)
        self._say("there is room in the input stream again")

    def _patiently(self, action: Callable[[], _Result], error: Exception | None = None) -> _Result:
        return until_done(action, self._say, error)
