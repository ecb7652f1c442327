"""The quantisers: against vector-quantize-pytorch where theory says the same, and by what they promise."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from vector_quantize_pytorch import VectorQuantize

from neurolect.models.duin.quantiser import build_quantiser
from neurolect.models.duin.settings import QuantiserSettings
from neurolect.models.layers.quantisers.cosine import CosineQuantiser
from neurolect.models.layers.quantisers.jukebox import JukeboxQuantiser
from neurolect.models.layers.quantisers.kmeans import spherical_kmeans
from neurolect.models.layers.quantisers.quantiser import Quantiser, codes_used, count_codes, perplexity

KINDS = ["cosine", "gumbel", "plain", "jukebox"]
each_kind = pytest.mark.parametrize("kind", KINDS)


def build(kind: str, **changes) -> Quantiser:
    torch.manual_seed(1)
    return build_quantiser(8, QuantiserSettings(kind=kind, n_codes=16, code_width=4, **changes))


def tokens(batch: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 6, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", [CosineQuantiser, JukeboxQuantiser])
def test_codes_codebook_and_gradient_are_those_of_vector_quantize_pytorch(kind):
    torch.manual_seed(0)
    peer = VectorQuantize(
        dim=6, codebook_size=12, decay=0.9, use_cosine_sim=True, rotation_trick=False, threshold_ema_dead_code=0
    )
    ours = kind(6, 12, 6, decay=0.9, revive_after=0)
    ours.into, ours.norm, ours.out = nn.Sequential(), nn.Identity(), nn.Identity()
    begin = peer._codebook.embed[0].clone()
    changes = {"codebook": begin, "initialised": torch.tensor(True), "sums": begin}
    ours.load_state_dict({name: changes.get(name, value) for name, value in ours.state_dict().items()})
    vectors = F.normalize(torch.randn(4, 5, 6), dim=-1).requires_grad_()
    theirs = vectors.detach().clone().requires_grad_()
    direction = torch.randn(4, 5, 6)

    expected, expected_codes, expected_loss = peer.train()(theirs)
    found = ours.train()(vectors)
    assert torch.equal(found.codes, expected_codes)
    assert torch.allclose(found.values, expected, atol=1e-6)
    assert found.loss.item() == pytest.approx(expected_loss.item(), rel=1e-5)
    # Theirs weighs a batch by how many members a code has in it, as Jukebox does; the cosine quantiser does not.
    comparable = count_codes(found.codes, 12) <= (1 if kind is CosineQuantiser else 20)
    assert comparable.sum() > 2
    assert torch.allclose(ours.codebook[comparable], peer._codebook.embed[0][comparable], atol=1e-5)
    assert not torch.allclose(ours.codebook, begin, atol=1e-3)

    (found.values * direction).sum().backward()
    (expected * direction).sum().backward()
    assert vectors.grad.abs().sum() > 0
    tangential = theirs.grad - (theirs.grad * theirs).sum(-1, keepdim=True) * theirs
    assert torch.allclose(vectors.grad, tangential.detach(), atol=1e-6)


@each_kind
def test_a_value_is_made_from_its_code_alone(kind):
    quantiser = build(kind, kmeans=False).eval()
    values, codes, _ = quantiser(tokens(50))
    assert len(codes.unique()) > 1
    for code in codes.unique():
        alike = values[codes == code]
        assert torch.allclose(alike, alike[0].expand_as(alike), atol=1e-5)


@each_kind
def test_nothing_changes_in_evaluation_and_codes_are_those_of_the_forward_pass(kind):
    quantiser = build(kind)
    quantiser.train()(tokens())
    quantiser.eval()
    before = copy.deepcopy(quantiser.state_dict())
    codes = quantiser(tokens(seed=1)).codes
    assert torch.equal(quantiser.codes(tokens(seed=1)), codes)
    torch.manual_seed(5)
    assert torch.equal(quantiser(tokens(seed=1)).codes, codes)
    for name, value in quantiser.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_an_untrained_codebook_is_not_begun_in_evaluation():
    quantiser = build("cosine").eval()
    before = quantiser.codebook.clone()
    quantiser(tokens())
    assert torch.equal(quantiser.codebook, before)
    assert not quantiser.initialised


@each_kind
def test_training_goes_on_from_a_saved_state_as_if_it_had_not_stopped(kind):
    unbroken, resumed = build(kind, revive_after=2), build(kind, revive_after=2)
    unbroken.train()(tokens())
    resumed.load_state_dict(unbroken.state_dict())
    for quantiser in (unbroken, resumed):
        torch.manual_seed(3)
        for seed in range(4):
            quantiser.train()(tokens(seed=seed))
    for name, value in unbroken.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@each_kind
def test_gradients_pass_to_the_vectors_and_to_every_parameter(kind):
    quantiser = build(kind).train()
    vectors = tokens(40).requires_grad_()
    values, _, loss = quantiser(vectors)
    (values.square().sum() + loss).backward()
    assert vectors.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in quantiser.parameters())


@each_kind
def test_counts_are_a_moving_average_of_the_codes_of_training_batches(kind):
    quantiser = build(kind, decay=0.5).train()
    counts = sum(count_codes(quantiser(tokens(seed=seed)).codes, 16) * 0.5 ** (3 - seed) for seed in range(3))
    assert torch.allclose(quantiser.counts, counts)
    quantiser.reset_counts()
    assert codes_used(quantiser.counts) == 0
    assert perplexity(quantiser.counts) == 1


@pytest.mark.parametrize("kind", ["cosine", "jukebox"])
def test_unused_codes_come_back_only_where_they_may(kind):
    def codes_in_use(revive_after: int) -> int:
        quantiser = build(kind, revive_after=revive_after)
        quantiser.load_state_dict(quantiser.state_dict() | {"initialised": torch.tensor(True)})
        narrow = 0.3 * tokens(20) + torch.ones(8)
        for _ in range(30):
            quantiser.train()(narrow)
        return len(quantiser.codes(narrow).unique())

    assert codes_in_use(0) <= 4
    assert codes_in_use(3) >= 12


@pytest.mark.parametrize("kind", ["cosine", "jukebox"])
def test_a_codebook_stays_on_the_unit_sphere_and_ends_near_its_clusters(kind):
    directions = torch.cat([torch.eye(4), -torch.eye(4)])
    quantiser = build(kind, revive_after=5, decay=0.9)
    quantiser.into = nn.Sequential()
    generator = torch.Generator().manual_seed(3)
    for _ in range(60):
        quantiser.train()(directions.repeat(25, 1) + 0.02 * torch.randn(200, 4, generator=generator))
    assert torch.allclose(quantiser.codebook.norm(dim=-1), torch.ones(16), atol=1e-5)
    assert (directions @ quantiser.codebook.T).amax(1).min() > 0.99


def test_half_precision_around_it_leaves_the_lookup_exact():
    quantiser = build("cosine", kmeans=False).eval()
    quantiser.into = nn.Sequential(nn.Identity())
    vectors = torch.randn(30, 6, 4)
    with torch.autocast("cpu", torch.bfloat16):
        half = quantiser.codes(vectors)
    assert torch.equal(half, quantiser.codes(vectors))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=60))
def test_usage_and_perplexity_are_those_of_the_shares_of_codes(codes):
    counts = count_codes(torch.tensor(codes), 8)
    assert counts.tolist() == [codes.count(code) for code in range(8)]
    assert codes_used(counts) == len(set(codes))
    assert 1 - 1e-4 <= perplexity(counts) <= len(set(codes)) + 1e-3


def test_equal_shares_have_the_perplexity_of_their_number():
    assert perplexity(torch.tensor([3.0, 0.0, 3.0, 3.0])).item() == pytest.approx(3)
    # By hand: −(3/4 ln 3/4 + 1/4 ln 1/4) = 0.5623.
    assert perplexity(torch.tensor([3.0, 1.0])).item() == pytest.approx(1.7548, abs=1e-4)


def test_kmeans_finds_clusters_of_directions():
    directions = torch.eye(5)
    torch.manual_seed(4)
    noisy = F.normalize(directions.repeat(40, 1) + 0.05 * torch.randn(200, 5), dim=-1)
    means, members = spherical_kmeans(noisy, 12)
    assert members.sum() == 200
    assert (noisy @ means.T).amax(1).mean() > 0.98
