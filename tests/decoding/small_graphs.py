"""Search graphs of the same lexicon and n-grams as a lexicon network, built on the spot."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from oracle.arpa import Ngrams, arpa_text, stored
from small_search import ALPHABET, EVERYTHING

from neurolect.decoding import Decoder, DecoderOptions, GraphNetwork, LexiconNetwork
from neurolect.text.lexicon import Lexicon

NETWORKS = ["tree", "LG", "TLG"]

# Weights of a graph are quantised to 1/1024 an arc when it is minimised.
GRID = 0.01


def decoder_of(
    name: str,
    lexicon: Lexicon,
    ngrams: Ngrams,
    options: DecoderOptions = EVERYTHING,
    silence_probability: float = 0.9,
) -> Decoder:
    """A search over one of `NETWORKS`; in all of them back-off is as in a graph."""
    if name == "tree":
        network = LexiconNetwork(
            lexicon, stored(ngrams), ALPHABET, silence_probability=silence_probability, backoff_as_in_graph=True
        )
        return Decoder(network, options, ALPHABET)
    return Decoder(graph_of(name, lexicon, ngrams, silence_probability), options, ALPHABET)


def graph_of(name: str, lexicon: Lexicon, ngrams: Ngrams, silence_probability: float = 0.9) -> GraphNetwork:
    """`LG` or `TLG` of the small alphabet; the files are gone but for the memory they are mapped to."""
    pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    from neurolect.language.graph_building import build_graph

    with TemporaryDirectory() as folder:
        arpa, out = Path(folder) / "lm.arpa", Path(folder) / "out"
        arpa.write_text(arpa_text(ngrams), encoding="utf-8")
        build_graph(arpa, lexicon, out, silence_probability, ALPHABET, with_topology=name == "TLG")
        return GraphNetwork(out / f"{name}.fst", alphabet=ALPHABET)
