from __future__ import annotations

import pytest

from neurolect.commands.main import main
from neurolect.language.ngram_model import NgramModel

TEXT = "I saw the cat. The cat saw me!\nYou saw 2 cats.\n"


def run(*arguments):
    return main([str(argument) for argument in arguments])


def complaint(capsys, *arguments):
    """The one line on stderr of a verb that ends with status 2."""
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("neurolect: error: ")
    assert error.count("\n") == 1
    return error


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture
def built(text, tmp_path, capsys):
    def build(name, *arguments):
        assert run("lm", "build", "--text", text, "--out", tmp_path / name, *arguments) == 0
        capsys.readouterr()
        return tmp_path / name

    return build


def test_a_model_is_built_from_text_as_it_was_written(text, tmp_path, capsys):
    assert run("lm", "build", "--text", text, "--out", tmp_path / "lm.nlm") == 0
    assert "lm.nlm: order 3, " in capsys.readouterr().out
    model = NgramModel(tmp_path / "lm.nlm")
    assert {"i", "saw", "two", "cats"} <= set(model.vocabulary)
    assert [each.order for each in model.score_sentence("i saw the cat")] == [2, 3, 3, 3, 3]


def test_several_texts_and_counts_follow_their_options(text, tmp_path):
    other = tmp_path / "more, [odd] text.txt"
    other.write_text("a dog\n")
    out = tmp_path / "lm.nlm"
    assert run("lm", "build", "--text", text, other, "--least_counts", "1", "2", "--order", "2", "--out", out) == 0
    model = NgramModel(out)
    assert {"cat", "dog"} <= set(model.vocabulary)
    assert model.counts[1] == 1  # 'the cat' is the only pair that occurs twice


def test_a_vocabulary_limits_the_words(built, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("cat K AE T\ndog D AO G\n")
    model = NgramModel(built("lm.nlm", "--vocabulary", words))
    assert sorted(model.vocabulary) == ["</s>", "<s>", "<unk>", "cat", "dog"]


def test_a_spelling_model_is_made_of_letters(built):
    model = NgramModel(built("lm.nlm", "--unit", "letter", "--order", "4"))
    assert {"c", "a", "t"} <= set(model.vocabulary)
    assert "cat" not in model.vocabulary


def test_pruning_while_building_and_after_give_the_same(built, tmp_path, capsys):
    whole, pruned = built("whole.nlm"), built("pruned.nlm", "--prune", "1e-2")
    assert run("lm", "prune", whole, "--threshold", "1e-2", "--out", tmp_path / "later.nlm") == 0
    assert "later.nlm: order 3, " in capsys.readouterr().out
    assert (tmp_path / "later.nlm").read_bytes() == pruned.read_bytes()
    assert len(NgramModel(pruned)) < len(NgramModel(whole))


def test_models_are_mixed_with_weights_given_or_fitted(built, text, tmp_path, capsys):
    words, letters = built("words.nlm"), built("letters.nlm", "--unit", "letter")
    mixed = tmp_path / "mixed.nlm"
    assert run("lm", "mix", "--models", words, letters, "--weights", "0.25", "0.75", "--out", mixed) == 0
    assert capsys.readouterr().out.startswith("0.2500  ")
    assert {"cat", "c"} <= set(NgramModel(mixed).vocabulary)
    assert run("lm", "mix", "--models", words, letters, "--heldout", text, "--out", mixed) == 0
    assert float(capsys.readouterr().out.split()[0]) > 0.9


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["lm", "build", "--text", "missing.txt", "--out", "lm.nlm"], "missing.txt"),
        (["lm", "build", "--text", "TEXT", "--out", "lm.nlm", "--order", "9"], "order is 9"),
        (["lm", "build", "--text", "TEXT", "--out", "lm.nlm", "--prune", "-1"], "prune is -1"),
        (["lm", "build", "--text", "TEXT", "--out", "lm.nlm", "--memory", "0"], "memory is 0"),
        (["lm", "mix", "--models", "MODEL", "--out", "mixed.nlm"], "either weights or heldout"),
        (["lm", "mix", "--models", "MODEL", "--out", "mixed.nlm", "--weights", "2"], "sum to 1"),
        (["lm", "prune", "MODEL", "--threshold", "-1", "--out", "pruned.nlm"], "threshold"),
        (["lm", "prune", "TEXT", "--threshold", "1", "--out", "pruned.nlm"], "not an n-gram store"),
    ],
)
def test_mistakes_get_one_line_and_leave_no_file(built, text, tmp_path, capsys, arguments, reason):
    model = built("model.nlm")
    before = sorted(tmp_path.iterdir())
    given = {"TEXT": text, "MODEL": model}
    placed = [given.get(each, tmp_path / each if each.endswith((".nlm", ".txt")) else each) for each in arguments]
    assert reason in complaint(capsys, *placed)
    assert sorted(tmp_path.iterdir()) == before


def test_adaptation_says_its_weight_its_gain_and_the_words_to_pronounce(built, tmp_path, capsys):
    base = built("base.nlm")
    mine, words = tmp_path / "mine.txt", tmp_path / "new.txt"
    mine.write_text("Smokeypaws saw me!\nI saw smokeypaws.\nYou saw the cat.\n" * 5)
    adapting = ("lm", "adapt", base, "--text", mine, "--out", tmp_path / "mine.nlm")
    assert run(*adapting, "--new_words", words) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("weight of the sentences 0.")
    assert f"1 words are new to {base}" in shown
    assert "held-out words: perplexity " in shown
    assert "mine.nlm: order 3, " in shown
    assert words.read_text() == "smokeypaws\n"
    assert "smokeypaws" in NgramModel(tmp_path / "mine.nlm").vocabulary
    assert run(*adapting) == 0
    assert "the lexicon lacks them: smokeypaws; list them with --new_words" in capsys.readouterr().out
    assert run(*adapting, "--lexicon", words, "--weight", "0.25") == 0
    shown = capsys.readouterr().out
    assert "weight of the sentences 0.250" in shown
    assert "lexicon" not in shown


def test_adaptation_with_a_lexicon_that_is_not_there_writes_nothing(built, text, tmp_path, capsys):
    base = built("base.nlm")
    adapting = ("lm", "adapt", base, "--text", text, "--out", tmp_path / "mine.nlm")
    assert "absent.txt" in complaint(capsys, *adapting, "--lexicon", tmp_path / "absent.txt")
    assert not (tmp_path / "mine.nlm").exists()
