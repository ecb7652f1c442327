from __future__ import annotations

import inspect
import itertools
import json
import subprocess
import sys
import time
import warnings

import pytest
import yaml

from neurolect.commands.main import VERBS, main, verb_function

HEAVY = {"torch", "lightning", "transformers", "scipy", "h5py", "matplotlib", "jsonargparse", "numpy", "rich"}


def test_importing_and_helping_stay_light():
    probe = """
import json, resource, sys
import neurolect
from neurolect.commands.main import main
main(["--help"])
spent = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([sorted(sys.modules), spent.ru_utime + spent.ru_stime]))
"""
    output = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    modules, seconds = json.loads(output.splitlines()[-1])
    assert not HEAVY & {name.split(".")[0] for name in modules}
    assert len(modules) < 200
    assert seconds < 0.5


def test_the_overview_lists_every_verb(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown and summary in shown for verb, summary in VERBS.items())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb, capsys):
    function = verb_function(verb)
    documentation = inspect.cleandoc(function.__doc__)
    assert documentation.splitlines()[0] == f"{VERBS[verb]}."
    with pytest.raises(SystemExit) as exit_status:
        main([*verb.split(), "--help"])
    assert exit_status.value.code == 0
    shown = capsys.readouterr().out
    assert f"neurolect {verb}" in shown.split("examples:")[1]
    described = documentation.partition("Args:")[2]
    for name in inspect.signature(function).parameters:
        assert f"    {name}: " in described


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["trian"], "there is no verb 'trian'; did you mean 'neurolect train'?"),
        (["decod", "dev.npz"], "there is no verb 'decod'; did you mean 'neurolect decode'?"),
        (["lm", "bild", "--text", "a"], "there is no verb 'lm bild'; did you mean 'neurolect lm build'?"),
        (["train", "word", "--out", "x"], "--help'); did you mean 'neurolect train words'?"),
        (["lm", "unknown"], "there is no verb 'lm unknown'; 'neurolect lm --help' lists the verbs of 'lm'"),
        (["--verbose", "decode"], "there is no verb '--verbose'; 'neurolect --help' lists the verbs"),
        (["data", "check"], "required: --path (see 'neurolect data check --help')"),
        (["decode", "a.npz"], "required: --out (see"),
        (["decode", "a.npz", "--oot", "x"], "there is no option '--oot'; did you mean '--out'?"),
        (["decode", "a.npz", "--max_active=3"], "'--max_active'; did you mean '--decoder.max_active'?"),
        (["decode", "a.npz", "--logits=b.npz"], "--logits is given twice, as 'a.npz' and by its name"),
        (["decode", "a.npz", "--out", "x", "b.npz"], "unexpected argument 'b.npz'"),
        (["demo", "x"], "unexpected argument 'x': every setting has a name"),
        (["data", "check", "nowhere"], "nowhere: no such folder"),
        (["data", "check", "a", "b"], "unexpected argument 'b'"),
        (["evaluate", "nowhere"], "model.json: no such file"),
        (["train", "--data.root", "x", "--out", "y", "--model", "os.system"], "'os.system' is not allowed"),
    ],
)
def test_mistakes_get_one_line_and_status_2(arguments, complaint, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.startswith("neurolect: error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["lm"], ["lm", "--help"], ["lm", "help"]])
def test_the_first_word_of_several_verbs_lists_them_alone(arguments, capsys):
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert all((summary in shown) == verb.startswith("lm ") for verb, summary in VERBS.items())


def test_a_verb_that_begins_others_explains_itself(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "Train a phoneme decoder" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_no_word_becomes_an_output_or_an_optional_setting_by_its_place(verb, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters = list(inspect.signature(verb_function(verb)).parameters.values())
    read = list(itertools.takewhile(lambda each: each.default is each.empty and each.name != "out", parameters))
    if any("list" in str(each.annotation) for each in read):
        pytest.skip("all words are items of a list")
    if verb in ("simulate speech", "simulate seeg"):
        read = parameters[:1]
    words = [f"word{n}" for n in range(len(read) + 1)]
    assert main([*verb.split(), *words]) == 2
    assert f"unexpected argument '{words[-1]}'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_words_behind_a_list_of_the_data_are_its_items(tmp_path, capsys):
    arguments = ["train", "--data.root", str(tmp_path), "--data.sessions", "001", "1e3", "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit):
        main([*arguments, "--print_config"])
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["data"]["sessions"] == ["001", "1e3"]


def test_words_of_a_list_are_all_inputs(tmp_path, capsys):
    texts = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for text in texts:
        text.write_text(f"we read {text.stem}\n")
    assert main(["lm", "build", *map(str, texts), "--order", "1", "--out", str(tmp_path / "lm.nlm")]) == 0
    # Unigrams of two texts: what both say, and what each says.
    assert "order 1" in capsys.readouterr().out
    assert main(["lm", "score", str(tmp_path / "lm.nlm"), "we read a b"]) == 0
    assert " 0 " not in capsys.readouterr().out
    assert texts[1].read_text() == "we read b\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["lm", "convert", "in", "--out", "in"],
        ["lm", "convert", "in", "--out", "link"],
        ["decode", "in", "--out", "./in"],
        ["decode", "x", "--ensemble", "y", "in", "--out", "in"],
        ["decode", "x", "--config", "in", "--out", "in"],
        ["train", "--data.root", "in", "--model", "GRUDecoder", "--out", "in"],
        ["lm", "adapt", "english", "--text", "x", "--lexicon", "in", "--new_words", "in", "--out", "y"],
        ["decode", "x", "--phrases", "in.csv", "--out", "in.jsonl"],
    ],
)
def test_an_output_that_is_an_input_is_refused_and_left_alone(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").write_text("threads: 1\n")
    (tmp_path / "link").symlink_to("in")
    (tmp_path / "in.csv").hardlink_to(tmp_path / "in")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "is read as --" in error
    assert error.count("\n") == 1
    assert (tmp_path / "in").read_text() == "threads: 1\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"out: [\n", "parsing"),
        (b"outt: x\n", "'outt' is not accepted; did you mean '--out'?"),
        (b"decoder:\n  beem: 3\n", "'beem'; did you mean '--decoder.beam'?"),
        (b"threads: many\n", '"threads"'),
        (b"out: caf\xe9\n", "utf-8"),
        (b"words\n", "words"),
        (b"", "Unexpected config"),
    ],
)
def test_a_mistake_in_a_configuration_names_its_file(content, complaint, tmp_path, capsys):
    (tmp_path / "right.yaml").write_text("threads: 2\n")
    (tmp_path / "wrong.yaml").write_bytes(content)
    configs = [f"--config={tmp_path / 'right.yaml'}", "--config", str(tmp_path / "wrong.yaml")]
    assert main(["decode", "a.npz", *configs]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"neurolect: error: {tmp_path / 'wrong.yaml'}: ")
    assert complaint in error
    assert error.count("\n") == 1


def test_a_mistake_on_the_command_line_names_no_file(tmp_path, capsys):
    (tmp_path / "right.yaml").write_text("threads: 2\n")
    assert main(["decode", "a.npz", "--config", str(tmp_path / "right.yaml"), "--threads", "many", "--out", "x"]) == 2
    assert "right.yaml" not in capsys.readouterr().err


def test_a_warning_is_one_line_and_only_within_a_verb(capsys, monkeypatch):
    def warn(_):
        warnings.warn("no recordings of\nsubject one", stacklevel=1)

    monkeypatch.setattr("neurolect.commands.main.call", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before = warnings.showwarning
        assert main(["data", "check", "somewhere"]) == 0
        assert warnings.showwarning is before
    assert capsys.readouterr().err == "neurolect: warning: no recordings of subject one\n"


def test_sigterm_ends_a_verb_and_leaves_nothing_half_written(tmp_path):
    command = ["-m", "neurolect", "simulate", "speech", str(tmp_path / "recordings"), "--sessions", "300"]
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".recordings.*.partial")) and time.monotonic() < until:
            time.sleep(0.02)
        assert list(tmp_path.iterdir())
        process.terminate()
        _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert error.endswith("neurolect: terminated\n")
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_the_settings_of_a_verb_can_be_printed_as_yaml(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--config", "configs/t15_gru.yaml", "--data.root", "x", "--out", "y", "--print_config"])
    printed = capsys.readouterr().out
    assert "steps: 120000" in printed
    assert printed.count("- t15.20") == 45


def test_the_version_is_shown(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("neurolect 0.")


def test_options_are_not_abbreviated(capsys):
    assert main(["train", "words", "--trainer.epoch", "3", "--data.root", "x", "--out", "y"]) == 2
    assert "there is no option '--trainer.epoch'; did you mean '--trainer.epochs'?" in capsys.readouterr().err
