"""Patches of signals as tokens: convolutions within each patch, without a nonlinearity between them."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.layers.batch_norm import SynchronisedBatchNorm
from neurolect.models.layers.convolution import convolve


class PatchTokenizer(nn.Module):
    """Cuts signals into patches and makes a token of each; patches do not see each other.

    Args:
        n_inputs: signals.
        settings: patch size and convolutions.
    """

    def __init__(self, n_inputs: int, settings: EncoderSettings) -> None:
        super().__init__()
        self.patch_size = settings.patch_size
        widths = pairwise((n_inputs, *settings.filters))
        self.convolutions = nn.ModuleList(
            [
                nn.Conv1d(before, after, kernel, stride, padding=(kernel - 1) // 2)
                for (before, after), kernel, stride in zip(widths, settings.kernels, settings.strides, strict=True)
            ]
        )
        self.norms = nn.ModuleList([SynchronisedBatchNorm(filters) for filters in settings.filters])

    def forward(self, signals: Tensor) -> Tensor:
        """Signals (batch, samples, n_inputs) → tokens (batch, tokens, width)."""
        batch, _, n_inputs = signals.shape
        patches = signals.reshape(-1, self.patch_size, n_inputs)
        for convolution, norm in self.layers():
            patches = convolve(patches, convolution)
            patches = norm(patches.flatten(0, 1)).view(patches.shape)
        return patches.reshape(batch, -1, patches.shape[1] * patches.shape[2])

    def layers(self) -> list[tuple[nn.Conv1d, SynchronisedBatchNorm]]:
        """Each convolution with the normalisation that follows it."""
        return list(zip(self.convolutions, self.norms, strict=True))  # type: ignore[arg-type]
