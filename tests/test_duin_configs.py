from __future__ import annotations

from pathlib import Path

import pytest

from neurolect.commands.arguments import read_arguments
from neurolect.commands.main import verb_function
from neurolect.training.epoch_optimisation import learning_rate

CONFIGS = Path(__file__).parents[1] / "configs"
STAGES = {
    # verb, words it needs besides, what the data decide, trainable parameters and rates as the reference has them
    "vqvae": ("pretrain vqvae", {}, {"n_samples": 4000}, 5_801_386, (3.75e-6, 5.0001e-5)),
    "mae": ("pretrain mae", {"teacher": "t"}, {"n_samples": 4000, "n_codes": 2048}, 3_890_304, (7.5e-6, 5.0005e-5)),
    "words": ("train words", {}, {"n_samples": 3000, "n_classes": 61}, 4_182_813, (1e-5, 5.0148e-6)),
}


def read(stage: str, prefix: str = "duin") -> dict:
    verb, others, *_ = STAGES[stage]
    words = {"config": CONFIGS / f"{prefix}_{stage}.yaml", "data.root": "seeg", "out": "run", **others}
    return read_arguments(verb, verb_function(verb), [f"--{name}={value}" for name, value in words.items()])


@pytest.mark.parametrize("stage", STAGES)
def test_a_configuration_is_the_published_recipe(stage):
    _, _, decided, n_parameters, rates = STAGES[stage]
    settings = read(stage)
    model = settings["model"](n_channels=10, n_subjects=1, **decided)
    assert sum(each.numel() for each in model.parameters() if each.requires_grad) == n_parameters
    recipe, epochs = settings["optimiser"], settings["trainer"].epochs
    assert (learning_rate(recipe, 0, epochs), learning_rate(recipe, epochs - 1, epochs)) == pytest.approx(
        rates, rel=1e-4
    )
    assert settings["data"].batch_size == {"vqvae": 32, "mae": 64, "words": 32}[stage]
    assert recipe.weight_decay == {"vqvae": 0.01, "mae": 0.05, "words": 0.05}[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_defaults_of_a_verb_are_those_of_its_configuration(stage):
    verb, others, *_ = STAGES[stage]
    words = {"data.root": "seeg", "out": "run", **others}
    plain = read_arguments(verb, verb_function(verb), [f"--{name}={value}" for name, value in words.items()])
    configured = read(stage)
    for name in ("optimiser", "trainer", "seed"):
        assert plain[name] == configured[name]


def test_many_subjects_have_a_tokenizer_each():
    sizes = {}
    for stage, decided in (("vqvae", {"n_samples": 4000}), ("words", {"n_samples": 3000, "n_classes": 61})):
        model = read(stage, "duin_poms")["model"](n_channels=10, n_subjects=12, **decided)
        sizes[stage] = sum(each.numel() for each in model.parameters())
        assert len(model.encoder.tokenizers.subjects) == 12
    assert sizes["vqvae"] > sizes["words"] > 4_900_000
