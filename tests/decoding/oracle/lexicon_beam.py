"""Search for the best sentences under CTC logits, a lexicon and a word model, in NumPy: slow and exact."""

from __future__ import annotations

import math

import numpy as np
from oracle.tokens import Floats, Integers, Tokens, best_of_each, rows_of_ranges
from oracle.word_model import WordModel
from oracle.word_sequences import WordSequences

from neurolect.decoding.hypotheses import Hypothesis, Logits
from neurolect.decoding.lexicon_tree import LexiconTree
from neurolect.decoding.log_probabilities import log_softmax
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon


class LexiconBeam:
    """Viterbi token passing over a lexicon tree, frame by frame.

    Paths are merged only where their words so far are equal, so that every sentence has its exact score. Words that the
    word model does not know are left out.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        word_model: WordModel,
        alphabet: Alphabet,
        acoustic_scale: float = 0.325,
        blank_penalty: float = 90.0,
        beam: float = math.inf,
        silence_probability: float = 0.9,
        language_model_weight: float = 1.0,
    ) -> None:
        self.word_model = word_model
        self.alphabet = alphabet
        self.tree = LexiconTree.build(lexicon, word_model.vocabulary, word_model.unigram, alphabet)
        self.acoustic_scale = acoustic_scale
        self.log_blank_penalty = math.log(blank_penalty)
        self.beam = beam
        if alphabet.silence is None:
            silence_probability = 0.0
        self.log_silence = math.log(silence_probability) if silence_probability > 0 else -math.inf
        self.log_no_silence = math.log1p(-silence_probability) if silence_probability < 1 else -math.inf
        self.language_model_weight = language_model_weight
        # One more node than the tree has: a word is complete and its silence has not come yet.
        self.awaits_silence = len(self.tree)

    def decode(self, logits: Logits) -> list[Hypothesis]:
        """The distinct sentences of logits (frames, classes), best first; only complete ones count."""
        utterance = _Utterance(self)
        log_probabilities = log_softmax(np.asarray(logits, dtype=np.float64))
        log_probabilities[:, self.alphabet.blank] -= self.log_blank_penalty
        for frame in log_probabilities:
            utterance.step(frame)
        return utterance.finish()


class _Utterance:
    def __init__(self, beam: LexiconBeam) -> None:
        self._beam = beam
        self._sentences = WordSequences(beam.word_model)
        start = Tokens(
            node=np.array([0, beam.awaits_silence]),
            last=np.full(2, beam.alphabet.blank),
            sentence=np.zeros(2, dtype=np.int64),
            acoustic=np.zeros(2),
            lexicon=np.array([beam.log_no_silence, beam.log_silence]),
        )
        self._tokens = start.take(np.isfinite(start.lexicon))

    def step(self, log_probabilities: Floats) -> None:
        tokens, first_entered = self._advance(log_probabilities)
        survivors = self._prune(tokens)
        tokens, has_entered = tokens.take(survivors), survivors >= first_entered
        tokens = Tokens.concatenate((tokens, self._end_words(tokens.take(has_entered))))
        self._tokens = tokens.take(self._prune(tokens))

    def finish(self) -> list[Hypothesis]:
        tokens = self._tokens.take(self._tokens.node == 0)
        ngram = self._sentences.log_probability(tokens.sentence) + self._sentences.finish(tokens.sentence)
        totals = self._beam.acoustic_scale * tokens.acoustic + self._beam.language_model_weight * ngram + tokens.lexicon
        if not len(totals):
            return []
        best = best_of_each(tokens.sentence, totals)
        return [
            Hypothesis(
                words=self._sentences.words(int(tokens.sentence[row])),
                acoustic=float(tokens.acoustic[row]),
                ngram=float(ngram[row]),
                lexicon=float(tokens.lexicon[row]),
                bonus=0.0,
                total=float(totals[row]),
            )
            for row in best[np.argsort(-totals[best], kind="stable")]
        ]

    def _advance(self, log_probabilities: Floats) -> tuple[Tokens, int]:
        """Every way on by one class; those that enter a node of the tree come last, from the returned row on."""
        beam, tree, tokens = self._beam, self._beam.tree, self._tokens
        everyone = np.arange(len(tokens.node))
        repeating = np.flatnonzero(tokens.last != beam.alphabet.blank)
        waiting = np.flatnonzero((tokens.node == beam.awaits_silence) & (tokens.last != beam.alphabet.silence))
        in_tree = np.flatnonzero(tokens.node != beam.awaits_silence)
        children, parents = rows_of_ranges(tree.first_child, tokens.node[in_tree])
        parents = in_tree[parents]
        allowed = tree.label[children] != tokens.last[parents]
        children, parents = children[allowed], parents[allowed]

        before = np.concatenate((everyone, repeating, waiting, parents))
        blanks = np.full(len(everyone), beam.alphabet.blank)
        silences = np.full(len(waiting), beam.alphabet.silence or 0)
        emitted = np.concatenate((blanks, tokens.last[repeating], silences, tree.label[children]))
        roots = np.zeros(len(waiting), dtype=np.int64)
        advanced = Tokens(
            node=np.concatenate((tokens.node, tokens.node[repeating], roots, children)),
            last=emitted,
            sentence=tokens.sentence[before],
            acoustic=tokens.acoustic[before] + log_probabilities[emitted],
            lexicon=tokens.lexicon[before],
        )
        return advanced, len(before) - len(children)

    def _end_words(self, tokens: Tokens) -> Tokens:
        """For each word that ends at a node just entered: one token whose silence is to come, one without silence."""
        beam, tree = self._beam, self._beam.tree
        places, owners = rows_of_ranges(tree.first_word, tokens.node)
        tokens = tokens.take(owners)
        sentence = self._sentences.extend(tokens.sentence, tree.words[places])
        lexicon = tokens.lexicon + tree.log_probability[places]
        choices = ((0, beam.log_no_silence), (beam.awaits_silence, beam.log_silence))
        return Tokens.concatenate(
            tokens._replace(node=np.full(len(owners), node), sentence=sentence, lexicon=lexicon + log_choice)
            for node, log_choice in choices
            if log_choice > -math.inf
        )

    def _prune(self, tokens: Tokens) -> Integers:
        """Rows within the beam, of which only the best of each (sentence, node, last class)."""
        ngram = self._sentences.log_probability(tokens.sentence)
        scores = self._beam.acoustic_scale * tokens.acoustic + self._beam.language_model_weight * ngram + tokens.lexicon
        near = np.flatnonzero(scores >= scores.max(initial=-math.inf) - self._beam.beam)
        nodes, classes = self._beam.awaits_silence + 1, len(self._beam.alphabet)
        keys = (tokens.sentence[near] * nodes + tokens.node[near]) * classes + tokens.last[near]
        return near[best_of_each(keys, scores[near])]
