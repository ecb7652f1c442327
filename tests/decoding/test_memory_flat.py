from __future__ import annotations

import numpy as np
import pytest
from oracle.arpa import random_ngrams
from resident_memory import needs_statm, resident_mib
from small_graphs import NETWORKS, decoder_of
from small_search import LEXICON, random_logits

from neurolect.decoding import DecoderOptions, Guidance

NGRAMS = random_ngrams(np.random.default_rng(9), list(LEXICON), order=3)

pytestmark = [pytest.mark.slow, needs_statm]


def utterances(n):
    rng = np.random.default_rng(0)
    return [random_logits(seed, int(rng.integers(0, 60))) for seed in range(n)]


def guidance_of(number):
    """Different for every utterance."""
    return Guidance({"a ab": 1 + number / 1000, f"cc {'eigh ' * (number % 5)}": 0.5}, prefix=("a",) * (number % 3))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("is_guided", [False, True])
def test_two_thousand_short_utterances_leave_memory_as_it_was(name, is_guided):
    decoder = decoder_of(name, LEXICON, NGRAMS, DecoderOptions())
    short = utterances(2000)
    guided = [guidance_of(number) if is_guided else None for number in range(2300)]
    for logits, guidance in zip(short[:300], guided[:300], strict=True):
        decoder.decode(logits, guidance=guidance)
    before = resident_mib()
    for logits, guidance in zip(short, guided[300:], strict=True):
        decoder.decode(logits, guidance=guidance)
    assert resident_mib() - before < 2


@pytest.mark.parametrize("name", NETWORKS)
def test_two_thousand_abandoned_streams_leave_memory_as_it_was(name):
    decoder = decoder_of(name, LEXICON, NGRAMS, DecoderOptions())

    def abandon(each):
        for logits in each:
            stream = decoder.stream()
            stream.push(logits)
            stream.partial()

    short = utterances(2000)
    abandon(short[:300])
    before = resident_mib()
    abandon(short)
    assert resident_mib() - before < 2
