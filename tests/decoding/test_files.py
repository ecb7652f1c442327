from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from neurolect.decoding import Hypothesis
from neurolect.decoding.ensembles import combine_files
from neurolect.decoding.hypothesis_files import write_hypotheses
from neurolect.decoding.logits_file import LogitsFile
from neurolect.decoding.phrase_file import read_phrases
from neurolect.errors import DataError


def file_of(lengths, classes=3, seed=0):
    logits = np.random.default_rng(seed).normal(size=(sum(lengths), classes)).astype(np.float32)
    return LogitsFile(logits, np.array(lengths))


def test_logits_come_back_utterance_by_utterance(tmp_path):
    written = file_of([2, 0, 3])
    written.write(tmp_path / "logits.npz")
    read = LogitsFile.read(tmp_path / "logits.npz")
    assert [len(each) for each in read] == [2, 0, 3]
    np.testing.assert_array_equal(np.concatenate(list(read)), written.logits)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"logits": np.zeros((2, 3))}, "no array 'lengths'"),
        ({"logits": np.zeros((2, 3)), "lengths": np.array([3])}, "sum to 3 frames, the logits have 2"),
        ({"logits": np.zeros(6), "lengths": np.array([6])}, "must be (frames, classes)"),
        ({"logits": np.zeros((2, 3)), "lengths": np.array([-1, 3])}, "whole number of frames"),
        ({"logits": np.zeros((2, 3)), "lengths": np.array([2.0])}, "whole number of frames"),
        ({"logits": np.zeros((2, 3)), "lengths": np.array(2)}, "whole number of frames"),
        ({"logits": np.zeros((2, 3)), "lengths": np.array([2**64 - 1, 3], dtype=np.uint64)}, "whole number of frames"),
        ({"logits": np.array([["a"]]), "lengths": np.array([1])}, "and real"),
        ({"logits": np.array([[{}]]), "lengths": np.array([1])}, "plain arrays"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused_by_name(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match=r"bad\.npz") as caught:
        LogitsFile.read(tmp_path / "bad.npz")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"text"])
def test_what_is_not_an_npz_file_is_refused(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.npz"):
        LogitsFile.read(tmp_path / "bad.npz")


def test_damage_at_any_place_of_a_file_that_cannot_be_read_through_is_refused_by_name(tmp_path):
    path = tmp_path / "bad.npz"
    file_of([2, 3]).write(path)
    whole = path.read_bytes()
    complaints = []
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 0xFF
        path.write_bytes(content)
        try:
            assert len(LogitsFile.read(path)) == 2
        except DataError as error:
            complaints.append(str(error))
    assert len(complaints) > len(whole) / 2
    assert all(complaint.startswith(f"{path}: ") for complaint in complaints)


def test_a_single_array_is_not_taken_for_a_file_of_utterances(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"array\.npy"):
        LogitsFile.read(tmp_path / "array.npy")


def test_an_ensemble_needs_the_same_utterances():
    with pytest.raises(DataError, match="model 2 has utterances of other lengths"):
        combine_files([file_of([2, 3]), file_of([3, 2])])
    both = combine_files([file_of([2, 3]), file_of([2, 3], seed=1)])
    np.testing.assert_allclose(np.exp(both.logits).sum(axis=1), 1, rtol=1e-5)


BEST = Hypothesis(
    ("good", "day"), -10.0, -4.0, -0.5, 0.0, -8.0, times=((1, 4), (5, 9)), confidence=(0.75, 0.5), llm=None
)
NOTHING = Hypothesis((), 0.0, 0.0, 0.0, 0.0, -float("inf"))


def test_every_hypothesis_is_a_json_entry_and_the_best_a_row(tmp_path):
    table = write_hypotheses(tmp_path / "out.jsonl", [[BEST, NOTHING], [NOTHING]])
    first, second = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert first["sentence"] == "good day"
    assert first["n_best"][0]["words"][1] == {"word": "day", "start": 5, "end": 9, "confidence": 0.5}
    assert first["n_best"][0]["total"] == -8
    assert second == {
        "utterance": 1,
        "sentence": "",
        "n_best": [
            {
                "sentence": "",
                "acoustic": 0,
                "ngram": 0,
                "llm": None,
                "lexicon": 0,
                "bonus": 0,
                "total": None,
                "words": [],
            }
        ],
    }
    rows = list(csv.DictReader(table.open()))
    assert [row["sentence"] for row in rows] == ["good day", ""]
    assert rows[0]["least_confidence"] == "0.5"


def test_nothing_half_written_stays_when_decoding_fails(tmp_path):
    def decoded():
        yield [BEST]
        raise DataError("the recording ends here")

    with pytest.raises(DataError):
        write_hypotheses(tmp_path / "out.jsonl", decoded())
    assert list(tmp_path.iterdir()) == []


def test_phrases_have_the_common_bonus_or_their_own(tmp_path):
    (tmp_path / "phrases.txt").write_text("# names\nOpen  the window\nmaria\t5\n\n")
    assert read_phrases(tmp_path / "phrases.txt", 3.0) == {"open the window": 3.0, "maria": 5.0}


@pytest.mark.parametrize("bonus", ["much", "inf", "nan"])
def test_a_bonus_that_is_no_number_is_named_with_its_line(tmp_path, bonus):
    (tmp_path / "phrases.txt").write_text(f"good\nmaria\t{bonus}\n")
    with pytest.raises(DataError, match=r"phrases\.txt: line 2"):
        read_phrases(tmp_path / "phrases.txt", 3.0)


def test_a_file_of_probabilities_is_refused(tmp_path):
    logits = np.random.default_rng(0).normal(size=(6, 4))
    LogitsFile(logits, [4, 2]).write(tmp_path / "logits.npz")
    assert len(LogitsFile.read(tmp_path / "logits.npz")) == 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    LogitsFile(probabilities, [4, 2]).write(tmp_path / "probabilities.npz")
    with pytest.raises(DataError, match=r"probabilities\.npz: the logits are probabilities"):
        LogitsFile.read(tmp_path / "probabilities.npz")
