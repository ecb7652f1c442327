from __future__ import annotations

import json

import numpy as np
import pytest

from neurolect.commands.main import main
from neurolect.decoding.hypothesis_files import read_hypotheses
from neurolect.decoding.logits_file import LogitsFile
from neurolect.language.english import english_trigram
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon

pytest.importorskip("transformers")

from neurolect.language.causal_lm import CausalLM
from tiny_language_models import tiny_model, tiny_tokenizer

SPOKEN = ["good morning to you", "we were here last week"]

SEARCH = ("--decoder.lattice_beam", 14, "--decoder.beam", 25)
LLM = ("--rescoring.alpha", 0.25, "--rescoring.augment", 5, "--rescoring.context", "hello", "--rescoring.device", "cpu")


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Logits in which phonemes are now and then confused, what was said, the decoder's lists, and a language model."""
    folder = tmp_path_factory.mktemp("lists")
    rng = np.random.default_rng(0)
    utterances = []
    for sentence in SPOKEN:
        labels = PHONEMES.encode(Lexicon.english().phonemes(sentence))
        probabilities = np.full((3 * len(labels), len(PHONEMES)), 0.002)
        probabilities[2::3, 0] = 1
        for place, label in enumerate(labels):
            probabilities[3 * place : 3 * place + 2, label] = 0.5
            probabilities[3 * place : 3 * place + 2, rng.integers(1, 40)] += 0.4
        utterances.append(np.log(probabilities).astype(np.float32))
    LogitsFile(np.concatenate(utterances), np.array([len(each) for each in utterances])).write(folder / "logits.npz")
    (folder / "spoken.txt").write_text("\n".join(SPOKEN) + "\n")
    assert run("decode", folder / "logits.npz", "--out", folder / "lists.jsonl", *SEARCH) == 0
    tiny_model().save_pretrained(folder / "llm")
    tiny_tokenizer().save_pretrained(folder / "llm")
    return folder


def test_lists_get_llm_scores_totals_and_error_rates(folder, tmp_path, capsys):
    out = tmp_path / "rescored.jsonl"
    llm = ("--rescoring.llm", folder / "llm", *LLM, "--truth", folder / "spoken.txt")
    assert run("rescore", folder / "lists.jsonl", "--out", out, *llm) == 0
    before, after = read_hypotheses(folder / "lists.jsonl"), read_hypotheses(out)
    scorer = CausalLM(tiny_model(), tiny_tokenizer())
    assert any(len(rescored) > len(lists) for lists, rescored in zip(before, after, strict=True))
    for rescored in after:
        assert [each.total for each in rescored] == sorted((each.total for each in rescored), reverse=True)
        scores = scorer.score([each.text for each in rescored], "hello")
        np.testing.assert_allclose([each.llm for each in rescored], scores, atol=2e-3)
        for each in rescored:
            parts = 0.325 * each.acoustic + 0.75 * each.ngram + 0.25 * each.llm + each.lexicon + each.bonus
            assert each.total == pytest.approx(parts, abs=2e-3)
    shown = capsys.readouterr().out
    assert "word error rate before: 0.00 %" in shown
    assert "word error rate after: " in shown
    # One row for each alpha from 0, where the n-grams decide alone, to 1.
    by_alpha = [line.split()[1:4:2] for line in shown.splitlines() if line.startswith("│")]
    assert [alpha for alpha, _ in by_alpha] == ["0", *(f"0.{n}" for n in range(1, 10)), "1"]
    assert by_alpha[0][1] == "0.00"


def test_decoding_with_a_second_pass_is_decoding_and_then_rescoring(folder, tmp_path):
    llm = ("--rescoring.llm", folder / "llm", *LLM)
    assert run("decode", folder / "logits.npz", "--out", tmp_path / "at_once.jsonl", *SEARCH, *llm) == 0
    assert run("rescore", folder / "lists.jsonl", "--out", tmp_path / "later.jsonl", *llm) == 0
    at_once, later = (read_hypotheses(tmp_path / f"{name}.jsonl") for name in ("at_once", "later"))
    assert [each[0].words for each in at_once] == [each[0].words for each in later]
    for one, other in zip(at_once, later, strict=True):
        assert one[0].total == pytest.approx(other[0].total, abs=2e-3)


def test_the_searchs_own_ngrams_change_nothing_and_several_lists_are_chosen_from(folder, tmp_path):
    out = tmp_path / "rescored.jsonl"
    assert run("rescore", folder / "lists.jsonl", "--out", out, "--rescoring.lm", english_trigram().path) == 0
    before, after = (json.loads(path.read_text().splitlines()[0]) for path in (folder / "lists.jsonl", out))
    assert before["sentence"] == after["sentence"]
    assert after["n_best"][0]["total"] == pytest.approx(before["n_best"][0]["total"], abs=5e-3)
    several = ("--others", f"[{out}]", "--rescoring.choose", "mbr")
    assert run("rescore", folder / "lists.jsonl", "--out", tmp_path / "chosen.jsonl", *several) == 0
    assert read_hypotheses(tmp_path / "chosen.jsonl")[0][0].text == SPOKEN[0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--rescoring.llm", "nobody/nothing"), "neither a folder nor in this machine's Hugging Face cache"),
        (("--rescoring.alpha", 2), "alpha is 2"),
        ((), "nothing is to be done"),
        (("--rescoring.lm", "nowhere.nlm"), "nowhere.nlm"),
        (("--rescoring.alfa", 1), "alfa"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, complaint, folder, tmp_path, capsys):
    assert run("rescore", folder / "lists.jsonl", "--out", tmp_path / "out.jsonl", *arguments) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()


def test_the_table_of_the_lists_that_are_rescored_is_not_replaced(folder, capsys):
    table = (folder / "lists.csv").read_bytes()
    assert run("rescore", folder / "lists.jsonl", "--out", folder / "lists.txt", "--rescoring.choose", "mbr") == 2
    assert "its table would replace that of" in capsys.readouterr().err
    assert (folder / "lists.csv").read_bytes() == table


def test_fusion_inside_the_search_gives_the_scores_of_rescoring(folder, tmp_path, capsys):
    out, llm = tmp_path / "fused.jsonl", ("--fusion.llm", folder / "llm", "--fusion.device", "cpu")
    settings = ("--fusion.alpha", 0.25, "--fusion.every", 10, "--fusion.context", "hello", *SEARCH)
    assert run("decode", folder / "logits.npz", "--out", out, *llm, *settings) == 0
    scorer = CausalLM(tiny_model(), tiny_tokenizer())
    for found in read_hypotheses(out):
        assert len(found) > 3
        scores = scorer.score([each.text for each in found], "hello")
        np.testing.assert_allclose([each.llm for each in found], scores, atol=2e-3)
        for each in found:
            parts = 0.325 * each.acoustic + 0.75 * each.ngram + 0.25 * each.llm + each.lexicon + each.bonus
            assert each.total == pytest.approx(parts, abs=2e-3)
    assert run("rescore", out, "--out", tmp_path / "again.jsonl", "--rescoring.llm", folder / "llm") == 2
    assert run("decode", folder / "logits.npz", "--out", out, *llm, "--rescoring.llm", folder / "llm") == 2
    assert "leave out rescoring.llm or fusion.llm" in capsys.readouterr().err
