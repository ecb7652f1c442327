"""Search graphs as the brain-to-text reference builds them: minimise(determinise(L ∘ G)), and T ∘ LG.

L is the lexicon, G the n-gram model, T the rule of CTC. Source: brain-to-text reference, `make_tlg.sh` (Card et al.
2024), after Miao et al. 2015, "EESEN". Our own search applies T while it runs and reads LG, well under half the size.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError
from neurolect.language.lexicon_graph import LexiconTransducer, import_kaldifst, lexicon_transducer
from neurolect.language.ngram_conversion import convert, kind_of
from neurolect.language.ngram_graph import Coverage, ngram_transducer
from neurolect.language.ngram_model import NgramModel
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER, Alphabet
from neurolect.text.lexicon import Lexicon

if TYPE_CHECKING:
    from kaldifst import StdFst, StdVectorFst

GRAPH, CTC_GRAPH, WORDS, TOKENS = "LG.fst", "TLG.fst", "words.txt", "tokens.txt"


@dataclass(frozen=True)
class BuiltGraph:
    """The size of a graph, and what became of the language model and the lexicon in it.

    Args:
        n_states: of LG.
        n_arcs: of LG.
        coverage: of the lexicon by the language model.
    """

    n_states: int
    n_arcs: int
    coverage: Coverage


def build_graph(
    lm: Path,
    lexicon: Lexicon,
    out: Path,
    silence_probability: float = 0.9,
    alphabet: Alphabet = PHONEMES_LANGUAGE_MODEL_ORDER,
    with_topology: bool = False,
    say: Callable[[str], None] = lambda step: None,
) -> BuiltGraph:
    """Build the graph of an n-gram model and a lexicon, a folder with LG.fst, words.txt and tokens.txt.

    LG.fst, an OpenFst `const` file of some 70 bytes an n-gram, leads from tokens to words. Input label c + 1 is class c
    of the alphabet, and the disambiguation symbols after the classes stand for no sound.

    Args:
        lm: n-gram model, a store or in ARPA format, gzipped or not; case is ignored.
        lexicon: lower-case words; all pronunciations are used (the reference's own takes each word's first).
        out: folder to make; it appears when all is done.
        silence_probability: of a silence before the first word and after each word; 0 for alphabets without one.
        alphabet: the classes of the logits, in their order.
        with_topology: also write TLG.fst, from classes of frames to words, an OpenFst `vector` file for Kaldi decoders.
        say: told each step when it begins; with 4 million n-grams the longest takes minutes.

    Raises:
        ConfigError: `kaldifst` is not installed, `out` exists, or the lexicon does not suit the alphabet.
        DataError: the model cannot be read, or shares no word with the lexicon.
    """
    import_kaldifst()
    if out.exists():
        raise ConfigError(f"{out} exists already")
    say("reading the lexicon")
    lexical = lexicon_transducer(lexicon, alphabet, silence_probability)
    with written_atomically(out) as folder:
        folder.mkdir()
        _write_symbols(folder / WORDS, lexical.words)
        _write_symbols(folder / TOKENS, lexical.tokens)
        graph, built = _compose(lm, folder, lexical, say)
        _write(import_kaldifst().StdConstFst(graph), folder / GRAPH)
        if with_topology:
            say("composing with the CTC topology")
            _write(import_kaldifst().compose(ctc_topology(alphabet, lexical.tokens), graph), folder / CTC_GRAPH)
    return built


def ctc_topology(alphabet: Alphabet, tokens: Sequence[str]) -> StdVectorFst:
    """T: frame classes → tokens, with arcs sorted by token; a repeated class is one token, blanks are none.

    Args:
        alphabet: the classes.
        tokens: symbol of each label: epsilon, the classes, the disambiguation symbols.
    """
    kaldifst = import_kaldifst()
    arc, fst = kaldifst.StdArc, kaldifst.StdVectorFst()
    after_blank, blank = 0, alphabet.blank + 1
    states = dict(enumerate((label for label in range(1, len(alphabet) + 1) if label != blank), start=1))
    for _ in range(len(states) + 1):
        state = fst.add_state()
        fst.set_final(state, 0.0)
        fst.add_arc(state, arc(blank, 0, 0.0, after_blank))
        for target, label in states.items():
            fst.add_arc(state, arc(label, 0 if target == state else label, 0.0, target))
        # No sound: the lexicon may pass its disambiguation symbols at any time.
        for label in range(len(alphabet) + 1, len(tokens)):
            fst.add_arc(state, arc(0, label, 0.0, state))
    fst.start = after_blank
    kaldifst.arcsort(fst, "olabel")
    return fst


def _open(lm: Path, folder: Path) -> NgramModel:
    if kind_of(lm) == "store":
        return NgramModel(lm)
    store = folder / "model.nlm"
    convert(lm, store, lower_case=True)
    model = NgramModel(store)
    # What is mapped stays.
    store.unlink()
    return model


def _compose(
    lm: Path, folder: Path, lexical: LexiconTransducer, say: Callable[[str], None]
) -> tuple[StdVectorFst, BuiltGraph]:
    kaldifst = import_kaldifst()
    say(f"reading {lm}")
    grammar, coverage = ngram_transducer(_open(lm, folder), lexical.words[1:-3], lm)
    say(f"composing {lexical.n_pronunciations:,} pronunciations with {coverage.n_ngrams:,} n-grams")
    graph = kaldifst.compose(lexical.fst, grammar)
    # The n-gram transducer alone can be gigabytes.
    del grammar
    say(f"determinising {graph.num_states:,} states")
    kaldifst.determinize_star(graph, use_log=True)
    say(f"minimising {graph.num_states:,} states")
    kaldifst.minimize_encoded(graph)
    kaldifst.arcsort(graph, "ilabel")
    n_arcs = sum(map(graph.num_arcs, range(graph.num_states)))
    return graph, BuiltGraph(graph.num_states, n_arcs, coverage)


def _write(fst: StdFst, path: Path) -> None:
    if not fst.write(str(path)):
        raise OSError(errno.EIO, "cannot write the graph", str(path))


def _write_symbols(path: Path, symbols: Iterable[str]) -> None:
    named = (f"{'<space>' if symbol == ' ' else symbol} {label}\n" for label, symbol in enumerate(symbols))
    path.write_text("".join(named), encoding="utf-8")
