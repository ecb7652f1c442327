"""From logits to words: greedy collapse, and the search over a lexicon and a language model or a graph file."""

from neurolect.decoding.decoder import Decoder, DecoderStream
from neurolect.decoding.guidance import Guidance
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.lattice_rescoring import LatticeRescoring
from neurolect.decoding.networks import GraphNetwork, LexiconNetwork
from neurolect.decoding.options import DecoderOptions

__all__ = [
    "Decoder",
    "DecoderOptions",
    "DecoderStream",
    "GraphNetwork",
    "Guidance",
    "Hypothesis",
    "LatticeRescoring",
    "LexiconNetwork",
]
