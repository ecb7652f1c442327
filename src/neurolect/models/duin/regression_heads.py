"""From tokens back to signals: transposed convolutions that undo the tokenizer's strides."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.duin.settings import DecoderSettings, EncoderSettings
from neurolect.models.duin.subject_tokenizers import own_parameters
from neurolect.models.layers.convolution import convolve_transposed
from neurolect.models.layers.initialisation import initialise


class RegressionHead(nn.Module):
    """Transposed convolutions over positions without a nonlinearity between them, then a linear layer.

    Args:
        n_inputs: features per position.
        n_outputs: signals.
        filters: of each transposed convolution.
        kernels: their lengths.
        strides: their strides; the product is samples per position.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        filters: tuple[int, ...],
        kernels: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> None:
        super().__init__()
        widths = pairwise((n_inputs, *filters))
        self.convolutions = nn.ModuleList(
            [
                transposed_convolution(before, after, kernel, stride)
                for (before, after), kernel, stride in zip(widths, kernels, strides, strict=True)
            ]
        )
        self.out = nn.Linear(filters[-1], n_outputs)
        initialise(self.out)

    def forward(self, positions: Tensor) -> Tensor:
        """Positions (batch, positions, n_inputs) → signals (batch, samples, n_outputs)."""
        layers: list[nn.ConvTranspose1d] = list(self.convolutions)  # type: ignore[arg-type]
        *convolutions, last = layers
        while convolutions:
            if len(convolutions) > 1 and can_be_united(*convolutions[:2]):
                positions = united_convolution(positions, convolutions.pop(0), convolutions.pop(0))
            else:
                layer = convolutions.pop(0)
                positions = convolve_transposed(positions, layer.weight, layer.bias, *_steps(layer))
        # The linear layer runs over most samples: the weights before it take it up.
        assert last.bias is not None
        weight = self.out.weight @ last.weight
        bias = F.linear(last.bias, self.out.weight, self.out.bias)
        return convolve_transposed(positions, weight, bias, *_steps(last))


class SubjectRegressionHeads(nn.Module):
    """One regression head per subject over the positions within tokens; each row goes through its own subject's.

    Args:
        n_subjects: subjects.
        n_channels: of the subject that has most.
        encoder: decides how many positions a token is split into.
        decoder: sizes of the heads.
    """

    def __init__(self, n_subjects: int, n_channels: int, encoder: EncoderSettings, decoder: DecoderSettings) -> None:
        super().__init__()
        self.positions_per_token = encoder.positions_per_patch
        sizes = head_sizes(
            decoder, encoder.patch_size // encoder.positions_per_patch, (128,) * 3, (3, 3, 19), (1, 1, 10)
        )
        self.subjects = nn.ModuleList(
            [RegressionHead(encoder.filters[-1], n_channels, *sizes) for _ in range(n_subjects)]
        )

    def forward(self, tokens: Tensor, subjects: Tensor) -> Tensor:
        """Tokens (batch, tokens, width) of subjects (batch,) → signals (batch, samples, channels)."""
        batch, n_tokens, _ = tokens.shape
        positions = tokens.reshape(batch, n_tokens * self.positions_per_token, -1).transpose(1, 2)
        heads: list[RegressionHead] = list(self.subjects)  # type: ignore[arg-type]
        for index in range(len(heads[0].convolutions)):
            layers: list[nn.ConvTranspose1d] = [head.convolutions[index] for head in heads]  # type: ignore[misc]
            weight, bias = own_parameters(layers, subjects)
            rows = positions.flatten(0, 1).unsqueeze(0)
            steps = _steps(layers[0])
            convolved = F.conv_transpose1d(rows, weight.flatten(0, 1), bias.flatten(), *steps, groups=batch)
            positions = convolved.view(batch, -1, convolved.shape[-1])
        weight = torch.stack([head.out.weight for head in heads])[subjects]
        bias = torch.stack([head.out.bias for head in heads])[subjects]
        return torch.baddbmm(bias.unsqueeze(1), positions.transpose(1, 2), weight.transpose(1, 2))


def time_regression_head(encoder: EncoderSettings, decoder: DecoderSettings) -> RegressionHead:
    """The head of all subjects, over whole tokens, to as many signals as its last convolution has."""
    sizes = head_sizes(decoder, encoder.patch_size, (128, 128, 128, 128, 16), (3, 3, 10, 9, 19), (1, 1, 10, 1, 10))
    return RegressionHead(encoder.width, sizes[0][-1], *sizes)


def head_sizes(
    decoder: DecoderSettings,
    samples_per_position: int,
    filters: tuple[int, ...],
    kernels: tuple[int, ...],
    strides: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Filters, kernels and strides as set, or else the given ones.

    Raises:
        ValueError: they contradict each other or the encoder.
    """
    filters, kernels, strides = decoder.filters or filters, decoder.kernels or kernels, decoder.strides or strides
    if not len(filters) == len(kernels) == len(strides):
        raise ValueError("decoder: filters, kernels and strides must be of the same number")
    if math.prod(strides) != samples_per_position:
        raise ValueError(f"decoder: strides are {list(strides)}, their product must be {samples_per_position}")
    return filters, kernels, strides


def transposed_convolution(n_inputs: int, n_outputs: int, kernel: int, stride: int) -> nn.ConvTranspose1d:
    """A transposed convolution whose output is exactly `stride` times as long as its input."""
    if kernel < stride:
        raise ValueError(f"decoder: kernel {kernel} is shorter than its stride {stride}")
    if stride == 1 and kernel % 2 == 0:
        raise ValueError(f"decoder: kernel {kernel} with stride 1 must be odd")
    overlap = kernel - stride
    padding = math.ceil(overlap / 2)
    return nn.ConvTranspose1d(n_inputs, n_outputs, kernel, stride, padding, output_padding=2 * padding - overlap)


def can_be_united(first: nn.ConvTranspose1d, second: nn.ConvTranspose1d) -> bool:
    """Whether the first spreads positions without overlap, and the second only smooths what it spread."""
    return first.stride == first.kernel_size != (1,) and second.stride == (1,)


def united_convolution(positions: Tensor, first: nn.ConvTranspose1d, second: nn.ConvTranspose1d) -> Tensor:
    """Two transposed convolutions as one, whose kernel is theirs convolved.

    Nothing nonlinear is between them, and the second would run over as many more positions as the first one's stride.

    Args:
        positions: (batch, positions, inputs).
        first: with a stride of its kernel's length.
        second: with a stride of 1.

    Returns:
        (batch, samples, outputs).
    """
    assert first.bias is not None
    stride, _, _ = _steps(first)
    _, padding, _ = _steps(second)
    weight = F.conv_transpose1d(first.weight, second.weight)
    spread = convolve_transposed(positions, weight, None, stride, padding)
    # At its ends the second sees less of the first one's bias.
    bias = first.bias.expand(1, spread.shape[1], -1)
    return spread.add_(convolve_transposed(bias, second.weight, second.bias, 1, padding))


def _steps(layer: nn.ConvTranspose1d) -> tuple[int, int, int]:
    """Stride, padding and output padding."""
    assert not isinstance(layer.padding, str)
    return layer.stride[0], layer.padding[0], layer.output_padding[0]
