"""What the tasks share that have to do with codes: how many of them their validation segments use."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from neurolect.models.layers.quantisers.quantiser import codes_used, count_codes, perplexity
from neurolect.training.segment_training import SegmentTraining


class CodeTraining(SegmentTraining):
    """Logs `val/codes_used` and `val/perplexity` of the codes of all validation segments."""

    @property
    @abstractmethod
    def n_codes(self) -> int:
        """Size of the codebook."""

    def on_validation_epoch_start(self) -> None:
        """Start all sums from zero."""
        super().on_validation_epoch_start()
        self._code_counts = torch.zeros(self.n_codes)

    def count_codes(self, codes: Tensor) -> None:
        """Take the codes (batch, tokens) of a validation batch into account."""
        self._code_counts += count_codes(codes, self.n_codes).cpu()

    def on_validation_epoch_end(self) -> None:
        """Log the means and how the codes were used.

        Raises:
            DataError: there was nothing to validate on.
            ConfigError: the loss is not finite.
        """
        super().on_validation_epoch_end()
        counts = self.over_processes(self._code_counts)
        self.log("val/codes_used", codes_used(counts).float())
        self.log("val/perplexity", perplexity(counts))
