"""The brain-to-text decoder of Card et al. 2024: a layer per recording day, patches, a GRU, phoneme logits."""

from __future__ import annotations

from typing import Literal, NamedTuple, overload

import torch
from torch import Tensor, nn

from neurolect.data.frames import Patching
from neurolect.models.registry import constructor_arguments


class DayLayer(NamedTuple):
    """Weight (features, features) and bias (1, features) of one recording day."""

    weight: Tensor
    bias: Tensor


class GRUDecoder(nn.Module):
    """Neural features → CTC logits over phonemes; parameter names and values are those of the reference.

    Args:
        neural_dim: features per bin.
        n_units: width of the GRU.
        n_days: number of recording days, each with its own input layer.
        n_classes: CTC classes, blank included.
        rnn_dropout: between GRU layers, in training.
        input_dropout: after the day layer, in training.
        n_layers: GRU layers.
        patch_size: bins that one frame sees; 0 feeds single bins.
        patch_stride: bins from one frame to the next.
    """

    def __init__(
        self,
        neural_dim: int = 512,
        n_units: int = 768,
        n_days: int = 45,
        n_classes: int = 41,
        rnn_dropout: float = 0.4,
        input_dropout: float = 0.2,
        n_layers: int = 5,
        patch_size: int = 14,
        patch_stride: int = 4,
    ) -> None:
        self.arguments = constructor_arguments(locals())
        super().__init__()
        self.n_classes = n_classes
        self.patching = Patching(patch_size, patch_stride)
        self.day_weights = nn.ParameterList([nn.Parameter(torch.eye(neural_dim)) for _ in range(n_days)])
        self.day_biases = nn.ParameterList([nn.Parameter(torch.zeros(1, neural_dim)) for _ in range(n_days)])
        self.day_dropout = nn.Dropout(input_dropout)
        self.gru = nn.GRU(
            input_size=neural_dim * max(patch_size, 1),
            hidden_size=n_units,
            num_layers=n_layers,
            dropout=rnn_dropout if n_layers > 1 else 0.0,
            batch_first=True,
        )
        # The order of these draws is the reference's, so that a seed gives its initial values.
        for name, parameter in self.gru.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(parameter)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(parameter)
        self.out = nn.Linear(n_units, n_classes)
        nn.init.xavier_uniform_(self.out.weight)
        self.h0 = nn.Parameter(nn.init.xavier_uniform_(torch.zeros(1, 1, n_units)))

    @overload
    def forward(
        self, x: Tensor, day_idx: Tensor, states: Tensor | None = ..., return_state: Literal[False] = ...
    ) -> Tensor: ...
    @overload
    def forward(
        self, x: Tensor, day_idx: Tensor, states: Tensor | None = ..., *, return_state: Literal[True]
    ) -> tuple[Tensor, Tensor]: ...
    def forward(
        self, x: Tensor, day_idx: Tensor, states: Tensor | None = None, return_state: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Features (batch, bins, neural_dim) and days (batch,) → logits (batch, frames, n_classes).

        Padding is processed as data; the GRU is causal, so only frames past a trial's own are affected.

        Args:
            x: smoothed features.
            day_idx: day of each trial.
            states: GRU states (n_layers, batch, n_units) to go on from; None starts from the learned state.
            return_state: also return the states after the last frame.
        """
        weight = torch.stack(tuple(self.day_weights))[day_idx]
        bias = torch.stack(tuple(self.day_biases))[day_idx]
        patches = self.patching(self.day_layer(x, weight, bias))
        logits, states = self.encode(patches, states)
        return (logits, states) if return_state else logits

    def day_layer(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """softsign(x · W + b) with dropout; weight (batch, features, features), bias (batch, 1, features)."""
        transformed: Tensor = self.day_dropout(nn.functional.softsign(torch.baddbmm(bias, x, weight)))
        return transformed

    def encode(self, patches: Tensor, states: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Patches (batch, frames, patch_size · neural_dim) → logits and the states after the last frame."""
        batch, n_frames, _ = patches.shape
        if states is None:
            states = self.h0.expand(self.gru.num_layers, batch, -1).contiguous()
        if n_frames == 0:
            return patches.new_zeros(batch, 0, self.n_classes), states
        hidden, states = self.gru(patches, states)
        logits: Tensor = self.out(hidden)
        return logits, states

    @property
    def n_days(self) -> int:
        """Days that have a layer."""
        return len(self.day_weights)

    def day_parameters(self, day: int) -> tuple[nn.Parameter, nn.Parameter]:
        """Weight and bias of one day's layer; no other day's trials move them."""
        return self.day_weights[day], self.day_biases[day]


class GRUStream:
    """A GRU decoder fed bin by bin; it gives each frame as soon as its last bin is there.

    Args:
        model: in evaluation mode; it may be quantised.
        day: whose input layer to use, or a layer of another day's.
    """

    def __init__(self, model: GRUDecoder, day: int | DayLayer) -> None:
        self._model = model
        layer = model.day_parameters(day) if isinstance(day, int) else day
        self._weight, self._bias = (each.detach().unsqueeze(0) for each in layer)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next bin starts a new trial."""
        self._states: Tensor | None = None
        self._pending = self._weight.new_zeros(1, 0, self._weight.shape[-1])

    @torch.inference_mode()
    def push(self, features: Tensor) -> Tensor:
        """Smoothed features (bins, neural_dim) → logits (frames, n_classes) of the frames they complete."""
        transformed = self._model.day_layer(features.unsqueeze(0), self._weight, self._bias)
        self._pending = torch.cat([self._pending, transformed], dim=1)
        patching = self._model.patching
        n_frames = patching.n_frames(self._pending.shape[1])
        logits, self._states = self._model.encode(patching(self._pending), self._states)
        self._pending = self._pending[:, patching.first_bin(n_frames) :]
        return logits[0]
