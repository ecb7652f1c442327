"""Adaptation of a large language model to sentences of one kind, by low-rank adapters (Hu et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neurolect.data.files import written_atomically
from neurolect.errors import DataError
from neurolect.language.causal_lm import CausalLM, first_token
from neurolect.language.llm_text import text_for_llm
from neurolect.language.lora_recipe import LoRARecipe

_SCORED_AT_ONCE = 64


def finetune(
    model: Any,
    tokenizer: Any,
    sentences: Sequence[str],
    recipe: LoRARecipe,
    checkpoint: Path,
    on_step: Callable[[int, int, float], None] = lambda step, n_steps, loss: None,
) -> Any:
    """Train adapters on sentences as they are scored, and merge them into the model.

    What a step draws depends on the seed and its number alone, and a run that was stopped goes on from its checkpoint:
    it ends in the same weights as an unbroken one.

    Args:
        model: of `transformers`, on its device; it is changed.
        tokenizer: the model's own.
        sentences: one a string.
        recipe: how to train.
        checkpoint: file for what a stopped run goes on from; it is removed at the end.
        on_step: called after each step with its number, from 1, the number of all, and the loss in nats a token.

    Returns:
        The model with its new weights.

    Raises:
        DataError: there is no sentence, or the checkpoint is of another run or damaged.
    """
    from peft import LoraConfig, get_peft_model

    begin = first_token(tokenizer)
    encoded = tokenizer([text_for_llm(sentence) for sentence in sentences], add_special_tokens=False)["input_ids"]
    texts = [[begin, *tokens] for tokens in encoded if tokens]
    if not texts:
        raise DataError("finetune: there is no sentence to learn from")
    with _own_randomness(recipe.seed):
        adapters = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.scale,
            lora_dropout=recipe.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        adapted = get_peft_model(model, adapters).train()
    trained = {name: parameter for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    optimiser = torch.optim.AdamW(trained.values(), lr=recipe.lr, weight_decay=0.0)
    steps_in_epoch = math.ceil(len(texts) / recipe.batch_size)
    n_steps = recipe.epochs * steps_in_epoch
    run = {"n_texts": len(texts), "n_tokens": sum(map(len, texts)), **asdict(recipe)}
    done = _resume(checkpoint, run, trained, optimiser) if checkpoint.is_file() else 0
    for step in range(done, n_steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * _share_of_rate(step, n_steps)
        epoch, place = divmod(step, steps_in_epoch)
        order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(recipe.seed + epoch)).tolist()
        batch = [texts[number] for number in order[place * recipe.batch_size : (place + 1) * recipe.batch_size]]
        with _own_randomness(recipe.seed + step):
            loss = _loss(adapted, batch, begin)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimiser.step()
        if (step + 1) % recipe.checkpoint_every == 0:
            state = {"run": run, "step": step + 1, "adapters": dict(trained), "optimiser": optimiser.state_dict()}
            with written_atomically(checkpoint) as partial:
                torch.save(state, partial)
        on_step(step + 1, n_steps, loss.item())
    checkpoint.unlink(missing_ok=True)
    return adapted.eval().merge_and_unload()


def word_perplexity(model: CausalLM, sentences: Sequence[str]) -> float:
    """Perplexity of a word, ends of sentences not counted; each sentence stands alone.

    Raises:
        DataError: there is no word.
    """
    n_words = sum(len(sentence.split()) for sentence in sentences)
    if not n_words:
        raise DataError("the held-out text has no words")
    starts = range(0, len(sentences), _SCORED_AT_ONCE)
    total = sum(float(model.score(sentences[start : start + _SCORED_AT_ONCE]).sum()) for start in starts)
    return math.exp(-total / n_words)


def _loss(model: Any, texts: list[list[int]], filler: int) -> Tensor:
    """Mean −log P of the tokens of texts, but for the first."""
    width = max(map(len, texts))
    tokens = torch.tensor([[*text, *[filler] * (width - len(text))] for text in texts], device=model.device)
    labels = torch.tensor([[*text, *[-100] * (width - len(text))] for text in texts], device=model.device)
    loss: Tensor = model(tokens, labels=labels, use_cache=False).loss
    return loss


def _share_of_rate(step: int, n_steps: int) -> float:
    warmup = max(1, n_steps // 20)
    return min((step + 1) / warmup, (n_steps - step) / max(1, n_steps - warmup))


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _resume(path: Path, run: dict[str, Any], trained: dict[str, Tensor], optimiser: torch.optim.Optimizer) -> int:
    """Put back what a checkpoint holds; returns how many steps were done."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found, step = state["run"], int(state["step"])
    except Exception:  # what torch raises depends on the kind of damage
        raise DataError(f"{path}: not a checkpoint; remove it to begin anew") from None
    if found != run:
        other = next((name for name in run if found.get(name) != run[name]), "run")
        raise DataError(f"{path}: is of a run with another {other}; remove it, or finish that run")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(state["adapters"][name])
    optimiser.load_state_dict(state["optimiser"])
    return step
