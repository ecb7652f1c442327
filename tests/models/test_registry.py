"""Every registered model goes through the same checks."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from neurolect.errors import ConfigError
from neurolect.models.registry import MODELS, build_model, model_class

SMALL = {"GRUDecoder": {"neural_dim": 8, "n_days": 3, "n_classes": 5, "n_units": 8, "n_layers": 2, "patch_size": 4}}
"""Constructor arguments that make each model small."""


def build(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(name, SMALL[name]).eval()


def batch(n_bins: int, n_trials: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    features = torch.randn(n_trials, n_bins, 8, generator=torch.Generator().manual_seed(n_bins))
    return features, torch.arange(n_trials) % 3


@pytest.mark.parametrize("name", MODELS)
class TestEveryModel:
    def test_gives_one_row_of_logits_per_frame_for_odd_lengths_too(self, name):
        model = build(name)
        for n_bins in (1, 3, 4, 5, 17, 50):
            logits = model(*batch(n_bins))
            assert logits.shape == (3, model.patching.n_frames(n_bins), 5)
            assert torch.isfinite(logits).all()

    def test_is_deterministic_in_evaluation_and_by_seed(self, name):
        assert torch.equal(build(name)(*batch(20)), build(name)(*batch(20)))

    def test_is_rebuilt_from_its_arguments_and_weights(self, name, tmp_path):
        model = build(name)
        save_file(model.state_dict(), tmp_path / "weights")
        again = build_model(name, model.arguments).eval()
        again.load_state_dict(load_file(tmp_path / "weights"))
        assert torch.equal(model(*batch(20)), again(*batch(20)))

    def test_gives_each_trial_the_answer_it_gets_alone(self, name):
        model = build(name)
        features, days = batch(30)
        alone = torch.cat([model(features[i : i + 1], days[i : i + 1]) for i in range(3)])
        assert torch.allclose(model(features, days), alone, atol=1e-6)

    def test_passes_gradients_to_every_parameter_in_use(self, name):
        model = build(name)
        model(*batch(30)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_is_compiled_once_per_length(self, name):
        torch._dynamo.reset()
        with torch._dynamo.config.patch(allow_rnn=True):
            model = torch.compile(build(name), backend="aot_eager", dynamic=False, fullgraph=True)
            expected = [model(*batch(n_bins)) for n_bins in (12, 16)]
            with torch.compiler.set_stance("fail_on_recompile"):
                for n_bins, logits in zip((12, 16), expected, strict=True):
                    features, days = batch(n_bins)
                    assert torch.equal(model(features, days), logits)
                    model(features, days.flip(0))
        torch._dynamo.reset()

    def test_is_found_by_the_name_of_its_class(self, name):
        assert model_class(name).__name__ == name


def test_unknown_models_and_arguments_are_refused():
    with pytest.raises(ConfigError, match="no model 'GRU'; known: GRUDecoder"):
        build_model("GRU", {})
    with pytest.raises(ConfigError, match="n_unts"):
        build_model("GRUDecoder", {"n_unts": 3})
