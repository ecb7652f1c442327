"""Convolutions over positions whose features lie next to each other in memory, as transformers have them.

Torch knows that layout for images only, and there it is the fastest on processors: positions are images of height 1.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def convolve(positions: Tensor, layer: nn.Conv1d) -> Tensor:
    """Positions (rows, positions, inputs) through a convolution whose padding is a number → (rows, …, outputs).

    A stride divides the number of positions and is taken as the positions of one step being inputs of one position,
    since weights of strided convolutions have slow gradients.
    """
    assert not isinstance(layer.padding, str)
    weight, (kernel,), (stride,), (padding,) = layer.weight, layer.kernel_size, layer.stride, layer.padding
    n_outputs = (positions.shape[1] + 2 * padding - kernel) // stride + 1
    if stride > 1:
        # Zeros let the kernel begin and end where steps do.
        before = -padding % stride
        weight = F.pad(weight, (before, -(before + kernel) % stride))
        weight = weight.view(*weight.shape[:2], -1, stride).permute(0, 3, 1, 2).flatten(1, 2)
        positions = positions.reshape(len(positions), -1, stride * layer.in_channels)
        padding = (padding + before) // stride
    image = positions.transpose(1, 2).unsqueeze(2)
    convolved = F.conv2d(image, weight.unsqueeze(2), layer.bias, padding=(0, padding))
    return convolved.squeeze(2).transpose(1, 2)[:, :n_outputs]


def convolve_transposed(
    positions: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, output_padding: int = 0
) -> Tensor:
    """Positions (rows, positions, inputs) through a transposed convolution → (rows, samples, outputs).

    Args:
        positions: to be spread.
        weight: (inputs, outputs, kernel).
        bias: (outputs,).
        stride: samples per position.
        padding: samples to leave out at both ends.
        output_padding: samples to leave in again at the end.
    """
    image = positions.transpose(1, 2).unsqueeze(2)
    spread = F.conv_transpose2d(image, weight.unsqueeze(2), bias, (1, stride), (0, padding), (0, output_padding))
    return spread.squeeze(2).transpose(1, 2)
