from __future__ import annotations

import pytest
import torch

from neurolect.models.layers.dropout import Dropout


@pytest.mark.parametrize("share", [0.1, 0.5, 0.75])
def test_values_are_dropped_at_their_share_and_independently_and_the_rest_scaled(share):
    torch.manual_seed(0)
    values = torch.ones(40000, 5)
    dropped = Dropout(share).train()(values)
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / (1 - share)).item()}
    zeros = (dropped == 0).double()
    assert zeros.mean(0).tolist() == pytest.approx([share] * 5, abs=0.01)
    together = torch.corrcoef(zeros.T) - torch.eye(5)
    assert together.abs().max() < 0.02
    assert abs(torch.corrcoef(torch.stack([zeros[1:, 0], zeros[:-1, 0]]))[0, 1]) < 0.02


def test_gradients_pass_where_values_do():
    torch.manual_seed(1)
    values = torch.randn(7, 3, requires_grad=True)
    dropped = Dropout(0.4).train()(values)
    dropped.sum().backward()
    assert torch.allclose(values.grad * values, dropped)


def test_a_seed_gives_one_mask_and_the_next_call_another():
    dropout, values = Dropout(0.5).train(), torch.ones(100)
    torch.manual_seed(2)
    first, second = dropout(values), dropout(values)
    torch.manual_seed(2)
    assert torch.equal(dropout(values), first)
    assert not torch.equal(first, second)


def test_nothing_is_dropped_in_evaluation_and_at_share_zero():
    values = torch.randn(10)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(Dropout(0.0).train()(values), values)
