"""Vectors of words, among which trials are placed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError

Vectors = npt.NDArray[np.float32]


def hashed_embeddings(words: Sequence[str], width: int = 64) -> Vectors:
    """A vector per word from the hashes of its characters and pairs of characters: (words, width) of unit length.

    Words that share characters are near each other; nothing of their meaning is in it.
    """
    vectors = np.zeros((len(words), width))
    for row, word in enumerate(words):
        for part in (*word, *(word[at : at + 2] for at in range(len(word) - 1)), f"^{word}$"):
            seed = int.from_bytes(hashlib.sha256(part.encode()).digest()[:8], "little")
            vectors[row] += np.random.default_rng(seed).standard_normal(width)
    normalised: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return normalised


def read_embeddings(path: Path, words: Sequence[str]) -> Vectors:
    """Vectors of words from an `.npz` file.

    Args:
        path: holds `words` (n,) text and `vectors` (n, width) numbers; other words may be among them.
        words: whose vectors are wanted.

    Returns:
        (words, width) float32.

    Raises:
        DataError: the file is missing or damaged, or a word is not in it.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            known, vectors = [str(word) for word in arrays["words"]], np.asarray(arrays["vectors"], dtype=np.float32)
    except OSError:
        raise DataError(f"{path}: no such file, or not a whole one") from None
    # A damaged archive may fail in almost any way.
    except Exception as error:
        raise DataError(f"{path}: not an .npz file with words and vectors: {' '.join(str(error).split())}") from None
    if vectors.ndim != 2 or len(vectors) != len(known) or not np.isfinite(vectors).all():
        raise DataError(f"{path}: vectors must be a finite number each of (words, width), one row a word")
    for word in words:
        if word not in known:
            raise DataError(f"{path}: there is no vector of '{word}'")
    return vectors[[known.index(word) for word in words]]
