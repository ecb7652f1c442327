"""The worked example of docs/decoding.md: doubtful phonemes become a sentence; draws the lattice of its alternatives.

python examples/decoding_example.py docs/lattice.png
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.decoding import Decoder, DecoderOptions, Hypothesis, LexiconNetwork
from neurolect.decoding.greedy import greedy_decode
from neurolect.language.english import english_trigram
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon

HEARD = "DH EH|EY SIL W ER SIL HH IH|IY R SIL L AO|AE S T SIL W EH|IY K SIL"
"""What a decoder might hear of "They were here last week": of two phonemes the first is likelier, and wrong."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, nargs="?", help="write the lattice here")
    arguments = parser.parse_args()

    logits = doubtful_logits(HEARD)
    print("phonemes:", " ".join(PHONEMES.decode(greedy_decode(logits))))
    network = LexiconNetwork(Lexicon.english(), english_trigram())
    hypotheses = Decoder(network, DecoderOptions(acoustic_scale=0.5)).decode(logits)
    print(f"{'sentence':<26} {'acoustic':>9} {'n-gram':>8} {'lexicon':>8} {'total':>8}")
    for each in hypotheses[:5]:
        scores = f"{each.acoustic:9.2f} {each.ngram:8.2f} {each.lexicon:8.2f} {each.total:8.2f}"
        print(f"{each.text:<26} {scores}")
    for word, (start, end), confidence in zip(
        hypotheses[0].words, hypotheses[0].times, hypotheses[0].confidence, strict=True
    ):
        print(f"{word:<8} frames {start:2d} to {end:2d}   confidence {confidence:.2f}")
    if arguments.picture:
        draw_lattice(hypotheses, arguments.picture)


def doubtful_logits(
    heard: str, sure: float = 0.7, likelier: float = 0.45, other: float = 0.35
) -> npt.NDArray[np.float64]:
    """Logits (frames, classes): three frames a phoneme, of which the last is blank."""
    frames = []
    for symbols in heard.split():
        first, *second = PHONEMES.encode(symbols.split("|"))
        emitted = np.zeros(len(PHONEMES))
        emitted[first] = likelier if second else sure
        emitted[second] = other
        emitted[PHONEMES.blank] = 0.05
        emitted += (1 - emitted.sum()) / len(PHONEMES)
        blank = np.full(len(PHONEMES), 0.05 / len(PHONEMES))
        blank[PHONEMES.blank] += 0.95
        frames += [emitted, emitted, blank]
    return np.log(np.array(frames))


def draw_lattice(hypotheses: list[Hypothesis], path: Path, most: int = 10) -> None:
    """The words of the best sentences over time, each once, joined as the sentences join them."""
    from matplotlib.figure import Figure

    sentences = [list(zip(each.words, each.times, each.confidence, strict=True)) for each in hypotheses[:most]]
    lines: list[list[tuple[int, int]]] = []
    placed: dict[tuple[str, tuple[int, int]], int] = {}
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    for rank, sentence in enumerate(sentences):
        for word, (start, end), confidence in sentence:
            if (word, (start, end)) in placed:
                continue
            free = (n for n, taken in enumerate(lines) if all(start > e or end < s for s, e in taken))
            line = next(free, len(lines))
            if line == len(lines):
                lines.append([])
            lines[line].append((start, end))
            placed[word, (start, end)] = line
            color = "tab:blue" if rank == 0 else "0.45"
            axes.plot([start, end], [-line, -line], color=color, linewidth=2 + 6 * confidence, solid_capstyle="butt")
            shown = f"{word} {confidence:.2f}" if confidence >= 0.005 else f"{word} <.01"
            axes.annotate(
                shown, ((start + end) / 2, -line), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=9
            )
        for (word, times, _), (next_word, next_times, _) in pairwise(sentence):
            heights = [-placed[word, times], -placed[next_word, next_times]]
            axes.plot(
                [times[1], next_times[0]], heights, color="tab:blue" if rank == 0 else "0.8", zorder=0 if rank else 1
            )
    axes.set(xlabel="frame", yticks=[], ylim=(-len(lines) + 0.4, 0.7))
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.set_title("Words and their posterior probabilities; blue: the best sentence", fontsize=10)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
