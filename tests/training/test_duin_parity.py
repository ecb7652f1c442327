"""The Du-IN models against numbers that the reference's own code gave for the same weights and inputs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from neurolect.models.duin.classifier import DuINClassifier
from neurolect.models.duin.mae import DuINMAE, random_mask
from neurolect.models.duin.phoneme_tagger import DuINPhonemeTagger
from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.duin.vqvae import DuINVQVAE
from neurolect.models.layers.quantisers.kmeans import spherical_kmeans
from neurolect.training.duin_losses import (
    contrastive_loss,
    masked_code_loss,
    reconstruction_loss,
    reference_word_loss,
    tagging_loss,
)
from neurolect.training.duin_names import from_reference, reference_names, to_reference

GOLDEN = Path(__file__).parents[1] / "golden" / "duin"
ARRAYS = Path(__file__).parents[3] / "shared" / "golden" / "duin" / "golden.npz"
NO_DROPOUT = EncoderSettings(attention_dropout=0.0, dropout=0.0)
QUANTISER = (3, 160 * 160 + 64 * 160 + 160 * 64), (5, 160 + 64 + 64 + 64 + 160)
CONTRASTIVE = (2, 2 * 32 * 160), (2, 2 * 32)
UNUSED = {
    "cls": tuple(tuple(map(sum, zip(*parts, strict=True))) for parts in zip(QUANTISER, CONTRASTIVE, strict=True)),
    "llm": QUANTISER,
}
"""Tensors and elements, decayed and not, that the reference's optimiser has and its prediction does not use."""

NO_GRADIENT = (".0.1.bias", "norm_k.bias")
"""Biases before a batch normalisation, and of all keys alike, change nothing: Adam blows up their round-off."""

NUMBERS = json.loads((GOLDEN / "golden.json").read_text())
INITIAL = json.loads((GOLDEN / "init_seed42.json").read_text())
MODELS = {
    "vqvae": lambda encoder: DuINVQVAE(10, 1, 4000, encoder),
    "mae": lambda encoder: DuINMAE(10, 1, 4000, encoder=encoder),
    "cls": lambda encoder: DuINClassifier(10, 1, 3000, encoder=encoder),
    "llm": lambda encoder: DuINPhonemeTagger(10, 1, 3000, encoder=encoder),
}
SIGNALS = torch.from_numpy(np.random.RandomState(7).standard_normal((4, 4000, 10)).astype(np.float32))
SUBJECTS = torch.zeros(4, dtype=torch.int64)
CHANNELS = torch.ones(4, 10, dtype=torch.bool)
CHANNELS[0, 8:] = False
WORDS = torch.tensor([0, 7, 7, 60])
CODES = torch.from_numpy(np.random.RandomState(8).randint(0, 2048, (4, 40)))
FINALS = torch.from_numpy(np.random.RandomState(9 + 36).randint(0, 36, (4, 30)))
SPEECH = torch.from_numpy(np.random.RandomState(10).rand(4, 30) < 0.7)

each_model = pytest.mark.parametrize("name", MODELS)


@cache
def after_step(name: str) -> dict[str, list[float]]:
    return json.loads((GOLDEN / f"{name}_after1step_keysums.json").read_text())


def filled_value(name: str, index: int, shape: torch.Size) -> torch.Tensor:
    """What the golden numbers' recipe puts in the entry at this place of all names in order."""
    if name.endswith(("num_batches_tracked", ".counts", ".initted")):
        return torch.full(shape, 1.0 if name.endswith(".initted") else 0.0)
    low, high = filled_range(name, len(shape))
    value = np.random.RandomState(1000 + index).uniform(low, high, size=shape).astype(np.float32)
    if name.endswith("codex.embeddings"):
        value /= np.linalg.norm(value, axis=1, keepdims=True)
    return torch.from_numpy(value)


def filled_range(name: str, n_dimensions: int) -> tuple[float, float]:
    if name.endswith("running_var"):
        return 0.5, 1.5
    if name.endswith("codex.embeddings"):
        return -1.0, 1.0
    if n_dimensions == 1 and name.endswith(".weight"):
        return 0.8, 1.2
    if "conv_blocks" in name:
        return -0.2, 0.2
    if "rgs_head" not in name and ("subj_layer.W" in name or "pre_proj" in name):
        return -0.5, 0.5
    return -0.05, 0.05


def build(name: str) -> nn.Module:
    """A model with the values that the golden numbers were made with."""
    model = MODELS[name](NO_DROPOUT)
    index = {key: place for place, key in enumerate(sorted(after_step(name)))}
    shapes = {key: tensor.shape for key, tensor in to_reference(model).items()}
    weights = {key: filled_value(key, index[key], shape) for key, shape in shapes.items()}
    model.load_state_dict(from_reference(model, weights))
    return model


def losses_and_output(name: str, model: nn.Module) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    torch.manual_seed(0)
    if name == "vqvae":
        signals, _, commitment = model(SIGNALS, SUBJECTS)
        reconstruction = reconstruction_loss(signals, SIGNALS, CHANNELS)
        return {"total": reconstruction + commitment, "vq": commitment, "rgs": reconstruction}, signals
    if name == "mae":
        logits = model(SIGNALS, SUBJECTS, random_mask(4, 40))
        return {"total": masked_code_loss(logits, CODES)}, logits
    if name == "cls":
        logits = model(SIGNALS[:, :3000], SUBJECTS)
        return {"total": reference_word_loss(logits, WORDS)}, logits.sigmoid()
    initials, finals = model(SIGNALS[:, :3000], SUBJECTS)
    return {"total": tagging_loss(finals, FINALS, SPEECH)}, initials


@each_model
@torch.no_grad()
def test_evaluation_gives_the_losses_and_outputs_of_the_reference(name):
    model = build(name).eval()
    losses, output = losses_and_output(name, model)
    golden = NUMBERS[name]
    for part, loss in losses.items():
        assert loss.item() == pytest.approx(golden["eval_loss"][part], rel=1e-6)
    assert output.double().norm().item() == pytest.approx(golden["eval_out"]["l2"], rel=2e-6)
    assert output.flatten()[:5].tolist() == pytest.approx(golden["eval_out"]["first5"], abs=5e-6)
    signals = SIGNALS[:, :3000] if name in ("cls", "llm") else SIGNALS
    mixed = model.encoder.subject_layer(signals, SUBJECTS)
    assert mixed.double().norm().item() == pytest.approx(golden["eval_subj"]["l2"], rel=1e-6)
    tokens = model.encoder.tokenize(signals, SUBJECTS)
    assert tokens.double().norm().item() == pytest.approx(golden["eval_tok"]["l2"], rel=2e-6)
    embeddings = model.encoder.contextualise(tokens)
    assert embeddings.double().norm().item() == pytest.approx(golden["eval_encoder_nomask"]["l2"], rel=2e-6)


@torch.no_grad()
def test_finals_are_those_of_the_reference():
    _, finals = build("llm").eval()(SIGNALS[:, :3000], SUBJECTS)
    assert finals.double().norm().item() == pytest.approx(NUMBERS["llm"]["eval_out_finals"]["l2"], rel=2e-6)


@pytest.mark.skipif(not ARRAYS.exists(), reason="needs the golden arrays in ../shared")
@torch.no_grad()
def test_every_output_is_that_of_the_reference():
    arrays = np.load(ARRAYS)
    for name, kept in (("vqvae", 1), ("mae", 1), ("cls", 4), ("llm", 1)):
        _, output = losses_and_output(name, build(name).eval())
        assert np.abs(output[:kept].numpy() - arrays[f"{name}_eval_out"]).max() < 1e-5
    assert np.array_equal(build("vqvae").eval().codes(SIGNALS, SUBJECTS), arrays["vqvae_codes"])
    torch.manual_seed(0)
    assert np.array_equal(random_mask(4, 40), arrays["mae_mask"])


@torch.no_grad()
def test_codes_and_masks_are_those_of_the_reference():
    codes = build("vqvae").eval().codes(SIGNALS, SUBJECTS)
    golden = NUMBERS["vqvae"]
    assert codes[0].tolist() == golden["codes_row0"]
    assert codes.sum() == golden["codes_sum"]
    assert len(codes.unique()) == golden["n_unique"]
    torch.manual_seed(0)
    masked = random_mask(4, 40)
    assert masked[0].int().tolist() == NUMBERS["mae"]["mask_row0"]
    assert masked.sum(1).tolist() == NUMBERS["mae"]["mask_row_sums"]


@each_model
def test_a_training_step_gives_the_losses_gradients_and_weights_of_the_reference(name):
    model = build(name).train()
    losses, _ = losses_and_output(name, model)
    losses["total"].backward()
    golden = NUMBERS[name]
    for part, loss in losses.items():
        assert loss.item() == pytest.approx(golden["train_loss"][part], rel=1e-6)

    squares: dict[str, float] = {}
    named = dict(model.named_parameters())
    gradients = {key: tensor.grad for key, tensor in named.items() if tensor.grad is not None}
    for ours, theirs in reference_names(model).items():
        if ours in gradients:
            module = theirs.split(".")[0]
            squares[module] = squares.get(module, 0) + gradients[ours].double().square().sum().item()
    for module, square in squares.items():
        assert square**0.5 == pytest.approx(golden["grad_l2_by_module"][module], rel=2e-5), module

    decayed = [tensor for key, tensor in named.items() if tensor.ndim > 1 and not key.endswith(".bias")]
    others = [tensor for key, tensor in named.items() if tensor.ndim <= 1 or key.endswith(".bias")]
    decay = 0.01 if name == "vqvae" else 0.05
    unused_decayed, unused_others = UNUSED.get(name, ((0, 0), (0, 0)))
    assert [*map(sum, zip(sizes(decayed), unused_decayed, strict=True))] == groups(name)[decay]
    assert [*map(sum, zip(sizes(others), unused_others, strict=True))] == groups(name)[0.0]
    torch.optim.AdamW(
        [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}], lr=1e-4, fused=True
    ).step()
    after = to_reference(model)
    compared = {key: value for key, value in after_step(name).items() if key in after and not key.endswith(NO_GRADIENT)}
    assert len(compared) > 150
    for key, (total, length) in compared.items():
        assert after[key].double().norm().item() == pytest.approx(length, rel=5e-6), key
        assert after[key].double().sum().item() == pytest.approx(total, abs=1e-5 * max(1, length)), key


def sizes(tensors: list[torch.Tensor]) -> tuple[int, int]:
    return len(tensors), sum(tensor.numel() for tensor in tensors)


def groups(name: str) -> dict[float, list[int]]:
    return {decay: [tensors, elements] for decay, tensors, elements in NUMBERS[name]["groups"]}


@each_model
def test_a_seed_gives_the_initial_values_of_the_reference_up_to_what_it_builds_and_does_not_use(name):
    torch.manual_seed(42)
    state = to_reference(MODELS[name](EncoderSettings()))
    same_so_far = ("subj_block.", "tokenizer.", "encoder.") if name in UNUSED else ("",)
    compared = {key: value for key, value in INITIAL[name].items() if key in state and key.startswith(same_so_far)}
    assert len(compared) >= 4
    for key, (total, first) in compared.items():
        assert state[key].double().sum().item() == pytest.approx(total, abs=1e-9), key
        assert state[key].flatten()[0].item() == first, key
    if name not in UNUSED:
        assert torch.rand(()).item() == INITIAL[name]["next_rand"]


@pytest.mark.parametrize("training", [False, True])
@torch.no_grad()
def test_the_contrastive_loss_is_that_of_the_reference(training):
    embeddings = build("cls").train(training).encoder(SIGNALS[:, :3000], SUBJECTS)
    places = sorted(after_step("cls"))
    weight, bias = (
        filled_value(key, places.index(key), torch.Size(shape))
        for key, shape in (("contra_block.proj_z.0.weight", (32, 160)), ("contra_block.proj_z.0.bias", (32,)))
    )
    projected = nn.functional.linear(embeddings, weight, bias).flatten(1)
    golden = NUMBERS["cls"]["train_loss" if training else "eval_loss"]["contra"]
    assert contrastive_loss(projected, projected, WORDS).item() == pytest.approx(golden, rel=1e-6)


def test_kmeans_gives_the_clusters_of_the_reference():
    vectors = torch.from_numpy(np.random.RandomState(11).randn(500, 8).astype(np.float32))
    vectors = nn.functional.normalize(vectors, dim=-1)
    torch.manual_seed(0)
    means, members = spherical_kmeans(vectors, 16)
    assert members.tolist() == [25, 36, 26, 34, 26, 30, 31, 30, 28, 30, 28, 33, 41, 34, 34, 34]
    assert means.sum().item() == pytest.approx(0.063650, abs=5e-6)
    torch.manual_seed(0)
    means, members = spherical_kmeans(vectors[:10], 16)
    assert members.tolist() == [1, 1, 1, 2, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0]
    assert means.sum().item() == pytest.approx(-1.443362, abs=5e-6)
