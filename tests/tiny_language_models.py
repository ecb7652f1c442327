"""Causal language models of random weights and a few words, made on the spot, for tests."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("transformers")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    OPTConfig,
    PreTrainedTokenizerFast,
    Qwen3NextConfig,
)

SIZE = {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
TOKENS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
GEMMA = {
    **SIZE, **TOKENS, "intermediate_size": 64, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
    "layer_types": ["sliding_attention", "full_attention"],
}  # fmt: skip

ARCHITECTURES = {
    "llama": LlamaConfig(**SIZE, **TOKENS, intermediate_size=64, num_key_value_heads=2, max_position_embeddings=64),
    "opt": OPTConfig(**SIZE, **TOKENS, ffn_dim=64, word_embed_proj_dim=16, max_position_embeddings=64),
    "gpt2": GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=4, n_positions=64, **TOKENS),
    "a narrow window": Gemma3TextConfig(**GEMMA, sliding_window=4),
    # The sentences alone fit into it, but not after a context.
    "a wider window": Gemma3TextConfig(**GEMMA, sliding_window=20),
    "linear attention": Qwen3NextConfig(
        **SIZE, **TOKENS, intermediate_size=64, num_key_value_heads=2, head_dim=8, num_experts=4, num_experts_per_tok=2,
        moe_intermediate_size=16, shared_expert_intermediate_size=16, linear_num_key_heads=2, linear_num_value_heads=2,
        linear_key_head_dim=8, linear_value_head_dim=8, max_position_embeddings=64,
        layer_types=["linear_attention", "full_attention"],
    ),
}  # fmt: skip

SENTENCES = [
    "i am going to the store", "i am going two the store", "i am going", "i am", "we were here last week",
    "we where here last week", "that is not what i meant to say", "a , b . c ?",
]  # fmt: skip


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Byte pairs of the sentences, with a token to begin and one to pad."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<begin>", "<pad>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<begin>", eos_token="<begin>", pad_token="<pad>"
    )


def tiny_model(architecture: str = "llama", seed: int = 0) -> torch.nn.Module:
    """Two layers of random weights, large enough that words differ in probability."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(ARCHITECTURES[architecture]).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)
    return model
