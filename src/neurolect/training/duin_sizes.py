"""Which Du-IN model a checkpoint of the reference holds, told from its names and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

_PATCH_SIZE = 100
_BLOCK = "encoder.1.xfmr_blocks.0."


def described_model(weights: Mapping[str, Tensor], n_samples: object = None) -> tuple[str, dict[str, Any]]:
    """Name and constructor's arguments of the model that has these entries.

    Args:
        weights: the reference's entries, without prefixes.
        n_samples: length of a segment, where it is known; otherwise patches are taken to be the published ones.

    Raises:
        KeyError: an entry is missing.
        ValueError: an entry's shape makes no sense.
    """
    n_tokens = len(weights["emb_time.time_encodings"])
    patch_size = _PATCH_SIZE
    if isinstance(n_samples, int) and n_samples > 0 and n_samples % n_tokens == 0:
        patch_size = n_samples // n_tokens
    n_channels, n_subjects = _channels_and_subjects(weights)
    sizes = {
        "n_channels": n_channels,
        "n_subjects": n_subjects,
        "n_samples": n_tokens * patch_size,
        "encoder": {"patch_size": patch_size, **_encoder(weights)},
    }
    if any(name.startswith("decoder.") for name in weights):
        return "DuINVQVAE", {**sizes, "quantiser": _quantiser(weights), "decoder": _decoder(weights)}
    if "mask_emb" in weights:
        return "DuINMAE", {**sizes, "n_codes": len(weights["cls_block.cls_head.0.0.weight"])}
    if any(name.startswith("cls_blocks.") for name in weights):
        initials, finals = (len(weights[f"cls_blocks.{head}.cls_head.1.0.weight"]) for head in (0, 1))
        hidden = len(weights["cls_blocks.0.cls_head.0.0.weight"])
        return "DuINPhonemeTagger", {**sizes, "n_initials": initials, "n_finals": finals, "hidden_width": hidden}
    hidden = len(weights["cls_block.cls_head.1.0.weight"])
    return "DuINClassifier", {
        **sizes, "n_classes": len(weights["cls_block.cls_head.2.0.weight"]), "hidden_width": hidden
    }  # fmt: skip


def _has_subject_tokenizers(weights: Mapping[str, Tensor]) -> bool:
    return any(name.startswith("tokenizers.") for name in weights)


def _channels_and_subjects(weights: Mapping[str, Tensor]) -> tuple[int, int]:
    if _has_subject_tokenizers(weights):
        first = _series(weights, r"tokenizers\.(\d+)\.conv_blocks\.0\.0\.1\.weight")
        return first[0].shape[1], len(first)
    rows, n_subjects = weights["subj_block.subj_layer.W.weight"].shape
    return rows // len(weights["subj_block.subj_layer.B.weight"]), n_subjects


def _encoder(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    per_subject = _has_subject_tokenizers(weights)
    convolutions = _series(
        weights, rf"{'tokenizers.0' if per_subject else 'tokenizer'}\.conv_blocks\.(\d+)\.0\.1\.weight"
    )
    head_width = len(weights[f"{_BLOCK}mha.norm_q.weight"])
    expanded, width = weights[f"{_BLOCK}ffn.fc1.0.weight"].shape
    mixed = {} if per_subject else {"subject_width": convolutions[0].shape[1]}
    return {
        **mixed,
        "filters": [len(weight) for weight in convolutions],
        "kernels": [weight.shape[2] for weight in convolutions],
        "n_blocks": len(_series(weights, r"encoder\.1\.xfmr_blocks\.(\d+)\.norm_ffn\.weight")),
        "n_heads": len(weights[f"{_BLOCK}mha.W_q.W.weight"]) // head_width,
        "head_width": head_width,
        "hidden_factor": expanded // width,
        "subject_tokenizers": per_subject,
    }


def _quantiser(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    n_codes, code_width = weights["vq_block.codex.embeddings"].shape
    return {"n_codes": n_codes, "code_width": code_width, "revive_after": 0}


def _decoder(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    head = r"rgs_blocks\.0" if _has_subject_tokenizers(weights) else "rgs_block"
    convolutions = _series(weights, rf"{head}\.rgs_head\.(\d+)\.0\.1\.weight")
    return {
        "n_blocks": len(_series(weights, r"decoder\.1\.xfmr_blocks\.(\d+)\.norm_ffn\.weight")),
        "filters": [weight.shape[1] for weight in convolutions],
        "kernels": [weight.shape[2] for weight in convolutions],
    }


def _series(weights: Mapping[str, Tensor], pattern: str) -> list[Tensor]:
    """Entries whose names fit a pattern, in the order of the number in it."""
    found = [(int(match[1]), name) for name in weights if (match := re.fullmatch(pattern, name))]
    return [weights[name] for _, name in sorted(found)]
