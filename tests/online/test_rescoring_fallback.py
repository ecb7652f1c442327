from __future__ import annotations

import pytest
import torch

pytest.importorskip("transformers")

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.second_pass import Rescoring, SecondPass
from neurolect.errors import ConfigError
from neurolect.online.rescoring_fallback import rescored
from tiny_language_models import SENTENCES, tiny_model, tiny_tokenizer

LIST = [
    Hypothesis(tuple(text.split()), -30.0 - n, -9.0 - n, -1.0, 0.0, 0.4 * (-30.0 - n) + (-9.0 - n) - 1.0)
    for n, text in enumerate(SENTENCES)
]


@pytest.fixture
def second_pass(tmp_path) -> SecondPass:
    tiny_model().save_pretrained(tmp_path / "llm")
    tiny_tokenizer().save_pretrained(tmp_path / "llm")
    return SecondPass(Rescoring(llm=str(tmp_path / "llm"), alpha=0.55, device="cpu"))


def failing(model: torch.nn.Module, tokens_that_fit: int, error: BaseException) -> None:
    """Have a model fail at more tokens at a time than fit."""
    forward = model.forward

    def limited(tokens, *arguments, **options):
        if tokens.numel() > tokens_that_fit:
            raise error
        return forward(tokens, *arguments, **options)

    model.forward = limited


def test_nothing_is_said_where_nothing_failed(second_pass):
    assert rescored(second_pass, LIST, "hello") == (second_pass(LIST, "hello"), None)


def test_a_list_that_fails_as_a_whole_is_scored_in_parts(second_pass):
    whole = second_pass(LIST)
    # Two of the eight sentences fit; the error is none that the model's own halving knows.
    failing(second_pass._llm.model, 24, RuntimeError("CUDA error: an illegal access\nmore lines"))
    answer, said = rescored(second_pass, LIST)
    assert [each.words for each in answer] == [each.words for each in whole]
    assert [each.llm for each in answer] == pytest.approx([each.llm for each in whole], abs=1e-3)
    assert said == "second pass: CUDA error: an illegal access more lines; scored in 5 parts"


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("DefaultCPUAllocator")]
)
def test_without_memory_the_search_alone_answers_and_it_is_said(second_pass, error):
    failing(second_pass._llm.model, 0, error)
    answer, said = rescored(second_pass, LIST)
    assert answer == LIST
    assert said.startswith("second pass: ")
    assert said.endswith("went on without the large language model")


def test_the_rest_of_the_second_pass_stays_where_the_large_model_fails(second_pass):
    traded = second_pass.under(Rescoring(llm=second_pass.rescoring.llm, device="cpu", augment=20))
    failing(second_pass._llm.model, 0, MemoryError())
    answer, _ = rescored(traded, LIST)
    assert len(answer) > len(LIST)


def test_what_fails_without_a_large_model_leaves_the_list_as_it_is():
    weight = SecondPass(Rescoring(lm=None))
    scored_before = [Hypothesis(("a",), 0.0, 0.0, 0.0, 0.0, 0.0, llm=-1.0)]
    answer, said = rescored(weight.under(Rescoring(augment=5)), scored_before)
    assert answer == scored_before
    assert "has scored this n-best list before" in said
    assert said.endswith("went on without it")


def test_settings_follow_without_loading_again(second_pass):
    other = second_pass.under(Rescoring(llm=second_pass.rescoring.llm, device="cpu", alpha=0.1, length_penalty=2.0))
    assert other._llm.model is second_pass._llm.model
    plain, penalised = second_pass(LIST), other(LIST)
    llm = {each.words: each.llm for each in plain}
    assert all(each.llm < llm[each.words] for each in penalised)
    assert second_pass(LIST) == plain
    assert second_pass.without_llm()(LIST) == LIST
    with pytest.raises(ConfigError, match="llm is not the model in memory"):
        second_pass.under(Rescoring(llm="another"))
