from __future__ import annotations

import numpy as np
import pytest

from neurolect.errors import DataError
from neurolect.training.word_embeddings import hashed_embeddings, read_embeddings


def test_hashed_vectors_depend_on_the_word_alone_and_are_near_where_characters_are_shared():
    vectors = hashed_embeddings(["你好", "你们", "再见"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(hashed_embeddings(["再见"])[0], vectors[2])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.05


def test_vectors_of_a_file_are_found_by_word(tmp_path):
    path = tmp_path / "vectors.npz"
    np.savez(path, words=np.array(["b", "a", "c"]), vectors=np.arange(6.0).reshape(3, 2))
    assert read_embeddings(path, ["a", "b"]).tolist() == [[2, 3], [0, 1]]
    with pytest.raises(DataError, match=r"vectors\.npz: there is no vector of 'd'"):
        read_embeddings(path, ["a", "d"])


@pytest.mark.parametrize(
    "arrays",
    [
        {"words": np.array(["a"])},
        {"words": np.array(["a"]), "vectors": np.zeros((2, 3))},
        {"words": np.array(["a"]), "vectors": np.full((1, 3), np.nan)},
        {"words": np.array([object()]), "vectors": np.zeros((1, 3))},
    ],
)
def test_files_that_hold_something_else_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match=r"bad\.npz: "):
        read_embeddings(tmp_path / "bad.npz", ["a"])


def test_missing_and_damaged_files_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "plain.npy", np.zeros(3))
    np.savez(tmp_path / "whole.npz", words=np.array(["a"]), vectors=np.ones((1, 3)))
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "changed.npz").write_bytes(whole.replace(np.ones(3).tobytes(), np.zeros(3).tobytes()))
    for name in ("none.npz", "text.npz", "plain.npy", "half.npz", "changed.npz"):
        with pytest.raises(DataError, match=name):
            read_embeddings(tmp_path / name, ["a"])
