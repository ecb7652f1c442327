from __future__ import annotations

import pytest

pytest.importorskip("peft")

from neurolect.commands.main import main
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.hypothesis_files import write_hypotheses
from neurolect.decoding.trained_correction import Corrector
from tiny_language_models import tiny_model, tiny_tokenizer


def listed(*sentences):
    return [
        Hypothesis(words, 0.0, 0.0, 0.0, 0.0, -0.1 * n, ((0, 1),) * len(words), (1.0,) * len(words))
        for n, words in enumerate(tuple(each.split()) for each in sentences)
    ]


LEARNT = [listed(f"i am {end}", f"we were {end}") for end in ("here", "going", "to the store", "last week")]
HELD_OUT = [listed(f"i am {end}", f"we were {end}") for end in ("meant", "to go")]


@pytest.fixture
def files(tmp_path):
    tiny_model().save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    for name, lists in (("one", LEARNT), ("two", LEARNT), ("held", HELD_OUT)):
        write_hypotheses(tmp_path / f"{name}.jsonl", lists)
        (tmp_path / f"{name}.txt").write_text("".join(f"{each[1].text.capitalize()}.\n" for each in lists))
    return tmp_path


def training(files, *more):
    words = f"""lm corrector --hypotheses {files}/one.jsonl {files}/two.jsonl --truth {files}/one.txt {files}/two.txt
        --held_out {files}/held.jsonl --held_out_truth {files}/held.txt --out {files}/corrector --llm {files}/model
        --n_best 2 --recipe.rank 4 --recipe.lr 0.02 --recipe.epochs 15 --recipe.batch_size 2 --device cpu"""
    return main([*words.split(), *more])


def test_a_corrector_learns_from_lists_and_corrects_others(files, capsys):
    assert training(files) == 0
    shown = capsys.readouterr().out
    assert "8 lists learnt" in shown
    assert "before: 57.14 %" in shown
    assert "after: 0.00 %" in shown
    arguments = ["correct", f"{files}/held.jsonl", "--out", f"{files}/corrected.txt", "--llm", f"{files}/corrector"]
    assert main([*arguments, "--device", "cpu"]) == 0
    assert (files / "corrected.txt").read_text() == "we were meant\nwe were to go\n"
    assert training(files) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_was_learnt_is_kept_until_the_corrector_is_written(files, monkeypatch, capsys):
    def fail(self, hypotheses):
        raise OSError(12, "Cannot allocate memory", "lists")

    with monkeypatch.context() as small:
        small.setattr(Corrector, "scored", fail)
        assert training(files) == 2
    assert "Cannot allocate memory" in capsys.readouterr().err
    assert not (files / "corrector").exists()
    assert (files / "corrector.checkpoint").exists()
    assert training(files) == 0
    assert (files / "corrector").is_dir()
    assert not (files / "corrector.checkpoint").exists()


def test_lists_without_what_was_said_are_refused(files, capsys):
    assert training(files, "--truth", f"{files}/one.txt") == 2
    assert "2 files of lists and 1 of what was said" in capsys.readouterr().err
    (files / "one.txt").write_text("We were here.\n")
    assert training(files) == 2
    assert "has 1 sentences, there are 4 utterances" in capsys.readouterr().err
