from __future__ import annotations

import pytest
import torch

pytest.importorskip("peft")

from transformers import PreTrainedModel

from neurolect.commands.main import main
from neurolect.errors import ConfigError, DataError
from neurolect.language.causal_lm import CausalLM
from neurolect.language.causal_lm_loading import load_causal_lm
from neurolect.language.finetuning import finetune, word_perplexity
from neurolect.language.lora_recipe import LoRARecipe
from neurolect.language.transcripts import read_transcripts
from tiny_language_models import SENTENCES, tiny_model, tiny_tokenizer

RECIPE = LoRARecipe(rank=4, lr=0.01, epochs=6, batch_size=3, checkpoint_every=2)


class StoppedError(Exception):
    pass


def test_what_was_learnt_is_less_surprising(tmp_path):
    tokenizer = tiny_tokenizer()
    before = word_perplexity(CausalLM(tiny_model(), tokenizer), SENTENCES)
    adapted = finetune(tiny_model(), tokenizer, SENTENCES, RECIPE, tmp_path / "checkpoint")
    assert word_perplexity(CausalLM(adapted, tokenizer), SENTENCES) < before / 10


@pytest.mark.parametrize("last", [3, 4])
def test_a_stopped_run_ends_in_the_weights_of_an_unbroken_one(last, tmp_path):
    def stop(step, n_steps, loss):
        if step == last:
            raise StoppedError

    tokenizer = tiny_tokenizer()
    unbroken = finetune(tiny_model(), tokenizer, SENTENCES, RECIPE, tmp_path / "unbroken")
    with pytest.raises(StoppedError):
        finetune(tiny_model(), tokenizer, SENTENCES, RECIPE, tmp_path / "broken", stop)
    torch.manual_seed(9)  # nothing depends on what the process drew before
    steps = []
    resumed = finetune(
        tiny_model(), tokenizer, SENTENCES, RECIPE, tmp_path / "broken", lambda step, *_: steps.append(step)
    )
    assert steps[0] == last // 2 * 2 + 1
    for name, weights in unbroken.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], weights, rtol=0, atol=0)


def test_another_runs_checkpoint_and_a_damaged_one_are_refused(tmp_path):
    def stop(step, n_steps, loss):
        if step == 2:
            raise StoppedError

    tokenizer, checkpoint = tiny_tokenizer(), tmp_path / "checkpoint"
    with pytest.raises(StoppedError):
        finetune(tiny_model(), tokenizer, SENTENCES, RECIPE, checkpoint, stop)
    with pytest.raises(DataError, match="is of a run with another lr"):
        finetune(tiny_model(), tokenizer, SENTENCES, LoRARecipe(rank=4, epochs=6, batch_size=3), checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    with pytest.raises(DataError, match="not a checkpoint"):
        finetune(tiny_model(), tokenizer, SENTENCES, RECIPE, checkpoint)


def test_nothing_to_learn_from_is_refused(tmp_path):
    with pytest.raises(DataError, match="no sentence to learn from"):
        finetune(tiny_model(), tiny_tokenizer(), [""], RECIPE, tmp_path / "checkpoint")
    with pytest.raises(ConfigError, match=r"recipe\.rank is 0"):
        LoRARecipe(rank=0)
    with pytest.raises(ConfigError, match="lr and scale must be above 0"):
        LoRARecipe(lr=0)


def test_the_last_sentences_are_held_out_unless_others_are_given(tmp_path):
    (tmp_path / "text.txt").write_text("".join(f"Sentence, {'x' * n}!\n" for n in range(1, 41)))
    learnt, measured = read_transcripts(tmp_path / "text.txt")
    assert (len(learnt), measured) == (38, ["sentence " + "x" * 39, "sentence " + "x" * 40])
    (tmp_path / "other.txt").write_text("One more.\n")
    learnt, measured = read_transcripts(tmp_path / "text.txt", tmp_path / "other.txt", as_written=True)
    assert (len(learnt), learnt[0], measured) == (40, "Sentence, x!", ["One more."])
    with pytest.raises(DataError, match="has 1 sentences, too few to hold one out"):
        read_transcripts(tmp_path / "other.txt")


def test_the_verb_writes_a_model_that_scores(tmp_path, capsys):
    tiny_model().save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    (tmp_path / "text.txt").write_text("".join(f"{sentence.capitalize()}!\n" for sentence in SENTENCES[:-1] * 6))
    arguments = ["lm", "finetune", str(tmp_path / "text.txt"), "--out", str(tmp_path / "adapted")]
    arguments += ["--llm", str(tmp_path / "model"), "--recipe.lr", "0.01", "--device", "cpu"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    before, after = (float(each) for each in shown.splitlines()[1].split(": ")[1].replace(",", "").split()[::2])
    assert after < before
    adapted = load_causal_lm(str(tmp_path / "adapted"), device="cpu")
    assert adapted.score(["we were here last week"]) > CausalLM(tiny_model(), tiny_tokenizer()).score(
        ["we were here last week"]
    )
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_verb_keeps_what_was_learnt_until_the_model_is_written(tmp_path, monkeypatch, capsys):
    tiny_model().save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    (tmp_path / "text.txt").write_text("".join(f"{sentence}\n" for sentence in SENTENCES * 3))
    arguments = ["lm", "finetune", str(tmp_path / "text.txt"), "--out", str(tmp_path / "adapted")]
    arguments += ["--llm", str(tmp_path / "model"), "--device", "cpu"]

    def fail(self, folder, **settings):
        raise OSError(28, "No space left on device", str(folder))

    with monkeypatch.context() as full:
        full.setattr(PreTrainedModel, "save_pretrained", fail)
        assert main(arguments) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not (tmp_path / "adapted").exists()
    assert (tmp_path / "adapted.checkpoint").exists()
    assert main(arguments) == 0
    assert (tmp_path / "adapted").is_dir()
    assert not (tmp_path / "adapted.checkpoint").exists()
