"""Scores of the trigram that `read_pocketsphinx_trigram` reads, straight from its arrays."""

from __future__ import annotations

import numpy as np

WORD_BITS = 20
WORD = (1 << WORD_BITS) - 1


class TrigramScorer:
    """Natural log P(word | the two words before); a history is a bigram's key, so it can be looked up as it is."""

    def __init__(self, trigram):
        self.trigram = trigram
        self.ids = {word: number for number, word in enumerate(trigram.vocabulary)}

    def score(self, first, second, words):
        """Word ids (n,) each; −1 as the first of a history stands for none → (n,)."""
        model = self.trigram
        first, second, words = (np.asarray(each, dtype=np.int64) for each in (first, second, words))
        contexts = second << WORD_BITS | np.where(first < 0, WORD, first)
        scores = model.unigram[words] + model.unigram_back_off[second]
        bigrams, listed = find(model.bigram_keys, words << WORD_BITS | second)
        scores[listed] = model.bigram[bigrams[listed]]
        places, known = find(model.bigram_keys, contexts)
        scores[known] += model.bigram_back_off[places[known]]
        trigrams, found = find(model.trigram_keys, words << 2 * WORD_BITS | contexts)
        scores[found] = model.trigram[trigrams[found]]
        return scores

    def score_sentence(self, sentence):
        """Of known words → natural log P of each and of the end of the sentence (words + 1,)."""
        words = [self.ids[word] for word in ("<s>", *sentence.split(), "</s>")]
        return self.score([-1, *words[:-2]], words[:-1], words[1:])


def find(keys, wanted):
    """Where each wanted key (n,) stands among the ascending keys, and whether it is there (n,)."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return places, keys[places] == wanted
