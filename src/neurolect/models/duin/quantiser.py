"""The quantiser that settings ask for."""

from __future__ import annotations

from neurolect.models.duin.settings import QuantiserSettings
from neurolect.models.layers.quantisers.cosine import CosineQuantiser
from neurolect.models.layers.quantisers.quantiser import Quantiser


def build_quantiser(width: int, settings: QuantiserSettings) -> Quantiser:
    """A quantiser of tokens (batch, tokens, width)."""
    return CosineQuantiser(
        width,
        settings.n_codes,
        settings.code_width,
        settings.commitment,
        settings.decay,
        settings.kmeans,
        settings.revive_after,
    )
