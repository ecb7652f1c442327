from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from test_decode_verb import SENTENCES, lines_of, logits_of, run

from neurolect.decoding.logits_file import LogitsFile
from neurolect.errors import DataError
from neurolect.evaluation.tuning_journal import Journal, Measurement, identity_of_search
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER
from neurolect.text.lexicon import Lexicon

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


@pytest.mark.parametrize(("name", "key"), [("model.npz", "logits"), ("sentences.txt", "truth")])
def test_a_search_is_not_continued_on_a_file_that_was_written_again(spoken, tmp_path, capsys, name, key):
    write_split(tmp_path, spoken, SENTENCES)
    arguments = verb(tmp_path, tmp_path / "tuned.yaml", "--space", '{"word_bonus": [0]}')
    assert run(*arguments) == 0
    write_split(tmp_path / "other", spoken[::-1], SENTENCES[::-1])
    (tmp_path / name).write_bytes((tmp_path / "other" / name).read_bytes())
    capsys.readouterr()
    assert run(*arguments) == 2
    assert f"is of a search with other settings ({key}); choose another --out" in capsys.readouterr().err


def test_a_search_is_not_continued_where_a_setting_has_another_default_by_now(split, tmp_path, capsys):
    arguments = verb(split, tmp_path / "tuned.yaml", "--space", '{"word_bonus": [0]}')
    assert run(*arguments) == 0
    journal = journal_of(tmp_path / "tuned.yaml")
    header, *lines = journal.read_text(encoding="utf-8").splitlines()
    before = json.loads(header)
    before["defaults"]["acoustic_scale"] += 0.1
    journal.write_text("\n".join([json.dumps(before), *lines]) + "\n", encoding="utf-8")
    assert run(*arguments) == 2
    assert "of a search with other settings (defaults)" in capsys.readouterr().err


def test_settings_of_the_network_are_part_of_what_a_search_over_a_lexicon_is_of(split):
    files = {"logits": split / "model.npz", "truth": split / "sentences.txt", "lm": "uniform", "lexicon": None}
    defaults = identity_of_search(**files, graph=None, order="model", alphabet=None)["defaults"]
    assert {"beam", "acoustic_scale", "language_model_weight", "absent_word_log10"} <= defaults.keys()


@pytest.fixture
def graph(tmp_path):
    """A graph of three words."""
    pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    from neurolect.language.graph_building import build_graph

    unigrams = "".join(f"-0.7\t{word}\n" for word in ("<s>", "</s>", "good", "morning", "to", "you"))
    arpa = f"\\data\\\nngram 1=6\n\n\\1-grams:\n{unigrams}\n\\end\\\n"
    (tmp_path / "lm.arpa").write_text(arpa, encoding="utf-8")
    build_graph(tmp_path / "lm.arpa", Lexicon.english().only(["good", "morning", "to", "you"]), tmp_path / "graph")
    return tmp_path / "graph" / "LG.fst"


def test_a_graph_is_tuned_by_tpe_without_a_space_and_its_own_change_is_noticed(split, graph, tmp_path, capsys):
    pytest.importorskip("optuna")
    out = tmp_path / "tuned.yaml"
    arguments = ["lm", "tune", split / "model.npz", split / "sentences.txt", "--out", out, "--graph", graph]
    arguments += ["--method", "tpe", "--trials", 2]
    assert run(*arguments) == 0
    assert [set(values) for values, _ in tried(out)] == [
        {"acoustic_scale", "blank_penalty", "word_bonus", "max_active"}
    ] * 2
    capsys.readouterr()
    words = graph.with_name("words.txt")
    words.write_text(words.read_text(encoding="utf-8").replace("good", "gude"), encoding="utf-8")
    os.utime(words, ns=(0, 0))
    assert run(*arguments) == 2
    assert "of a search with other settings (words of the graph)" in capsys.readouterr().err


MEASUREMENT = {"values": {"word_bonus": 0.0}, "word_error_rate": 0.5, "cpu_milliseconds": 1.0}


@pytest.mark.parametrize(
    "content",
    [
        b"my notes\n",
        b"[1]\n",
        b"5\n",
        b"null\n",
        b"\xff\xfe{}\n",
        b"{}\n5\n",
        b"{}\n[]\n",
        b"{}\n{}\n",
        *(
            b"{}\n" + json.dumps({**MEASUREMENT, name: value}).encode() + b"\n"
            for name, value in [
                ("values", 1),
                ("values", {"word_bonus": "much"}),
                ("values", {"word_bonus": math.nan}),
                ("values", {"word_bonus": 10**400}),
                ("word_error_rate", "low"),
                ("word_error_rate", None),
                ("word_error_rate", -1),
                ("cpu_milliseconds", [1]),
                ("other", 1),
            ]
        ),
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_file_that_is_no_journal_is_refused_by_name_and_left_alone(tmp_path, content):
    path = tmp_path / "notes.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"notes\.jsonl: not a journal"):
        Journal(path, {})
    assert path.read_bytes() == content


@pytest.mark.parametrize("rate", [0.5, math.nan])
def test_a_journal_gives_back_what_was_noted(tmp_path, rate):
    measurement = Measurement({"word_bonus": 0.25, "max_active": 300}, rate, 1.5)
    Journal(tmp_path / "journal.jsonl", {"lm": "english"}).add(measurement)
    again = Journal(tmp_path / "journal.jsonl", {"lm": "english"})
    assert str(again.measurements) == str([measurement])
    assert again.find(measurement.values) is again.measurements[0]
    assert again.find({"word_bonus": 0.25}) is None


def test_no_journal_appears_before_the_first_measurement(tmp_path):
    journal = Journal(tmp_path / "folder" / "journal.jsonl", {})
    assert list(tmp_path.iterdir()) == []
    journal.add(Measurement({}, 0.0, 0.0))
    assert journal.path.read_bytes().count(b"\n") == 2


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
