from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("peft")

from neurolect.errors import ConfigError
from neurolect.language.adapter_training import TrainingText, save_merged, train_adapters
from neurolect.language.causal_lm import CausalLM
from neurolect.language.lora_recipe import LoRARecipe
from tiny_language_models import tiny_model, tiny_tokenizer

RECIPE = LoRARecipe(rank=4, lr=0.01, epochs=8, batch_size=2, checkpoint_every=2)


class StoppedError(Exception):
    pass


def text(given, learnt):
    encode = tiny_tokenizer().encode
    front = [0, *encode(given, add_special_tokens=False)]
    return TrainingText([*front, *encode(learnt, add_special_tokens=False)], len(front))


def probability(model, given, learnt):
    # The context's first part is the token to begin with; a space joins it to the sentence.
    return float(CausalLM(model, tiny_tokenizer()).score([learnt], given)[0])


def test_what_a_text_ends_in_is_learnt(tmp_path):
    texts = [text("i am", " going"), text("we were here", " going")]
    before, after = tiny_model(), train_adapters(tiny_model(), texts, RECIPE, tmp_path / "checkpoint")
    assert probability(after, "i am", "going") > probability(before, "i am", "going") + 3


def test_the_loss_is_that_of_the_learnt_tokens_alone(tmp_path):
    long, short = text("we were here last week", " i am going"), text("i am", " going")
    losses = []
    train_adapters(
        tiny_model(), [long, short], RECIPE, tmp_path / "checkpoint", lambda step, n_steps, loss: losses.append(loss)
    )
    log_probabilities, n_tokens = 0.0, 0
    for each in (long, short):
        with torch.inference_mode():
            predicted = tiny_model()(torch.tensor([each.tokens])).logits[0].log_softmax(-1)
        for place in range(each.n_given, len(each.tokens)):
            log_probabilities += float(predicted[place - 1, each.tokens[place]])
            n_tokens += 1
    assert losses[0] == pytest.approx(-log_probabilities / n_tokens, rel=1e-4)


def test_training_ends_when_what_is_held_out_gets_worse_and_the_best_is_kept(tmp_path):
    learnt, held_out = [text("i am", " going")], [text("i am", " here")]
    steps = []
    adapted = train_adapters(
        tiny_model(), learnt, LoRARecipe(rank=4, lr=0.02, epochs=40, checkpoint_every=2, patience=2),
        tmp_path / "checkpoint", lambda step, n_steps, loss: steps.append(step), held_out,
    )  # fmt: skip
    assert len(steps) < 40
    overtrained = train_adapters(
        tiny_model(), learnt, LoRARecipe(rank=4, lr=0.02, epochs=40), tmp_path / "other"
    )  # fmt: skip
    assert probability(adapted, "i am", "here") > probability(overtrained, "i am", "here")


def test_a_stopped_run_with_held_out_texts_ends_in_the_weights_of_an_unbroken_one(tmp_path):
    learnt, held_out = [text("i am", " going"), text("we", " were"), text("a", " b")], [text("i am", " here")]

    def stop(step, n_steps, loss):
        if step == 5:
            raise StoppedError

    recipe = LoRARecipe(rank=4, lr=0.02, epochs=10, batch_size=2, checkpoint_every=2, patience=2)
    unbroken = train_adapters(tiny_model(), learnt, recipe, tmp_path / "unbroken", held_out=held_out)
    with pytest.raises(StoppedError):
        train_adapters(tiny_model(), learnt, recipe, tmp_path / "broken", stop, held_out)
    resumed = train_adapters(tiny_model(), learnt, recipe, tmp_path / "broken", held_out=held_out)
    for name, weights in unbroken.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], weights, rtol=0, atol=0)


def test_a_run_that_was_stopped_before_its_model_was_saved_learns_nothing_twice(tmp_path):
    def stop(partial):
        raise StoppedError

    learnt, held_out = [text("i am", " going"), text("we", " were")], [text("i am", " here")]
    run = (learnt, RECIPE, tmp_path / "checkpoint")
    trained = train_adapters(tiny_model(), *run, held_out=held_out)
    with pytest.raises(StoppedError):
        save_merged(trained, tiny_tokenizer(), tmp_path / "model", tmp_path / "checkpoint", stop)
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint"]
    steps = []
    resumed = train_adapters(tiny_model(), *run, lambda step, n_steps, loss: steps.append(step), held_out)
    assert steps == []
    for name, weights in trained.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], weights, rtol=0, atol=0)
    save_merged(resumed, tiny_tokenizer(), tmp_path / "model", tmp_path / "checkpoint")
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_a_run_with_fewer_steps_ends_where_a_longer_one_was(tmp_path):
    texts, losses = [text("i am", " going"), text("we", " were"), text("a", " b")], []

    def stop(step, n_steps, loss):
        losses.append(loss)
        if step == 5:
            raise StoppedError

    longer = LoRARecipe(rank=4, lr=0.02, epochs=10, batch_size=2)
    with pytest.raises(StoppedError):
        train_adapters(tiny_model(), texts, longer, tmp_path / "longer", stop)
    steps = []
    limited = replace(longer, most_steps=5)
    train_adapters(tiny_model(), texts, limited, tmp_path / "limited", lambda *step: steps.append(step))
    assert steps == [(number + 1, 20, loss) for number, loss in enumerate(losses)]


def test_each_measurement_of_what_is_held_out_is_told(tmp_path):
    learnt, held_out, told = [text("i am", " going")], [text("i am", " here")], []
    recipe = LoRARecipe(rank=4, lr=0.001, epochs=40, checkpoint_every=2, most_steps=5)
    adapted = train_adapters(
        tiny_model(), learnt, recipe, tmp_path / "checkpoint", held_out=held_out,
        on_held_out=lambda *measured: told.append(measured),
    )  # fmt: skip
    assert [step for step, _ in told] == [2, 4, 5]
    given = held_out[0].n_given
    with torch.inference_mode():
        predicted = adapted(torch.tensor([held_out[0].tokens])).logits[0].log_softmax(-1)
    expected = -np.mean([predicted[n - 1, held_out[0].tokens[n]] for n in range(given, len(held_out[0].tokens))])
    assert min(loss for _, loss in told) == pytest.approx(expected, rel=1e-3)


def test_mixed_precision_learns_and_leaves_weights_in_their_own(tmp_path):
    recipe = LoRARecipe(rank=4, lr=0.01, epochs=20, mixed_precision=True)
    adapted = train_adapters(tiny_model(), [text("i am", " going")], recipe, tmp_path / "checkpoint")
    assert {each.dtype for each in adapted.parameters()} == {torch.float32}
    assert probability(adapted, "i am", "going") > probability(tiny_model(), "i am", "going") + 3


def test_a_patience_of_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"recipe\.patience is 0"):
        LoRARecipe(patience=0)
    with pytest.raises(ConfigError, match=r"recipe\.most_steps is 0"):
        LoRARecipe(most_steps=0)
