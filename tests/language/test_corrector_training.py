from __future__ import annotations

import pytest
import torch

pytest.importorskip("transformers")

from neurolect.errors import DataError
from neurolect.language.causal_lm import CausalLM
from neurolect.language.correction_format import CorrectionFormat
from neurolect.language.corrector_training import correction_texts
from tiny_language_models import tiny_model, tiny_tokenizer

SHOWN = CorrectionFormat(n_best=2)


def test_the_candidates_are_given_and_the_answer_with_its_end_is_learnt():
    tokenizer = tiny_tokenizer()
    (text,) = correction_texts(tokenizer, [["i am", "i was", "we were"]], ["i am here"], SHOWN)
    assert tokenizer.decode(text.tokens[: text.n_given]) == "<begin>- i am\n- i was\nSaid:"
    assert tokenizer.decode(text.tokens[text.n_given :]) == " i am here.<begin>"


def test_what_is_learnt_is_what_is_scored():
    tokenizer, model = tiny_tokenizer(), tiny_model()
    candidates = ["i am here", "we were here"]
    scores = CausalLM(model, tokenizer).score([SHOWN.answer(each) for each in candidates], SHOWN.prompt(candidates))
    for text, score in zip(correction_texts(tokenizer, [candidates] * 2, candidates, SHOWN), scores, strict=True):
        with torch.inference_mode():
            predicted = model(torch.tensor([text.tokens])).logits[0].log_softmax(-1)
        # The token after the answer is learnt, but not scored.
        learnt = range(text.n_given, len(text.tokens) - 1)
        assert score == pytest.approx(sum(float(predicted[n - 1, text.tokens[n]]) for n in learnt), rel=1e-4)


def test_lists_with_nothing_to_learn_are_left_out():
    lists = [["i am"], [""], ["we"]]
    assert len(correction_texts(tiny_tokenizer(), lists, ["", "i am", "we"], SHOWN)) == 1
    with pytest.raises(DataError, match="no list with words"):
        correction_texts(tiny_tokenizer(), lists[:2], ["", "i am"], SHOWN)
