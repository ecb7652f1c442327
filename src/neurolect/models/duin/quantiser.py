"""The quantiser that settings ask for."""

from __future__ import annotations

from neurolect.models.duin.settings import QuantiserSettings
from neurolect.models.layers.quantisers.cosine import CosineQuantiser
from neurolect.models.layers.quantisers.gumbel import GumbelQuantiser
from neurolect.models.layers.quantisers.jukebox import JukeboxQuantiser
from neurolect.models.layers.quantisers.plain import PlainQuantiser
from neurolect.models.layers.quantisers.quantiser import Quantiser


def build_quantiser(width: int, settings: QuantiserSettings) -> Quantiser:
    """A quantiser of tokens (batch, tokens, width).

    Raises:
        ValueError: there is no such kind.
    """
    sizes = (width, settings.n_codes, settings.code_width)
    commitment, decay, revive_after = settings.commitment, settings.decay, settings.revive_after
    match settings.kind:
        case "cosine":
            return CosineQuantiser(*sizes, commitment, decay, settings.kmeans, revive_after)
        case "jukebox":
            return JukeboxQuantiser(*sizes, commitment, decay, revive_after)
        case "plain":
            return PlainQuantiser(*sizes, commitment, decay)
        case "gumbel":
            return GumbelQuantiser(*sizes, decay)
    raise ValueError(f"quantiser: there is no kind '{settings.kind}'; there are cosine, gumbel, jukebox, plain")
