"""Adaptation of a large language model to sentences of one kind, by low-rank adapters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurolect.errors import DataError
from neurolect.language.adapter_training import OnStep, TrainingText, train_adapters
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
    on_step: OnStep = lambda step, n_steps, loss: None,
) -> Any:
    """Train adapters on sentences as they are scored, and merge them into the model; as `train_adapters`.

    Args:
        model: of `transformers`, on its device; it is changed.
        tokenizer: the model's own.
        sentences: one a string.
        recipe: how to train.
        checkpoint: file for what a stopped run goes on from; `save_merged` removes it.
        on_step: called after each step with its number, from 1, the number of all, and the loss in nats a token.

    Returns:
        The model with its new weights.

    Raises:
        DataError: there is no sentence, or the checkpoint is of another run or damaged.
    """
    begin = first_token(tokenizer)
    encoded = tokenizer([text_for_llm(sentence) for sentence in sentences], add_special_tokens=False)["input_ids"]
    texts = [TrainingText([begin, *tokens]) for tokens in encoded if tokens]
    return train_adapters(model, texts, recipe, checkpoint, on_step)


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
