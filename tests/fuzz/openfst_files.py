"""Search graphs in OpenFst's binary files, written value by value so that they can also be wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

_MAGIC = 2125659606
_SYMBOLS_MAGIC = 2125658996
_SORTED = 0x0000000010000000
_HAS_INPUT_SYMBOLS, _HAS_OUTPUT_SYMBOLS, _IS_ALIGNED = 1, 2, 4
_ALIGNMENT = 16

Arc = tuple[int, int, float, int]
"""Input label, output label, weight, next state."""


@dataclass(frozen=True)
class Graph:
    """A weighted transducer over the tropical semiring; nothing in it need make sense.

    Args:
        start: the first state, −1 for none.
        finals: cost of ending in each state.
        arcs: of each state.
        is_sorted: what the file says about the order of the input labels.
    """

    start: int
    finals: tuple[float, ...]
    arcs: tuple[tuple[Arc, ...], ...]
    is_sorted: bool


def encode(
    graph: Graph, kind: Literal["const", "vector"], aligned: bool = False, symbols: tuple[str, ...] = ()
) -> bytes:
    """The bytes of a file; with symbols it carries them twice, as tables of its input and output labels."""
    flags = (_HAS_INPUT_SYMBOLS | _HAS_OUTPUT_SYMBOLS if symbols else 0) | (_IS_ALIGNED if aligned else 0)
    version = 2
    data = struct.pack("<i", _MAGIC) + _text(kind) + _text("standard")
    data += struct.pack("<iiQ", version, flags, _SORTED if graph.is_sorted else 0)
    data += struct.pack("<qqq", graph.start, len(graph.finals), sum(map(len, graph.arcs)))
    if symbols:
        data += 2 * _symbol_table(symbols)
    return data + (_const_body(graph, len(data), aligned) if kind == "const" else _vector_body(graph))


def _const_body(graph: Graph, begin: int, aligned: bool) -> bytes:
    data = b"\0" * (-begin % _ALIGNMENT if aligned else 0)
    first = 0
    for final, arcs in zip(graph.finals, graph.arcs, strict=True):
        epsilons = [sum(arc[side] == 0 for arc in arcs) for side in (0, 1)]
        data += struct.pack("<fIIII", final, first, len(arcs), *epsilons)
        first += len(arcs)
    data += b"\0" * (-(begin + len(data)) % _ALIGNMENT if aligned else 0)
    return data + b"".join(struct.pack("<iifi", *arc) for arcs in graph.arcs for arc in arcs)


def _vector_body(graph: Graph) -> bytes:
    return b"".join(
        struct.pack("<fq", final, len(arcs)) + b"".join(struct.pack("<iifi", *arc) for arc in arcs)
        for final, arcs in zip(graph.finals, graph.arcs, strict=True)
    )


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<i", len(raw)) + raw


def _symbol_table(symbols: tuple[str, ...]) -> bytes:
    entries = b"".join(_text(symbol) + struct.pack("<q", label) for label, symbol in enumerate(symbols))
    return struct.pack("<i", _SYMBOLS_MAGIC) + _text("table") + struct.pack("<qq", len(symbols), len(symbols)) + entries
