"""One patch tokenizer per subject, each row of a batch going through its own subject's only."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.duin.settings import EncoderSettings
from neurolect.models.duin.tokenizer import PatchTokenizer
from neurolect.models.layers.batch_norm import update_running_statistics
from neurolect.models.layers.distributed import sum_over_processes


class SubjectTokenizers(nn.Module):
    """A `PatchTokenizer` per subject, with batch statistics of that subject's rows.

    The reference sends every row through every subject's tokenizer and keeps one result, so that its statistics are of
    all subjects' signals; in evaluation both give the same.

    Args:
        n_subjects: subjects.
        n_channels: of the subject that has most.
        settings: patch size and convolutions.
    """

    def __init__(self, n_subjects: int, n_channels: int, settings: EncoderSettings) -> None:
        super().__init__()
        self.patch_size = settings.patch_size
        self.subjects = nn.ModuleList([PatchTokenizer(n_channels, settings) for _ in range(n_subjects)])

    def forward(self, signals: Tensor, subjects: Tensor) -> Tensor:
        """Signals (batch, samples, channels) of subjects (batch,) → tokens (batch, tokens, width)."""
        batch, _, n_channels = signals.shape
        patches = signals.reshape(batch, -1, self.patch_size, n_channels).permute(1, 0, 3, 2)
        tokenizers: list[PatchTokenizer] = list(self.subjects)  # type: ignore[arg-type]
        for layer, (convolution, norm) in enumerate(tokenizers[0].layers()):
            layers = [tokenizer.layers()[layer] for tokenizer in tokenizers]
            weight, bias = own_parameters([convolution for convolution, _ in layers], subjects)
            patches = rowwise_convolution(patches, weight, bias, convolution)
            patches = subject_batch_norm(patches, subjects, [norm for _, norm in layers], self.training)
        # (patches, batch, filters, positions) → (batch, patches, positions · filters)
        return patches.permute(1, 0, 3, 2).flatten(2)

    def input_importance(self) -> Tensor:
        """Mean size of the first weights that leave each channel: (n_subjects, n_channels)."""
        first = [tokenizer.layers()[0][0].weight for tokenizer in self.subjects]  # type: ignore[operator]
        return torch.stack(first).detach().abs().mean(dim=(1, 3))


def own_parameters(layers: list[nn.Conv1d] | list[nn.ConvTranspose1d], subjects: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (batch, …) and biases (batch, outputs) of each row's own layer."""
    biases = [layer.bias for layer in layers if layer.bias is not None]
    return torch.stack([layer.weight for layer in layers])[subjects], torch.stack(biases)[subjects]


def rowwise_convolution(patches: Tensor, weight: Tensor, bias: Tensor, like: nn.Conv1d) -> Tensor:
    """Convolve patches (patches, batch, inputs, samples) with weights (batch, outputs, inputs, kernel) of each row."""
    n_patches, n_rows = patches.shape[:2]
    convolved = F.conv1d(
        patches.flatten(1, 2), weight.flatten(0, 1), bias.flatten(), like.stride, like.padding, groups=n_rows
    )
    return convolved.view(n_patches, n_rows, -1, convolved.shape[-1])


def subject_batch_norm(values: Tensor, subjects: Tensor, norms: list[nn.BatchNorm1d], training: bool) -> Tensor:
    """Normalise values (patches, batch, features, positions) with each subject's own layer and statistics."""

    def of_rows(per_subject: Tensor) -> Tensor:
        return per_subject[subjects].unsqueeze(-1)

    if training:
        mean, variance = _batch_statistics(values.float(), subjects, norms)
    else:
        mean = torch.stack([norm.running_mean for norm in norms])  # type: ignore[misc]
        variance = torch.stack([norm.running_var for norm in norms])  # type: ignore[misc]
    scale = torch.stack([norm.weight for norm in norms]) * torch.rsqrt(variance + norms[0].eps)
    shift = torch.stack([norm.bias for norm in norms]) - mean * scale
    return torch.addcmul(of_rows(shift), values, of_rows(scale)).to(values.dtype)


def _batch_statistics(values: Tensor, subjects: Tensor, norms: list[nn.BatchNorm1d]) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each subject's rows: (subjects, features)."""
    n_features = values.shape[2]
    zeros = values.new_zeros(len(norms), n_features + 1)
    per_row = values.new_full((len(subjects), 1), len(values) * values.shape[3])
    totals = zeros.index_add(0, subjects, torch.cat([values.sum((0, 3)), per_row], dim=1))
    totals = sum_over_processes(totals)
    n = totals[:, -1:]
    mean = totals[:, :-1] / n.clamp(min=1)
    squares = (values - mean[subjects].unsqueeze(-1)).square().sum((0, 3))
    variance = sum_over_processes(zeros[:, :-1].index_add(0, subjects, squares)) / n.clamp(min=1)
    for norm, *of_subject in zip(norms, mean, variance, n, strict=True):
        update_running_statistics(norm, *of_subject)
    return mean, variance
