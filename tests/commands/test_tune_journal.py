from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from test_decode_verb import SENTENCES, lines_of, logits_of, run

from neurolect.decoding.logits_file import LogitsFile
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER

# Without a language model and with time for nothing, what a search chooses does not depend on the machine.
ALWAYS = ["--lm", "uniform", "--cost_of_time", 0]
GRID = ["--space", '{"word_bonus": [-40, -12, 0, 6, 12, 40], "max_active": [300]}']
TPE = ["--method", "tpe", "--space", '{"word_bonus": [-40, 40], "max_active": [100, 300]}', "--trials", 6]


@pytest.fixture(scope="module")
def spoken():
    return [logits_of(sentence, confusion=0.6, seed=n) for n, sentence in enumerate(SENTENCES)]


@pytest.fixture(scope="module")
def split(spoken, tmp_path_factory):
    return write_split(tmp_path_factory.mktemp("split"), spoken, SENTENCES)


@pytest.fixture(scope="module")
def long_split(spoken, tmp_path_factory):
    """Every sentence six times, so that a trial takes a while."""
    return write_split(tmp_path_factory.mktemp("long"), spoken * 6, SENTENCES * 6)


def write_split(folder, utterances, sentences):
    file = LogitsFile(np.concatenate(utterances), np.array([len(each) for each in utterances]))
    file.write(folder / "model.npz")
    LogitsFile(PHONEMES.reorder(file.logits, to=PHONEMES_LANGUAGE_MODEL_ORDER), file.lengths).write(folder / "lm.npz")
    (folder / "sentences.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return folder


def verb(split, out, *arguments, order="model"):
    return ["lm", "tune", split / f"{order}.npz", split / "sentences.txt", "--out", out, *ALWAYS, *arguments]


def journal_of(out):
    return out.with_suffix(".trials.jsonl")


def tried(out):
    """Settings and error rates in the order of the journal."""
    return [(line["values"], line["word_error_rate"]) for line in lines_of(journal_of(out))[1:]]


def chosen(out):
    """The settings of the configuration, and their error rate."""
    settings = yaml.safe_load(out.read_text(encoding="utf-8"))["decoder"]
    return next(each for each in tried(out) if each[0] == settings)


def least(out):
    return min(rate for _, rate in tried(out))


def test_a_search_is_not_continued_with_another_order_of_classes(split, tmp_path, capsys):
    out = tmp_path / "tuned.yaml"
    arguments = verb(split, out, "--space", '{"word_bonus": [0]}')
    assert run(*arguments) == 0
    before = journal_of(out).read_text(encoding="utf-8"), out.read_text(encoding="utf-8")
    capsys.readouterr()
    assert run(*arguments, "--order", "lm") == 2
    error = capsys.readouterr().err
    assert "tuned.trials.jsonl: is of a search with other settings (order); choose another --out" in error
    assert (journal_of(out).read_text(encoding="utf-8"), out.read_text(encoding="utf-8")) == before
    assert run(*arguments, "--order", "model") == 0
    assert journal_of(out).read_text(encoding="utf-8") == before[0]


def test_both_orders_of_classes_give_the_same_error_rates(split, tmp_path):
    model, lm = tmp_path / "model.yaml", tmp_path / "lm.yaml"
    assert run(*verb(split, model, *GRID)) == 0
    assert run(*verb(split, lm, *GRID, "--order", "lm", order="lm")) == 0
    assert tried(model) == tried(lm)
    assert len({rate for _, rate in tried(model)}) > 1


def test_tpe_goes_on_after_a_grid_and_keeps_the_best_of_both(split, tmp_path):
    pytest.importorskip("optuna")
    out = tmp_path / "tuned.yaml"
    assert run(*verb(split, out, *GRID)) == 0
    of_the_grid = journal_of(out).read_text(encoding="utf-8")
    space = ["--space", '{"word_bonus": [30, 40], "max_active": [100, 300]}']
    assert run(*verb(split, out, "--method", "tpe", *space, "--trials", 9)) == 0
    assert journal_of(out).read_text(encoding="utf-8").startswith(of_the_grid)
    assert len(tried(out)) == 9
    assert all(30 <= values["word_bonus"] <= 40 and 100 <= values["max_active"] <= 300 for values, _ in tried(out)[6:])
    # Where words earn so much, nothing of TPE's comes near the best of the grid.
    assert chosen(out)[1] == least(out)
    assert chosen(out) in tried(out)[:6]


@pytest.fixture(scope="module")
def header(split, tmp_path_factory):
    """The first line of every journal about the split."""
    out = tmp_path_factory.mktemp("header") / "tuned.yaml"
    assert run(*verb(split, out, "--space", '{"word_bonus": [0]}')) == 0
    return journal_of(out).read_text(encoding="utf-8").splitlines()[0]


def proposals(split, header, out, earlier):
    """What TPE tries after these trials, word bonus → error rate."""
    lines = [
        json.dumps({"values": {"word_bonus": bonus}, "word_error_rate": rate, "cpu_milliseconds": 1.0})
        for bonus, rate in earlier.items()
    ]
    journal_of(out).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    space = ["--space", '{"word_bonus": [-40, 40]}']
    assert run(*verb(split, out, "--method", "tpe", *space, "--trials", len(earlier) + 4)) == 0
    return [values["word_bonus"] for values, _ in tried(out)[len(earlier) :]]


def test_tpe_learns_from_the_trials_of_a_grid_within_its_bounds(split, header, tmp_path):
    pytest.importorskip("optuna")
    bonuses = np.linspace(-40, 40, 17)
    low = proposals(split, header, tmp_path / "low.yaml", {bonus: 0.01 + (bonus + 40) / 8 for bonus in bonuses})
    high = proposals(split, header, tmp_path / "high.yaml", {bonus: 0.01 + (40 - bonus) / 8 for bonus in bonuses})
    assert np.mean(low) < -10
    assert np.mean(high) > 10


def test_tpe_learns_nothing_from_trials_outside_its_bounds(split, header, tmp_path):
    pytest.importorskip("optuna")
    bonuses = np.linspace(41, 90, 17)
    one = proposals(split, header, tmp_path / "one.yaml", {bonus: 0.01 + bonus / 100 for bonus in bonuses})
    other = proposals(split, header, tmp_path / "other.yaml", {bonus: 0.99 - bonus / 100 for bonus in bonuses})
    assert one == other


@pytest.mark.parametrize("method", ["grid", "tpe"])
def test_a_search_that_was_killed_goes_on_to_the_answer_of_an_unbroken_one(long_split, tmp_path, method):
    if method == "tpe":
        pytest.importorskip("optuna")
    space = GRID if method == "grid" else TPE
    unbroken, killed = tmp_path / "unbroken.yaml", tmp_path / "killed.yaml"
    assert run(*verb(long_split, unbroken, *space)) == 0
    command = [sys.executable, "-m", "neurolect", *map(str, verb(long_split, killed, *space))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not journal_of(killed).is_file() or journal_of(killed).read_bytes().count(b"\n") < 2:
            assert process.poll() is None, "the search ended before it could be killed"
            time.sleep(0.001)
        process.kill()
    assert process.returncode < 0
    assert not killed.exists()
    assert 2 <= journal_of(killed).read_bytes().count(b"\n") < 7
    assert run(*verb(long_split, killed, *space)) == 0
    assert tried(killed) == tried(unbroken)
    assert chosen(killed)[1] == chosen(unbroken)[1] == least(unbroken)
    assert {path.name for path in tmp_path.iterdir()} == {
        path.name for out in (unbroken, killed) for path in (out, journal_of(out))
    }
