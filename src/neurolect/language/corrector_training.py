"""N-best lists with what was said, as texts from which a corrector learns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from operator import eq
from typing import Any

from neurolect.errors import DataError
from neurolect.language.adapter_training import TrainingText
from neurolect.language.causal_lm import first_token
from neurolect.language.correction_format import CorrectionFormat
from neurolect.language.llm_text import text_for_llm


def correction_texts(
    tokenizer: Any, lists: Sequence[Sequence[str]], spoken: Sequence[str], shown: CorrectionFormat
) -> list[TrainingText]:
    """The candidates of each list, given, and the spoken sentence as the answer, learnt up to its end.

    Lists of which nothing was said, or without a word in any candidate, are left out.

    Args:
        tokenizer: of the model that is to learn.
        lists: candidates of every utterance, best first.
        spoken: what was said in each, as the decoder writes sentences.
        shown: how the lists are shown.

    Raises:
        DataError: no list is left.
    """
    begin = first_token(tokenizer)
    texts = []
    for candidates, sentence in zip(lists, spoken, strict=True):
        if not sentence or not any(candidates):
            continue
        prompt = shown.prompt(candidates)
        whole = text_for_llm(shown.answer(sentence), prompt)
        given, tokens = tokenizer([text_for_llm("", prompt), whole], add_special_tokens=False)["input_ids"]
        n_given = 1 + len(list(takewhile(bool, map(eq, given, tokens))))
        texts.append(TrainingText([begin, *tokens, tokenizer.eos_token_id], n_given))
    if not texts:
        raise DataError("corrector: there is no list with words of which something was said")
    return texts
