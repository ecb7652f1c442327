from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolect.models.gru import GRUDecoder, GRUStream
from neurolect.models.int8 import quantise_dynamically

GOLDEN = Path(__file__).parents[1] / "golden" / "tiny_gru.npz"


def tiny(seed: int = 10) -> GRUDecoder:
    torch.manual_seed(seed)
    return GRUDecoder(
        neural_dim=6, n_units=8, n_days=3, n_classes=5, rnn_dropout=0.4, input_dropout=0.2, n_layers=2, patch_size=3,
        patch_stride=2,
    ).eval()  # fmt: skip


@pytest.fixture(scope="module")
def full() -> GRUDecoder:
    torch.manual_seed(10)
    return GRUDecoder().eval()


def test_the_tiny_model_equals_the_reference():
    golden = np.load(GOLDEN)
    model = GRUDecoder(6, 8, 3, 5, 0.4, 0.2, 2, 3, 2).eval()
    model.load_state_dict({name[3:]: torch.from_numpy(golden[name]) for name in golden if name.startswith("sd/")})
    with torch.no_grad():
        logits, states = model(torch.from_numpy(golden["x"]), torch.from_numpy(golden["day"]), return_state=True)
    assert np.abs(logits.numpy() - golden["logits"]).max() < 1e-6
    assert np.abs(states.numpy() - golden["state"]).max() < 1e-6


def test_a_seed_gives_the_references_initial_values(full):
    golden = np.load(GOLDEN)
    for name, value in tiny().state_dict().items():
        assert np.abs(value.numpy() - golden[f"sd/{name}"]).max() < 1e-6, name
    assert full.out.bias[:3].tolist() == pytest.approx([-0.0193376, -0.0030825, -0.0209220], abs=1e-6)
    assert full.h0[0, 0, :3].tolist() == pytest.approx([0.0621589, -0.0490790, -0.0279427], abs=1e-6)
    assert full.gru.weight_ih_l0[0, :3].tolist() == pytest.approx([0.0022305, 0.0087827, 0.0217127], abs=1e-6)


def test_the_full_model_has_the_references_size(full):
    assert sum(parameter.numel() for parameter in full.parameters()) == 44_315_177
    day = sum(p.numel() for name, p in full.named_parameters() if "day_" in name)
    assert day == 11_819_520
    names = list(full.state_dict())
    assert len(names) == 113
    assert {"h0", "day_weights.44", "day_biases.0", "gru.weight_ih_l0", "gru.bias_hh_l4", "out.weight"} <= set(names)


@pytest.mark.parametrize(
    ("padding", "n_frames", "first", "total"),
    [
        ("same", 22, [-0.00386, 0.02384, -0.03901, 0.0437, -0.0024], 45.813),
        ("valid", 20, [-0.00686, 0.02181, -0.03486, 0.03992, -0.00224], 41.589),
    ],
)
def test_the_full_model_with_smoothing_equals_the_reference(full, padding, n_frames, first, total):
    from neurolect.data.smoothing import GaussianSmoothing

    features = torch.randn(1, 100, 512, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = full(GaussianSmoothing()(features, padding), torch.tensor([7]))
    assert logits.shape == (1, n_frames, 41)
    assert logits[0, 0, :5].tolist() == pytest.approx(first, abs=1e-5)
    assert logits.abs().sum().item() == pytest.approx(total, abs=1e-3)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 9), max_size=8), st.integers(0, 2))
def test_bins_fed_in_any_chunks_give_the_logits_of_one_pass(chunks, day):
    model = tiny()
    features = torch.randn(sum(chunks), 6, generator=torch.Generator().manual_seed(1))
    stream = GRUStream(model, day)
    pieces = [stream.push(chunk) for chunk in features.split(chunks)] if chunks else [stream.push(features)]
    with torch.no_grad():
        whole = model(features.unsqueeze(0), torch.tensor([day]))[0]
    assert torch.cat(pieces).shape == whole.shape
    assert torch.allclose(torch.cat(pieces), whole, atol=1e-6)


def test_a_reset_stream_starts_a_new_trial():
    stream = GRUStream(tiny(), 1)
    features = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))
    first = stream.push(features)
    stream.reset()
    assert torch.equal(stream.push(features), first)


def test_states_carry_over_between_calls():
    model, day = tiny(), torch.tensor([0])
    features = torch.randn(1, 3 + 2 * 6, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole, final = model(features, day, return_state=True)
        first, states = model(features[:, :9], day, return_state=True)
        second, last = model(features[:, 8:], day, states, return_state=True)
    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-6)
    assert torch.allclose(last, final, atol=1e-6)


def test_trials_shorter_than_a_patch_have_no_frames():
    with torch.no_grad():
        logits, states = tiny()(torch.zeros(2, 2, 6), torch.tensor([0, 1]), return_state=True)
    assert logits.shape == (2, 0, 5)
    assert states.shape == (2, 2, 8)


def test_int8_weights_change_the_logits_little_and_still_stream():
    torch.manual_seed(0)
    model = GRUDecoder(neural_dim=32, n_units=64, n_days=2, n_layers=2).eval()
    quantised = quantise_dynamically(model)
    features = torch.randn(60, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exact = model(features.unsqueeze(0), torch.tensor([1]))[0]
    stream = GRUStream(quantised, 1)
    streamed = torch.cat([stream.push(chunk) for chunk in features.split(4)])
    assert (streamed - exact).abs().max() < 0.02
    assert isinstance(model.gru, torch.nn.GRU)
