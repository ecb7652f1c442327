from __future__ import annotations

import csv
import json
from itertools import pairwise

import numpy as np
import pytest
from test_decode_verb import SENTENCES, logits_of, run

from neurolect.decoding.logits_file import LogitsFile
from neurolect.text.alphabet import PHONEMES

COLUMNS = ["utterance", "sentence", "acoustic", "ngram", "llm", "lexicon", "bonus", "total", "least_confidence"]

# What a table or a line of JSON must quote, and what is not ASCII; each sounds like nothing in the dictionary.
STRANGE = {
    'so,"called"': "ZH ZH OY NG",
    "naïve;": "OY OY DH ZH",
    "你好": "NG ZH AW AW ZH",
    "'tis\\n": "DH OY ZH NG OY",
}


def write_logits(path, utterances):
    LogitsFile(np.concatenate(utterances), np.array([len(each) for each in utterances])).write(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logits")
    write_logits(folder / "logits.npz", [logits_of(sentence, seed=n) for n, sentence in enumerate(SENTENCES)])
    lines = [f"{word} {phonemes}\n" for word, phonemes in STRANGE.items()]
    (folder / "strange.dict").write_text("".join(lines), encoding="utf-8")
    frames = []
    for phonemes in STRANGE.values():
        for label in PHONEMES.encode(["SIL", *phonemes.split()]):
            frames += [np.eye(41)[label] * 20, np.eye(41)[0] * 20]
    write_logits(folder / "strange.npz", [np.array(frames, dtype=np.float32), np.zeros((0, 41), dtype=np.float32)])
    return folder


def decode(logits, out, *arguments):
    return run("decode", logits, "--lm", "uniform", "--out", out, *arguments)


def read_table(path):
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return reader.fieldnames, list(reader)


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def read_lines(path):
    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


@pytest.mark.parametrize("name", ["decoded.jsonl", "decoded", "decoded.v2.json"])
def test_the_table_stands_beside_the_lines_and_has_a_row_an_utterance(folder, tmp_path, name):
    out = tmp_path / "results" / name
    assert decode(folder / "logits.npz", out) == 0
    assert {path.name for path in out.parent.iterdir()} == {name, out.with_suffix(".csv").name}
    columns, rows = read_table(out.with_suffix(".csv"))
    assert columns == COLUMNS
    assert [row["utterance"] for row in rows] == ["0", "1", "2"]
    for row, line in zip(rows, read_lines(out), strict=True):
        best = line["n_best"][0]
        assert row["sentence"] == best["sentence"]
        assert row["llm"] == ""
        assert [float(row[name]) for name in ("acoustic", "ngram", "lexicon", "bonus", "total")] == [
            best[name] for name in ("acoustic", "ngram", "lexicon", "bonus", "total")
        ]
        confidences = [word["confidence"] for word in best["words"]]
        assert row["least_confidence"] == "" or float(row["least_confidence"]) == pytest.approx(
            min(confidences), abs=1e-4
        )
        assert (row["least_confidence"] == "") == (not confidences)


def test_lines_hold_every_hypothesis_best_first_with_its_words_in_order(folder, tmp_path):
    out = tmp_path / "decoded.jsonl"
    assert decode(folder / "logits.npz", out, "--decoder.n_best", 7) == 0
    lines = read_lines(out)
    lengths = LogitsFile.read(folder / "logits.npz").lengths
    assert [line["utterance"] for line in lines] == [0, 1, 2]
    assert [line.keys() for line in lines] == [{"utterance", "sentence", "n_best"}] * 3
    assert len(lines[0]["n_best"]) == 7
    for line, n_frames in zip(lines, lengths, strict=True):
        assert line["sentence"] == line["n_best"][0]["sentence"]
        assert all(better["total"] >= worse["total"] for better, worse in pairwise(line["n_best"]))
        assert len({each["sentence"] for each in line["n_best"]}) == len(line["n_best"])
        for each in line["n_best"]:
            assert each["sentence"] == " ".join(word["word"] for word in each["words"])
            edges = [edge for word in each["words"] for edge in (word["start"], word["end"])]
            assert edges == sorted(edges)
            assert all(0 <= edge <= n_frames for edge in edges)


def test_words_that_must_be_quoted_come_back_from_the_table_and_the_lines(folder, tmp_path):
    out = tmp_path / "decoded.jsonl"
    assert decode(folder / "strange.npz", out, "--lexicon", folder / "strange.dict") == 0
    _, rows = read_table(tmp_path / "decoded.csv")
    assert [row["sentence"] for row in rows] == [" ".join(STRANGE), ""]
    lines = read_lines(out)
    assert [line["sentence"] for line in lines] == [" ".join(STRANGE), ""]
    assert [word["word"] for word in lines[0]["n_best"][0]["words"]] == list(STRANGE)
    assert lines[1]["n_best"][0]["words"] == []


def test_lines_with_the_name_of_the_table_are_refused(folder, tmp_path, capsys):
    assert decode(folder / "logits.npz", tmp_path / "decoded.csv") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "decoded.csv: give the JSON lines another ending, such as .jsonl; .csv is the table beside them" in error
    assert list(tmp_path.iterdir()) == []


def test_earlier_answers_stay_until_all_new_ones_are_there(folder, tmp_path, capsys):
    out = tmp_path / "decoded.jsonl"
    assert decode(folder / "logits.npz", out) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    good = logits_of(SENTENCES[0])
    broken = np.concatenate([good[:5], np.full((1, 41), np.nan, dtype=np.float32)])
    write_logits(folder / "broken.npz", [good, broken, good])
    assert decode(folder / "broken.npz", out) == 2
    assert "utterance 1: logits of frame 5 are not numbers" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert decode(folder / "strange.npz", out) == 0
    assert len(read_lines(out)) == len(read_table(tmp_path / "decoded.csv")[1]) == 2


def test_a_phrase_with_a_word_that_has_no_pronunciation_is_named_and_nothing_is_written(folder, tmp_path, capsys):
    (folder / "phrases.txt").write_text("good morning\ngood zyzzyvas\t5\n", encoding="utf-8")
    assert decode(folder / "logits.npz", tmp_path / "decoded.jsonl", "--phrases", folder / "phrases.txt") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "'zyzzyvas' in the phrase 'good zyzzyvas' is not a word of the lexicon" in error
    assert list(tmp_path.iterdir()) == []
