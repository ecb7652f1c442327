"""The bins of a finished utterance, from the entries of the input stream that hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError
from neurolect.online.live_answers import Sentence
from neurolect.online.live_input import Bins, read_input
from neurolect.online.live_numbers import admitted
from neurolect.online.live_streams import Received


def bins_of(sentence: Sentence, entries: Sequence[Received], n_features: int) -> npt.NDArray[np.float32]:
    """Bins of an utterance (bins, features), each once, however they were cut into entries.

    What the decoder refused, other sources and bins before and after the utterance are left out. Where the stream has
    lost the beginning, what is there is returned.

    Args:
        sentence: says which bins.
        entries: from its first to its last.
        n_features: of each bin.
    """
    parts = [np.empty((0, n_features), dtype=np.float32)]
    numbers: Mapping[str, int] = {sentence.source: sentence.first_bin}
    missing, doubted = sentence.n_bins, None
    for fields in entries:
        try:
            bins = read_input(fields, n_features)
        except DataError:
            continue
        if not isinstance(bins, Bins) or bins.source != sentence.source:
            continue
        try:
            first, numbers, _ = admitted(numbers, bins, doubted)
        except DataError:
            doubted = bins.source, bins.first + len(bins.features)
            continue
        if first is not None:
            doubted = None
            part = bins.features[first - bins.first :][:missing]
            parts.append(part)
            missing -= len(part)
    return np.concatenate(parts)


def width_of(sentence: Sentence, entries: Sequence[Received]) -> int | None:
    """How many features the bins have, by the numbers of consecutive entries; None where that cannot be told.

    For utterances that another decoder than the present one has heard.
    """
    source = sentence.source.encode()
    sent = [each for each in entries if each.get(b"source") == source and each.get(b"first", b"").isdigit()]
    for one, following in pairwise(sent):
        n_bins = int(following[b"first"]) - int(one[b"first"])
        n_bytes = len(one.get(b"features", b""))
        if n_bins > 0 and n_bytes and n_bytes % (4 * n_bins) == 0:
            return n_bytes // (4 * n_bins)
    return None
