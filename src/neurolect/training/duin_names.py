"""Names and shapes of the Du-IN reference's parameters for ours, in both directions."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

_PLACES = [
    (r"encoder\.subject_layer\.", r"subj_block.subj_layer."),
    (r"subject_layer\.", r"desubj_block.subj_layer."),
    (r"encoder\.tokenizer\.", r"tokenizer."),
    (r"encoder\.tokenizers\.subjects\.", r"tokenizers."),
    (r"encoder\.transformer\.blocks\.", r"encoder.1.xfmr_blocks."),
    (r"decoder\.blocks\.", r"decoder.1.xfmr_blocks."),
    (r"quantiser\.", r"vq_block."),
    (r"regression\.", r"rgs_block.rgs_head."),
    (r"subject_heads\.subjects\.(\d+)\.", r"rgs_blocks.\1.rgs_head."),
    (r"mask_token", r"mask_emb"),
    (r"head\.", r"cls_block.cls_head.0.0."),
    (r"hidden\.", r"cls_block.cls_head.1.0."),
    (r"out\.", r"cls_block.cls_head.2.0."),
    (r"initials\.(\d)\.", r"cls_blocks.0.\1."),
    (r"finals\.(\d)\.", r"cls_blocks.1.\1."),
]
"""How a name begins with us and with them; the first that fits."""

_PARTS = [
    (r"(subj_layer\.)weight", r"\1W.weight"),
    (r"(subj_layer\.)offset", r"\1B.weight"),
    (r"(tokenizers?\..*)convolutions\.(\d+)", r"\1conv_blocks.\2.0.1"),
    (r"(tokenizers?\..*)norms\.(\d+)", r"\1conv_blocks.\2.1.1"),
    (r"attention\.([qkv])(?:uery|ey|alue)\.", r"mha.W_\1.W."),
    (r"attention\.([qk])(?:uery|ey)_norm", r"mha.norm_\1"),
    (r"attention\.out", r"mha.proj.0"),
    (r"attention_norm", r"norm_mha"),
    (r"expand", r"ffn.fc1.0"),
    (r"contract", r"ffn.fc2.0"),
    (r"feed_forward_norm", r"norm_ffn"),
    (r"(vq_block\.)into", r"\1pre_proj"),
    (r"(vq_block\.)codebook", r"\1codex.embeddings"),
    (r"(vq_block\.)initialised", r"\1codex.initted"),
    (r"(vq_block\.)norm", r"\1layernorm"),
    (r"(vq_block\.)out", r"\1post_proj.0"),
    (r"(cls_blocks\.\d)\.0", r"\1.cls_head.0.0"),
    (r"(cls_blocks\.\d)\.2", r"\1.cls_head.1.0"),
]
"""What is called differently further on in a name."""

_OURS_ALONE = "quantiser.batches_unused"


def reference_names(model: nn.Module) -> dict[str, str]:
    """Our name of each entry of a Du-IN model's state → the reference's; without those that only we have."""
    ours = [name for name in model.state_dict() if name != _OURS_ALONE]
    n_convolutions = 1 + max((int(found[1]) for name in ours if (found := _REGRESSION.match(name))), default=0)
    return {name: _reference_name(name, n_convolutions) for name in ours}


def to_reference(model: nn.Module) -> dict[str, Tensor]:
    """A Du-IN model's state as the reference names and shapes it, without what only the reference has."""
    state = model.state_dict()
    return {theirs: _their_form(name, state[name]) for name, theirs in reference_names(model).items()}


def from_reference(model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The reference's entries as this model's state; entries it has no use for are left out.

    Args:
        model: decides names and shapes.
        weights: the reference's, without prefixes; names that are missing are missing in the answer too.
    """
    state = model.state_dict()
    found = {name: weights[theirs] for name, theirs in reference_names(model).items() if theirs in weights}
    converted = {name: _our_form(name, tensor, state[name]) for name, tensor in found.items()}
    if _OURS_ALONE in state:
        converted[_OURS_ALONE] = torch.zeros_like(state[_OURS_ALONE])
    return converted


_REGRESSION = re.compile(r"(?:regression|subject_heads\.subjects\.\d+)\.convolutions\.(\d+)\.")


def _reference_name(name: str, n_convolutions: int) -> str:
    place = next(pair for pair in _PLACES if re.match(pair[0], name))
    name = re.sub(f"^{place[0]}", place[1], name)
    for ours, theirs in _PARTS:
        name = re.sub(ours, theirs, name)
    # The heads per subject begin with a step that has no weights.
    first = 1 if name.startswith("rgs_blocks.") else 0
    name = re.sub(r"^(rgs_.*)convolutions\.(\d+)", lambda found: f"{found[1]}{int(found[2]) + first}.0.1", name)
    return re.sub(r"^(rgs_.*)out", rf"\g<1>{n_convolutions + first}.0", name)


def _their_form(name: str, tensor: Tensor) -> Tensor:
    if name.endswith("subject_layer.weight"):
        return tensor.flatten(1).T
    if name.endswith("subject_layer.offset"):
        return tensor.T
    if name.endswith(".initialised"):
        return tensor.float().reshape(1)
    return tensor


def _our_form(name: str, tensor: Tensor, like: Tensor) -> Tensor:
    if name.endswith("subject_layer.weight") and tensor.ndim == 2:
        return tensor.T.reshape(tensor.shape[1], -1, like.shape[2])
    if name.endswith("subject_layer.offset"):
        return tensor.transpose(0, 1)
    if name.endswith(".initialised"):
        return tensor.bool().reshape(())
    return tensor
