"""Binary n-gram models of other tools as fuzz targets: Kaldi's G and KenLM's tries, sound and damaged."""

from __future__ import annotations

import math
from pathlib import Path

from decoding_inputs import Attempts
from mutations import damaged, pick
from numpy.random import Generator
from openfst_files import Arc, Graph, encode

from neurolect.language.ngram_conversion import convert

_KENLM = sorted((Path(__file__).parents[1] / "golden" / "kenlm").glob("trie*.bin"))
_WORDS = ("<eps>", *"abcd", "#0")
_BACK_OFF = len(_WORDS) - 1


def fuzz_grammar(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """Graphs of n-grams: one that is sound must become a model whose words are those of the graph."""
    graph = some_grammar(rng)
    is_sound = rng.random() < 0.3
    data = encode(graph, pick(rng, ("vector", "const")), aligned=bool(rng.integers(2)))
    (folder / "G.fst").write_bytes(data if is_sound else damaged(data, rng))
    (folder / "words.txt").write_text("".join(f"{word} {label}\n" for label, word in enumerate(_WORDS)))
    _convert(folder / "G.fst", is_sound, attempt)


def fuzz_kenlm(rng: Generator, folder: Path, attempt: Attempts) -> None:
    """Tries of KenLM with and without damage."""
    is_sound = rng.random() < 0.3
    data = pick(rng, [file.read_bytes() for file in _KENLM if file.stem != "trie_without_words"])
    (folder / "lm.bin").write_bytes(data if is_sound else damaged(data, rng))
    _convert(folder / "lm.bin", is_sound, attempt)


def some_grammar(rng: Generator) -> Graph:
    """G of random n-grams; the empty history and that of a sentence's start are always there."""
    order = int(rng.integers(2, 5))
    histories: list[tuple[int, ...]] = [(), (0,)]
    following: dict[tuple[int, ...], list[int]] = {(): [1, 2, 3, 4]}
    for history in histories:
        words = following.setdefault(history, [word for word in (1, 2, 3, 4) if rng.random() < 0.4])
        if len(history) + 1 < order:
            histories += [(*history, word) for word in words]
    number = {history: place for place, history in enumerate(histories)}

    def shorter(history: tuple[int, ...]) -> int:
        while history not in number:
            history = history[1:]
        return number[history]

    def arcs(history: tuple[int, ...]) -> tuple[Arc, ...]:
        words = [(word, word, float(rng.uniform(0.1, 4)), shorter((*history, word))) for word in following[history]]
        back = [(_BACK_OFF, 0, float(rng.normal()), shorter(history[1:]))] if history else []
        return (*words, *back)

    finals = tuple(
        float(rng.uniform(0.1, 4)) if not history or rng.random() < 0.7 else math.inf for history in histories
    )
    return Graph(number[(0,)], finals, tuple(map(arcs, histories)), is_sorted=True)


def _convert(path: Path, is_sound: bool, attempt: Attempts) -> None:
    model = attempt(lambda: convert(path, path.with_name("lm.nlm")))
    assert model is not None or not is_sound, "a sound model is refused"
    if model is None:
        return
    model.verify()
    for sentence in ("a b c d", "w0 w1 w2 w3", ""):
        attempt(lambda sentence=sentence: model.score_sentence(sentence))
