"""What `decoder.py` gives to all decoders: posteriors with the sentences that were said, and hot words."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from neurolect.data.simulated_dataset import everyday_sentences
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER as CLASSES
from neurolect.text.lexicon import Lexicon
from neurolect.text.normalise import normalise_for_evaluation

N_HOT_WORDS = 200


def read_posteriors(path: Path) -> tuple[Path, list[str]]:
    """A file of posteriors and the sentences beside it, in the order of the utterances."""
    sentences = path.with_name(path.stem.replace("posteriors", "sentences") + ".json")
    return path, json.loads(sentences.read_text(encoding="utf-8"))


def make_posteriors(folder: Path) -> tuple[Path, list[str]]:
    """Everyday sentences as noisy logits, one or two frames a phoneme, of which every sixth is taken for another."""
    rng, lexicon = np.random.default_rng(0), Lexicon.english()
    truth = [normalise_for_evaluation(sentence) for sentence in everyday_sentences()]
    truth = [sentence for sentence in truth if all(word in lexicon for word in sentence.split())]
    utterances = []
    for sentence in truth:
        rows = []
        for symbol in CLASSES.encode(lexicon.phonemes(sentence)):
            row, blank = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
            row[symbol], blank[CLASSES.blank] = 9.0, 11.0
            if rng.random() < 1 / 6:
                row[rng.integers(1, len(CLASSES))] = 10.0
            rows += [row] * int(rng.integers(1, 3)) + [blank]
        utterances.append(rows + rng.normal(0, 1.5, (len(rows), len(CLASSES))))
    path = folder / "posteriors.npz"
    np.savez(path, logits=np.concatenate(utterances).astype(np.float32), lengths=[len(each) for each in utterances])
    return path, truth


def hot_words(truth: list[str]) -> dict[str, list[str]]:
    """Two lists of 200 phrases, half of them words and half of them pairs: out of the sentences, and by chance."""
    rng, lexicon = np.random.default_rng(0), sorted(Lexicon.english())
    half = N_HOT_WORDS // 2
    spoken = [sentence.split() for sentence in truth]
    words = sorted({word for sentence in spoken for word in sentence if len(word) > 4})
    pairs = sorted({pair for sentence in spoken for pair in pairwise(sentence)})
    said = [*rng.permutation(words)[:half], *map(" ".join, rng.permutation(pairs)[:half])]
    strange = [*rng.choice(lexicon, half), *map(" ".join, rng.choice(lexicon, (half, 2)))]
    return {"said": list(map(str, said)), "strange": list(map(str, strange))}
