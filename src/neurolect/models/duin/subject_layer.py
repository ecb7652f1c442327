"""A linear map per subject between its channels and signals that all subjects share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurolect.models.layers.initialisation import STD


class SubjectLayer(nn.Module):
    """Mixes each subject's channels with weights of its own, the same at every sample.

    Args:
        n_subjects: subjects that have weights.
        n_inputs: signals that come in.
        n_outputs: signals that go out.
    """

    def __init__(self, n_subjects: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        # Drawn as the reference does it, so that a seed gives its initial values.
        drawn = nn.Linear(n_subjects, n_inputs * n_outputs, bias=False).weight
        nn.Linear(n_subjects, n_outputs, bias=False)
        nn.init.trunc_normal_(drawn, std=STD)
        weight = torch.empty(n_subjects, n_inputs, n_outputs)
        self.weight = nn.Parameter(weight.copy_(drawn.detach().T.reshape(weight.shape)))
        self.offset = nn.Parameter(torch.zeros(n_subjects, n_outputs))

    def forward(self, signals: Tensor, subjects: Tensor) -> Tensor:
        """Signals (batch, samples, n_inputs) of subjects (batch,) → (batch, samples, n_outputs)."""
        return torch.baddbmm(self.offset[subjects].unsqueeze(1), signals, self.weight[subjects])

    def input_importance(self) -> Tensor:
        """Mean size of the weights that leave each input: (n_subjects, n_inputs)."""
        return self.weight.detach().abs().mean(dim=2)
