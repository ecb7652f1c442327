from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import yaml

from neurolect.commands.main import main
from neurolect.decoding.logits_file import LogitsFile
from neurolect.evaluation.tuning import best_of, not_beaten
from neurolect.evaluation.tuning_journal import Measurement
from neurolect.language.english import english_trigram
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER
from neurolect.text.lexicon import Lexicon

SENTENCES = ["good morning to you", "we were here last week", ""]


def logits_of(sentence, confusion=0.3, seed=0):
    """Two frames a phoneme and a blank; now and then another phoneme is a little likelier than the right one."""
    rng = np.random.default_rng(seed)
    frames = []
    for label in PHONEMES.encode(Lexicon.english().phonemes(sentence)):
        probabilities = np.full(len(PHONEMES), 0.005)
        probabilities[label] = 0.5
        probabilities[rng.integers(1, 40)] += 0.55 if rng.random() < confusion else 0.1
        blank = np.full(len(PHONEMES), 0.001)
        blank[0] = 1
        frames += [probabilities, probabilities, blank]
    return np.log(frames).astype(np.float32)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    folder = tmp_path_factory.mktemp("split")
    utterances = [logits_of(sentence, seed=n) for n, sentence in enumerate(SENTENCES)]
    file = LogitsFile(np.concatenate(utterances), np.array([len(each) for each in utterances]))
    file.write(folder / "logits.npz")
    reordered = PHONEMES.reorder(file.logits, to=PHONEMES_LANGUAGE_MODEL_ORDER)
    LogitsFile(reordered, file.lengths).write(folder / "lm_order.npz")
    (folder / "sentences.txt").write_text("\n".join(SENTENCES) + "\n")
    return folder


def run(*arguments):
    return main([str(argument) for argument in arguments])


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_logits_become_json_lines_a_table_and_an_error_rate(split, tmp_path, capsys):
    out = tmp_path / "decoded.jsonl"
    assert run("decode", split / "logits.npz", "--out", out, "--truth", split / "sentences.txt") == 0
    decoded = lines_of(out)
    assert [line["sentence"] for line in decoded[:2]] == SENTENCES[:2]
    first = decoded[0]["n_best"][0]
    assert [word["word"] for word in first["words"]] == SENTENCES[0].split()
    assert all(0 <= word["start"] < word["end"] and 0 <= word["confidence"] <= 1 for word in first["words"])
    assert first["total"] == pytest.approx(0.325 * first["acoustic"] + first["ngram"] + first["lexicon"], abs=2e-3)
    rows = list(csv.DictReader((tmp_path / "decoded.csv").open()))
    assert [row["sentence"] for row in rows] == [line["sentence"] for line in decoded]
    assert "word error rate 0.00 %" in capsys.readouterr().out


def test_class_order_threads_and_an_ensemble_of_one_model_change_nothing(split, tmp_path):
    plain, other = tmp_path / "plain.jsonl", tmp_path / "other.jsonl"
    assert run("decode", split / "logits.npz", "--out", plain) == 0
    assert run("decode", split / "lm_order.npz", "--order", "lm", "--threads", 2, "--out", other) == 0
    assert lines_of(plain) == lines_of(other)
    assert run("decode", split / "logits.npz", "--ensemble", f"[{split / 'logits.npz'}]", "--out", other) == 0
    assert [line["sentence"] for line in lines_of(plain)] == [line["sentence"] for line in lines_of(other)]


def test_a_model_that_has_the_last_word_on_the_lattice_gives_what_it_gives_a_list(split, tmp_path):
    english = english_trigram().path
    command = ("decode", split / "logits.npz", "--lm", "uniform", "--decoder.n_best", 10_000)
    assert run(*command, "--rescoring.lm", english, "--out", tmp_path / "list.jsonl") == 0
    assert run(*command, "--lattice_lm", english, "--out", tmp_path / "lattice.jsonl") == 0
    lists, lattices = (lines_of(tmp_path / f"{name}.jsonl") for name in ("list", "lattice"))
    assert [line["sentence"] for line in lattices[:2]] == SENTENCES[:2]
    for of_list, of_lattice in zip(lists, lattices, strict=True):
        totals = {each["sentence"]: each["total"] for each in of_list["n_best"]}
        shared = [each for each in of_lattice["n_best"] if each["sentence"] in totals]
        assert shared
        for each in shared:
            assert each["total"] == pytest.approx(totals[each["sentence"]], abs=1e-3)
        assert of_lattice["n_best"][0]["total"] >= of_list["n_best"][0]["total"] - 1e-3


def test_phrases_from_a_file_are_favoured(split, tmp_path):
    (tmp_path / "phrases.txt").write_text("good mourning\t18\n")
    out = tmp_path / "decoded.jsonl"
    assert run("decode", split / "logits.npz", "--out", out, "--phrases", tmp_path / "phrases.txt") == 0
    best = lines_of(out)[0]["n_best"][0]
    assert best["sentence"] == "good mourning to you"
    assert best["bonus"] == pytest.approx(18)


def test_only_words_of_a_vocabulary_are_found(split, tmp_path):
    (tmp_path / "words.txt").write_text("good\nmourning\ntoo\ntwo\nyou\n")
    out = tmp_path / "decoded.jsonl"
    assert run("decode", split / "logits.npz", "--out", out, "--vocabulary", tmp_path / "words.txt") == 0
    found = {word for line in lines_of(out) for each in line["n_best"] for word in each["sentence"].split()}
    assert found <= {"good", "mourning", "too", "two", "you"}
    assert lines_of(out)[0]["sentence"].startswith("good mourning")


def test_a_name_without_phonemes_is_pronounced_from_its_letters(tmp_path):
    (tmp_path / "names.dict").write_text("blentic\n")
    spoken = Lexicon.read(tmp_path / "names.dict", guess=lambda word: (("B", "L", "EH", "N", "T", "IH", "K"),))
    labels = PHONEMES.encode(["SIL", *spoken["blentic"][0], "SIL"])
    frames = np.zeros((2 * len(labels), len(PHONEMES)), dtype=np.float32)
    frames[::2][np.arange(len(labels)), labels] = 12
    frames[1::2, 0] = 12
    LogitsFile(frames, np.array([len(frames)])).write(tmp_path / "logits.npz")
    out = tmp_path / "decoded.jsonl"
    settings = ["--lexicon", tmp_path / "names.dict", "--decoder.acoustic_scale", 2]
    assert run("decode", tmp_path / "logits.npz", "--out", out, *settings) == 0
    assert lines_of(out)[0]["sentence"] == "blentic"


def test_every_sentence_begins_with_a_prefix(split, tmp_path):
    out = tmp_path / "decoded.jsonl"
    assert run("decode", split / "logits.npz", "--out", out, "--prefix", "Good mourning") == 0
    found = [each["sentence"] for line in lines_of(out)[:1] for each in line["n_best"]]
    assert found[0] == "good mourning to you"
    assert all(sentence.startswith("good mourning") for sentence in found)


def test_another_alphabet_has_the_words_of_its_lexicon_file(tmp_path):
    symbols = ["_", "zh", "ong", "g", "uo", "a", "|"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"alphabet": {"symbols": symbols, "silence": 6}}))
    # A word without a spelling has its letters for one.
    (tmp_path / "words.txt").write_text("中国 zh ong g uo\nga\n")
    labels = [symbols.index(symbol) for symbol in ("zh", "ong", "_", "g", "uo", "|", "g", "a")]
    logits = 9 * np.eye(len(symbols), dtype=np.float32)[labels]
    LogitsFile(logits, np.array([len(logits)])).write(tmp_path / "logits.npz")
    decode = ["decode", tmp_path / "logits.npz", "--out", tmp_path / "decoded.jsonl", "--lm", "uniform"]
    assert run(*decode, "--config", tmp_path / "config.yaml", "--lexicon", tmp_path / "words.txt") == 0
    assert lines_of(tmp_path / "decoded.jsonl")[0]["sentence"] == "中国 ga"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lm", "missing.nlm"], "missing.nlm: cannot be read"),
        (["--graph", "missing/TLG.fst"], "TLG.fst: cannot be read"),
        (["--graph", "LG.fst", "--lexicon", "SPLIT/sentences.txt"], "a graph file has its own words"),
        (["--graph", "LG.fst", "--network.language_model_weight", "3"], "leave out network.language_model_weight"),
        (["--lattice_lm", "missing.nlm"], "missing.nlm: cannot be read"),
        (["--lattice_graph_lm", "missing.nlm"], "give lattice_lm too"),
        (["--lattice_lm", "a.nlm", "--rescoring.lm", "b.nlm"], "leave out one of them"),
        (["--lattice_lm", "ENGLISH", "--lattice_graph_lm", "ENGLISH"], "leave out lattice_graph_lm"),
        (["--mean", "geometric"], "the geometric mean needs other models"),
        (["--decoder.beam", "-1"], "beam is -1.0, it must be above 0"),
        (["--decoder.beem", "1"], "decoder.beem"),
        (["--network.silence_probability", "2"], "silence_probability is 2.0"),
        (["--truth", "SPLIT/logits.npz"], "not UTF-8 text"),
        (["--threads", "0"], "threads is 0"),
        (["--prefix", "good zyzzyx"], "'zyzzyx' in the prefix is not a word of the lexicon"),
        (["--alphabet.symbols", "[a, b]"], "an alphabet of others needs a lexicon file"),
        (["--alphabet.symbols", "[a, a]"], "symbols occur twice: a"),
        (["--alphabet.symbols", "[a, b]", "--order", "lm"], "leave out order"),
    ],
)
def test_what_cannot_be_decoded_is_one_line_and_leaves_nothing(split, tmp_path, capsys, arguments, message):
    english = str(english_trigram().path)
    arguments = [argument.replace("SPLIT", str(split)).replace("ENGLISH", english) for argument in arguments]
    assert run("decode", split / "logits.npz", "--out", tmp_path / "out.jsonl", *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_a_model_in_capitals_is_told_from_one_of_the_lexicons_words(split, tmp_path, capsys):
    arpa, store = tmp_path / "lm.arpa", tmp_path / "lm.nlm"
    arpa.write_text("\\data\\\nngram 1=3\n\n\\1-grams:\n-99 <s>\n-0.5 </s>\n-0.5 GOOD\n\n\\end\\\n")
    decode = ["decode", split / "logits.npz", "--lm", store, "--out", tmp_path / "out.jsonl"]
    assert run("lm", "convert", arpa, "--out", store) == 0
    assert run(*decode) == 2
    assert "lm.nlm: has none of the lexicon's words; a model in capitals" in capsys.readouterr().err
    assert run("lm", "convert", arpa, "--out", store, "--lower_case") == 0
    assert run(*decode) == 0


def test_tuning_writes_a_config_that_decode_takes_and_goes_on_where_it_stopped(split, tmp_path, capsys):
    out = tmp_path / "tuned.yaml"
    tune = ["lm", "tune", split / "logits.npz", split / "sentences.txt", "--out", out]
    assert run(*tune, "--space", '{"acoustic_scale": [0.01, 0.5], "language_model_weight": [1.0]}') == 0
    journal = out.with_suffix(".trials.jsonl")
    assert len(lines_of(journal)) == 3
    assert yaml.safe_load(out.read_text())["decoder"] == {"acoustic_scale": 0.5}
    # A trial that was cut off while it was written is made again, the others are not.
    whole = journal.read_text()
    journal.write_text(whole[:-10])
    assert run(*tune, "--space", '{"acoustic_scale": [0.01, 0.5], "language_model_weight": [1.0]}') == 0
    assert [line.get("values") for line in lines_of(journal)] == [
        json.loads(line).get("values") for line in whole.splitlines()
    ]
    assert run("decode", split / "logits.npz", "--config", out, "--out", tmp_path / "decoded.jsonl") == 0
    best = lines_of(tmp_path / "decoded.jsonl")[0]["n_best"][0]
    assert best["total"] == pytest.approx(0.5 * best["acoustic"] + best["ngram"] + best["lexicon"], abs=2e-3)
    assert run(*tune, "--lm", "uniform") == 2
    assert "of a search with other settings (lm)" in capsys.readouterr().err


def test_tuning_by_tpe_goes_on_as_if_it_had_not_stopped(split, tmp_path):
    pytest.importorskip("optuna")
    space = ["--space", '{"acoustic_scale": [0.1, 1.0], "max_active": [100, 300]}', "--method", "tpe"]
    for name, steps in (("once", [3]), ("twice", [2, 3])):
        for trials in steps:
            out = tmp_path / f"{name}.yaml"
            tune = ["lm", "tune", split / "logits.npz", split / "sentences.txt", "--out", out, "--cost_of_time", 0]
            assert run(*tune, *space, "--trials", trials) == 0
    once, twice = (lines_of(tmp_path / f"{name}.trials.jsonl")[1:] for name in ("once", "twice"))
    assert [trial["values"] for trial in once] == [trial["values"] for trial in twice]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space", '{"acustic": [1]}'], "no setting 'acustic'"),
        (["--space", '{"beam": []}'], "beam has no values"),
        (["--method", "tpe", "--trials", "0"], "trials is 0, it must be at least 1"),
        (["--method", "tpe", "--seed", "-1"], "seed is -1, it must be from 0 to"),
        (["--method", "tpe", "--space", '{"beam": [9, 1]}'], "beam needs two ascending bounds"),
        (["--method", "tpe", "--space", '{"beam": [9, .inf]}'], "beam needs two ascending bounds"),
        (["--method", "tpe", "--space", '{"n_best": [0.5, 9]}'], "n_best needs bounds that are whole numbers"),
        (["--graph", "LG.fst", "--lm", "missing.nlm"], "a graph file has its own words and n-grams"),
        (["--graph", "LG.fst", "--lexicon", "words.dict"], "a graph file has its own words and n-grams"),
        (["--graph", "LG.fst", "--space", '{"silence_probability": [0.5]}'], "a graph file fixes silence_probability"),
    ],
)
def test_what_cannot_be_tuned_is_one_line_and_leaves_nothing(split, tmp_path, capsys, arguments, message):
    if "tpe" in arguments:
        pytest.importorskip("optuna")
    tune = ["lm", "tune", split / "logits.npz", split / "sentences.txt", "--out", tmp_path / "tuned.yaml"]
    assert run(*tune, *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert error.count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_time_counts_at_its_price_and_the_front_holds_what_nothing_beats():
    slow, fast, bad = (
        Measurement({"a": n}, *figures) for n, figures in enumerate([(0.05, 100), (0.06, 10), (0.07, 50)])
    )
    assert best_of([slow, fast, bad], cost_of_time=0) == slow
    assert best_of([slow, fast, bad], cost_of_time=0.1) == fast
    assert not_beaten([slow, fast, bad]) == [fast, slow]
