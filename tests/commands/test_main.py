from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

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
        (["data"], "did you mean 'neurolect data check'?"),
        (["data", "check"], "path"),
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


def test_the_settings_of_a_verb_can_be_printed_as_yaml(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--config", "configs/t15_gru.yaml", "--data.root", "x", "--out", "y", "--print_config"])
    printed = capsys.readouterr().out
    assert "steps: 120000" in printed
    assert printed.count("- t15.20") == 45


def test_the_version_is_shown(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("neurolect 0.")
