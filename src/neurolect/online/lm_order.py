"""In which order requests are taken that several streams held at the same moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from neurolect.online.lm_protocol import Kind, Received, parts_of

KINDS: tuple[Kind, ...] = ("reset", "update", "input", "finalize")
"""In the order in which requests of one millisecond are taken."""


@dataclass(frozen=True)
class Request:
    """An entry of one of a session's streams."""

    kind: Kind
    id: str
    fields: Received


def in_order(
    read: Mapping[Kind, Sequence[Request]], hears: bool, now: int, has_more: Iterable[Kind] = ()
) -> list[Request]:
    """Those of the requests read at one moment that can be taken now, in the order in which they were written.

    IDs tell the millisecond. Within one, a reset comes first, then updates, input and the end; but the end comes before
    the reset where an utterance has been heard and no input is of this millisecond, so that it is not lost. Where an ID
    is later than the server's clock, that clock went back, IDs of different streams do not compare, and all count as of
    one millisecond.

    Args:
        read: requests of each stream, in their order.
        hears: whether an utterance has been heard that is neither ended nor reset.
        now: clock of the Redis server after the reading, in milliseconds since 1970.
        has_more: streams of which not all was read; requests that may be behind what is not read yet are left out.
    """
    requests = [each for kind in KINDS for each in read.get(kind, ())]
    cut = [kind for kind in KINDS if kind in set(has_more)]
    if any(parts_of(each.id)[0] > now for each in requests):
        last = KINDS.index(cut[0]) if cut else len(KINDS)
        return _of_one_moment([each for each in requests if KINDS.index(each.kind) <= last], hears and not cut)
    if cut:
        horizon = min(parts_of(read[kind][-1].id)[0] for kind in cut)
        requests = [each for each in requests if parts_of(each.id)[0] <= horizon]
    taken: list[Request] = []
    by_time = sorted(requests, key=lambda each: parts_of(each.id)[0])
    for _, group in groupby(by_time, key=lambda each: parts_of(each.id)[0]):
        together = _of_one_moment(list(group), hears)
        taken += together
        for each in together:
            hears = each.kind == "input" or (hears and each.kind == "update")
    return taken


def _of_one_moment(requests: Sequence[Request], hears: bool) -> list[Request]:
    kinds = {each.kind for each in requests}
    first: tuple[Kind, ...] = ("finalize",) if hears and "reset" in kinds and "input" not in kinds else ()
    order = [*first, *(kind for kind in KINDS if kind not in first)]
    return sorted(requests, key=lambda each: (order.index(each.kind), parts_of(each.id)))
