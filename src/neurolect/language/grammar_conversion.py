"""An n-gram model out of the graph of its words: the G.fst of Kaldi and of the brain-to-text reference."""

from __future__ import annotations

from pathlib import Path

from neurolect import _core
from neurolect.data.files import written_atomically
from neurolect.errors import DataError
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_target import Bits, naming, target
from neurolect.text.symbol_table import read_symbols

WORDS = "words.txt"
_BACK_OFF = "#0"


def convert_grammar(graph: Path, out: Path, bits: Bits = 32) -> NgramModel:
    """Convert a graph whose arcs are n-grams and whose states are histories; its words become lower case.

    The graph is mapped into memory and gone through three times; 12 bytes a history are kept beside the new store while
    it is written, and 8 bytes a history in memory where the graph is of OpenFst's `vector` type.

    Args:
        graph: OpenFst file as Kaldi's `arpa2fst` makes it and the reference finishes it, with `<s>` and `</s>` gone and
            back-off arcs labelled `#0`; `words.txt` lies beside it.
        out: the store to write; it appears whole or not at all.
        bits: of each stored value.

    Raises:
        DataError: the graph or its words cannot be read, or it is not the graph of an n-gram model.
    """
    table = graph.with_name(WORDS)
    words = read_symbols(table)
    if _BACK_OFF not in words:
        raise DataError(f"{table}: has no '{_BACK_OFF}', the label of backing off in {graph.name}")
    with written_atomically(out) as partial, naming(graph):
        _core.write_grammar(str(graph), list(words), words.index(_BACK_OFF), target(partial, bits))
    return NgramModel(out)
