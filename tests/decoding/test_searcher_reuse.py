from __future__ import annotations

from small_search import ALPHABET, LEXICON, random_logits

from neurolect.decoding import Decoder, Guidance, LexiconNetwork


class CountingNetwork(LexiconNetwork):
    made = 0

    def searcher(self, guidance, models=None):
        self.made += 1
        return super().searcher(guidance, models)


def run_at_once(decoder, guidances):
    """Streams that are all begun before the first of them ends."""
    streams = [decoder.stream(guidance) for guidance in guidances]
    for stream in streams:
        stream.push(random_logits(0, 4))
        stream.finish()


def test_one_utterance_after_another_is_searched_in_the_same_memory():
    network = CountingNetwork(LEXICON, None, ALPHABET)
    decoder = Decoder(network, alphabet=ALPHABET)
    for seed in range(5):
        decoder.decode(random_logits(seed, 6))
    assert network.made == 1


def test_a_rush_of_streams_leaves_two_searchers_idle_for_each_thread():
    network = CountingNetwork(LEXICON, None, ALPHABET)
    decoder = Decoder(network, alphabet=ALPHABET, threads=2)
    run_at_once(decoder, [None] * 5)
    assert network.made == 5
    run_at_once(decoder, [None] * 5)
    assert network.made == 6


def test_utterances_with_and_without_guidance_in_turns_prepare_it_once():
    network = CountingNetwork(LEXICON, None, ALPHABET)
    decoder, guidance = Decoder(network, alphabet=ALPHABET), Guidance({"a": 1.0})
    for seed in range(6):
        decoder.decode(random_logits(seed, 6), guidance=guidance if seed % 2 else None)
    assert network.made == 2


def test_an_idle_searcher_serves_only_utterances_with_its_own_guidance():
    network = CountingNetwork(LEXICON, None, ALPHABET)
    decoder = Decoder(network, alphabet=ALPHABET, threads=2)
    one, same, other = Guidance({"a": 1.0}), Guidance({"a": 1.0}), Guidance({"a": 2.0})
    run_at_once(decoder, [one, None])
    assert network.made == 2
    run_at_once(decoder, [None, same])
    assert network.made == 2
    run_at_once(decoder, [other])
    assert network.made == 3
