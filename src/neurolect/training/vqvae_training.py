"""First stage of Du-IN: learning to reconstruct segments from codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from neurolect.data.seeg.batches import SegmentBatch
from neurolect.models.layers.quantisers.quantiser import codes_used, count_codes, perplexity
from neurolect.training.duin_losses import masked_mean, reconstruction_loss
from neurolect.training.segment_training import SegmentTraining


class VQVAETraining(SegmentTraining):
    """Reconstruction of the channels that are there, plus the quantiser's commitment (Zheng et al. 2024, section 3.2).

    Logs `train/` and `val/` `loss`, `reconstruction` and `commitment`; `val/correlation` of reconstructed and true
    channels; `val/codes_used` and `val/perplexity` of the codes of all validation segments.
    """

    task = "vqvae"

    def training_step(self, batch: SegmentBatch, batch_idx: int) -> Tensor:
        """Reconstruct, and return the sum of both losses."""
        self.seed_step(batch)
        made = self.model(batch.signals, batch.subjects)
        reconstruction = reconstruction_loss(made.signals, batch.signals, batch.channel_mask)
        loss = self.shared(reconstruction, batch.channel_mask.sum())
        loss = loss + self.shared(made.commitment_loss, len(batch))
        parts = {"loss": reconstruction + made.commitment_loss, "reconstruction": reconstruction}
        for name, value in {**parts, "commitment": made.commitment_loss}.items():
            self.log(f"train/{name}", value.detach(), prog_bar=name == "loss", batch_size=len(batch))
        return loss

    def on_train_epoch_start(self) -> None:
        """Set the learning rate, and count codes from zero."""
        super().on_train_epoch_start()
        self.model.quantiser.reset_counts()  # type: ignore[operator, union-attr]

    def on_validation_epoch_start(self) -> None:
        """Start all sums from zero."""
        super().on_validation_epoch_start()
        self._counts = torch.zeros(self._n_codes)

    def validation_step(self, batch: SegmentBatch, batch_idx: int) -> None:
        """Add up losses, correlations and codes."""
        made = self.model(batch.signals, batch.subjects)
        reconstruction = reconstruction_loss(made.signals, batch.signals, batch.channel_mask)
        commitment = made.commitment_loss
        parts = {"loss": reconstruction + commitment, "reconstruction": reconstruction, "commitment": commitment}
        for name, value in parts.items():
            self.count(f"val/{name}", value * len(batch), len(batch))
        n_channels = batch.channel_mask.sum()
        correlation = masked_mean(correlations(made.signals, batch.signals), batch.channel_mask)
        self.count("val/correlation", correlation * n_channels, n_channels)
        self._counts += count_codes(made.codes, self._n_codes).cpu()

    def on_validation_epoch_end(self) -> None:
        """Log the means and how the codes were used.

        Raises:
            DataError: there was nothing to validate on.
            ConfigError: the loss is not finite.
        """
        super().on_validation_epoch_end()
        counts = self.over_processes(self._counts)
        self.log("val/codes_used", codes_used(counts).float())
        self.log("val/perplexity", perplexity(counts))

    def validation_metrics(self) -> list[str]:
        """The losses and the correlation."""
        return [f"val/{name}" for name in ("loss", "reconstruction", "commitment", "correlation")]

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """Loss, correlation and codes."""
        loss, correlation, used = (float(metrics[f"val/{name}"]) for name in ("loss", "correlation", "codes_used"))
        return f"loss {loss:.4f}, correlation {correlation:.3f}, {used:.0f} of {self._n_codes} codes used"

    @property
    def _n_codes(self) -> int:
        n_codes: int = self.model.quantiser.n_codes  # type: ignore[assignment, union-attr]
        return n_codes


def correlations(first: Tensor, second: Tensor) -> Tensor:
    """Pearson correlation over time of signals (batch, samples, channels): (batch, channels), 0 where one is flat."""
    centred = [each.float() - each.float().mean(dim=1, keepdim=True) for each in (first, second)]
    norms = [each.square().sum(dim=1).sqrt() for each in centred]
    return (centred[0] * centred[1]).sum(dim=1) / (norms[0] * norms[1]).clamp(min=1e-12)
