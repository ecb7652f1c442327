from __future__ import annotations

from itertools import product

import pytest
import torch

from neurolect.errors import ConfigError
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import PHONEMES, Alphabet
from neurolect.training.ctc import CTCTraining, ctc_losses


def padded(labels):
    table = torch.zeros(len(labels), 6, dtype=torch.int64)
    for row, sequence in enumerate(labels):
        table[row, : len(sequence)] = torch.tensor(sequence)
    return table, torch.tensor([len(sequence) for sequence in labels])


def test_the_loss_is_minus_the_log_of_all_paths_that_collapse_to_the_labels():
    alphabet = Alphabet(("BLANK", "A", "B"))
    logits = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0))
    table, n_labels = padded([[1, 1]])
    losses, usable = ctc_losses(logits, torch.tensor([4]), table, n_labels)
    probabilities = logits[0].double().softmax(dim=-1)
    total = sum(
        torch.stack([probabilities[frame, c] for frame, c in enumerate(path)]).prod()
        for path in product(range(3), repeat=4)
        if alphabet.collapse(path) == [1, 1]
    )
    assert usable.tolist() == [True]
    assert losses[0].item() == pytest.approx(-total.log().item(), abs=1e-5)


def test_trials_that_cannot_have_a_loss_are_left_out_and_the_rest_is_unchanged():
    logits = torch.randn(5, 4, 41, generator=torch.Generator().manual_seed(0), requires_grad=True)
    # Fits; empty; too long; a doubled label that needs a fifth frame; no frames.
    table, n_labels = padded([[1, 2], [], [1, 2, 3, 4, 5], [1, 1, 2, 3], [1]])
    losses, usable = ctc_losses(logits, torch.tensor([4, 4, 4, 4, 0]), table, n_labels)
    assert usable.tolist() == [True, False, False, False, False]
    assert torch.isfinite(losses).all()
    assert losses[1:].tolist() == [0, 0, 0, 0]
    losses.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[1:].any()
    alone, _ = ctc_losses(logits[:1], torch.tensor([4]), table[:1], n_labels[:1])
    assert alone[0].item() == pytest.approx(losses[0].item())


def test_a_batch_without_a_single_frame_has_no_loss_but_a_gradient():
    logits = torch.zeros(2, 0, 41, requires_grad=True)
    table, n_labels = padded([[1], [2]])
    losses, usable = ctc_losses(logits, torch.tensor([0, 0]), table, n_labels)
    losses.sum().backward()
    assert losses.tolist() == [0, 0]
    assert not usable.any()


def task(**settings) -> CTCTraining:
    model = GRUDecoder(neural_dim=4, n_units=6, n_days=2, n_layers=1)
    return CTCTraining(model, PHONEMES, ["a", "b"], **settings)


def test_frozen_parameters_are_named_by_how_they_begin():
    trained = {name for name, p in task(freeze=["gru", "out", "h0"]).model.named_parameters() if p.requires_grad}
    assert trained == {"day_weights.0", "day_weights.1", "day_biases.0", "day_biases.1"}
    with pytest.raises(ConfigError, match="begins with 'encoder'"):
        task(freeze=["encoder"])
    with pytest.raises(ConfigError, match="leaves nothing to train"):
        task(freeze=["gru", "out", "h0", "day_"])
