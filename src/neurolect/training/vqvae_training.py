"""First stage of Du-IN: learning to reconstruct segments from codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from neurolect.data.seeg.batches import SegmentBatch
from neurolect.training.code_training import CodeTraining
from neurolect.training.correlation import correlations
from neurolect.training.duin_losses import masked_mean, reconstruction_loss


class VQVAETraining(CodeTraining):
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
        self.count_codes(made.codes)

    def validation_metrics(self) -> list[str]:
        """The losses and the correlation."""
        return [f"val/{name}" for name in ("loss", "reconstruction", "commitment", "correlation")]

    def summary(self, metrics: Mapping[str, Any]) -> str:
        """Loss, correlation and codes."""
        loss, correlation, used = (float(metrics[f"val/{name}"]) for name in ("loss", "correlation", "codes_used"))
        return f"loss {loss:.4f}, correlation {correlation:.3f}, {used:.0f} of {self.n_codes} codes used"

    @property
    def n_codes(self) -> int:
        """Size of the model's codebook."""
        n_codes: int = self.model.quantiser.n_codes  # type: ignore[assignment, union-attr]
        return n_codes
