from __future__ import annotations

import pytest

from chat_host import running_host
from neurolect.commands.main import main
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.hypothesis_files import write_hypotheses


def listed(*sentences):
    scores = {"acoustic": 0.0, "ngram": 0.0, "lexicon": 0.0, "bonus": 0.0}
    split = [tuple(each.split()) for each in sentences]
    return [
        Hypothesis(words, **scores, total=-float(n), times=((0, 1),) * len(words), confidence=(1.0,) * len(words))
        for n, words in enumerate(split)
    ]


CANDIDATES = listed("i can sea you now", "i can see you know")


@pytest.fixture
def host():
    with running_host() as host:
        yield host


def test_the_verb_writes_sentences_and_error_rates(host, tmp_path, capsys):
    write_hypotheses(tmp_path / "lists.jsonl", [CANDIDATES, listed("")])
    (tmp_path / "truth.txt").write_text("I can see you now.\n\n")
    host.says("I can see you now.")
    arguments = ["correct", tmp_path / "lists.jsonl", "--out", tmp_path / "corrected.txt"]
    settings = ["--endpoint", host.url, "--model", "tiny", "--truth", tmp_path / "truth.txt"]
    assert main([str(each) for each in (*arguments, *settings)]) == 0
    assert (tmp_path / "corrected.txt").read_text() == "i can see you now\n\n"
    shown = capsys.readouterr().out
    assert "1 changed" in " ".join(shown.split())
    assert "word error rate before: 20.00 %" in shown
    assert "word error rate after: 0.00 %" in shown
    # A model must be named: none is ever asked by default.
    assert main([str(each) for each in arguments]) == 2
