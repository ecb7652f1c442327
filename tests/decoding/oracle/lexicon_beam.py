"""Beam search for the best sentences under CTC logits, a pronunciation lexicon and a word model, in NumPy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from neurolect.decoding.hypotheses import Decoder, Hypothesis, Logits
from neurolect.decoding.lexicon_tree import LexiconTree
from neurolect.decoding.tokens import Floats, Integers, Tokens, best_of_each, rows_of_ranges
from neurolect.decoding.word_sequences import WordSequences
from neurolect.errors import ConfigError, DataError
from neurolect.language.word_model import WordModel
from neurolect.text.alphabet import PHONEMES, Alphabet
from neurolect.text.lexicon import Lexicon


class LexiconBeam(Decoder):
    """Viterbi token passing over a lexicon tree, frame by frame; implements `Decoder`.

    A path emits one class a frame: the same class again is the same phoneme going on, and a doubled phoneme needs a
    blank between. Before the first word and after every word stands either silence, with `silence_probability`, or
    nothing. A sentence's score is that of its best path:

        acoustic_scale · acoustic + language_model_weight · language model + lexicon

    Topology and scores are those of the WFST decoder of Card et al. 2024, whose settings are the defaults except for
    `max_active`. Paths are merged only where their words so far are equal, so that every sentence of the n-best list is
    a path that survived, with its exact score.

    Args:
        lexicon: pronunciations; words that the word model does not know are left out.
        word_model: the language model, or `UniformWords` for none.
        alphabet: classes of the logits, with a silence.
        acoustic_scale: weight of the acoustic log-probabilities.
        blank_penalty: the blank's probability is divided by this, and the others stay as they are.
        beam: a path is dropped when it is this far below the best, both counted with the unigram log-probability of
            the likeliest word that they can still become.
        max_active: paths kept after a frame.
        n_best: sentences returned at most.
        silence_probability: of a silence before the first word and after each word.
        language_model_weight: weight of the word model's log-probabilities.

    Raises:
        ConfigError: a setting is out of its range, or the alphabet has no silence or lacks a phoneme of the lexicon.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        word_model: WordModel,
        alphabet: Alphabet = PHONEMES,
        acoustic_scale: float = 0.325,
        blank_penalty: float = 90.0,
        beam: float = 17.0,
        max_active: int = 1500,
        n_best: int = 100,
        silence_probability: float = 0.9,
        language_model_weight: float = 1.0,
    ) -> None:
        if alphabet.silence is None:
            raise ConfigError("lexicon beam: the alphabet has no silence class")
        for name, value, allowed in (
            ("acoustic_scale", acoustic_scale, acoustic_scale > 0),
            ("blank_penalty", blank_penalty, blank_penalty > 0),
            ("beam", beam, beam > 0),
            ("max_active", max_active, max_active >= 1),
            ("n_best", n_best, n_best >= 1),
            ("silence_probability", silence_probability, 0 <= silence_probability <= 1),
            ("language_model_weight", language_model_weight, language_model_weight >= 0),
        ):
            if not allowed:
                raise ConfigError(f"lexicon beam: {name} cannot be {value}")
        self.word_model = word_model
        self.alphabet = alphabet
        self.silence: int = alphabet.silence
        self.tree = LexiconTree.build(lexicon, word_model, alphabet)
        self.acoustic_scale = acoustic_scale
        self.log_blank_penalty = math.log(blank_penalty)
        self.beam = beam
        self.max_active = max_active
        self.n_best = n_best
        self.log_silence = math.log(silence_probability) if silence_probability > 0 else -math.inf
        self.log_no_silence = math.log1p(-silence_probability) if silence_probability < 1 else -math.inf
        self.language_model_weight = language_model_weight
        # One more node than the tree has: a word is complete and its silence has not come yet.
        self.awaits_silence = len(self.tree)
        self.look_ahead = language_model_weight * np.append(self.tree.look_ahead, self.tree.look_ahead[0])

    def stream(self) -> LexiconBeamStream:
        """Begin an utterance whose logits arrive in pieces."""
        return LexiconBeamStream(self)


class LexiconBeamStream:
    """One utterance in a `LexiconBeam`; implements `Stream`."""

    def __init__(self, beam: LexiconBeam) -> None:
        self._beam = beam
        self._sentences = WordSequences(beam.word_model)
        self._frames = 0
        start = Tokens(
            node=np.array([0, beam.awaits_silence]),
            last=np.full(2, beam.alphabet.blank),
            sentence=np.zeros(2, dtype=np.int64),
            acoustic=np.zeros(2),
            lexicon=np.array([beam.log_no_silence, beam.log_silence]),
        )
        self._tokens = start.take(np.isfinite(start.lexicon))

    def push(self, frames: Logits) -> None:
        """Take the next logits (frames, classes); no frames is allowed.

        Raises:
            DataError: they have another number of classes, or a frame has NaN or +∞.
        """
        frames = np.asarray(frames, dtype=np.float64)
        if frames.size == 0:
            return
        classes = len(self._beam.alphabet)
        if frames.ndim != 2 or frames.shape[1] != classes:
            raise DataError(f"logits have the shape {frames.shape}, the decoder takes (frames, {classes})")
        for frame in frames:
            # Frame by frame, so that sums round alike however the frames were cut into chunks.
            shifted = frame - frame.max()
            log_probabilities = shifted - np.log(np.exp(shifted).sum())
            if np.isnan(log_probabilities).any():
                raise DataError(f"logits of frame {self._frames} are not numbers")
            log_probabilities[self._beam.alphabet.blank] -= self._beam.log_blank_penalty
            self._step(log_probabilities)
            self._frames += 1

    def partial(self) -> Hypothesis:
        """The words of the path that is best so far, with the word it is in the middle of weighed but not shown."""
        best = np.argmax(self._ranks(self._tokens, self._scores(self._tokens)))
        return self._hypotheses(self._tokens.take(np.array([best])), np.zeros(1))[0]

    def finish(self) -> list[Hypothesis]:
        """The distinct sentences if the utterance ends here, best first.

        Only complete words count, with the silence after the last one if that was chosen. Where no path stands at such
        a place, all paths count with their words so far and without the end of the sentence, as in Kaldi.
        """
        complete = self._tokens.take(self._tokens.node == 0)
        if len(complete.node):
            return self._hypotheses(complete, self._sentences.finish(complete.sentence))
        return self._hypotheses(self._tokens, np.zeros(len(self._tokens.node)))

    def _step(self, log_probabilities: Floats) -> None:
        tokens, first_entered = self._advance(log_probabilities)
        survivors = self._prune(tokens)
        tokens, has_entered = tokens.take(survivors), survivors >= first_entered
        tokens = Tokens.concatenate((tokens, self._end_words(tokens.take(has_entered))))
        survivors = self._prune(tokens)
        if len(survivors) > self._beam.max_active:
            rest = tokens.take(survivors)
            ranks = self._ranks(rest, self._scores(rest))
            survivors = survivors[np.argpartition(-ranks, self._beam.max_active - 1)[: self._beam.max_active]]
        self._tokens = tokens.take(survivors)

    def _advance(self, log_probabilities: Floats) -> tuple[Tokens, int]:
        """Every way on by one class; those that enter a node of the tree come last, from the returned row on."""
        beam, tree, tokens = self._beam, self._beam.tree, self._tokens
        everyone = np.arange(len(tokens.node))
        repeating = np.flatnonzero(tokens.last != beam.alphabet.blank)
        waiting = np.flatnonzero((tokens.node == beam.awaits_silence) & (tokens.last != beam.silence))
        in_tree = np.flatnonzero(tokens.node != beam.awaits_silence)
        children, parents = rows_of_ranges(tree.first_child, tokens.node[in_tree])
        parents = in_tree[parents]
        allowed = tree.label[children] != tokens.last[parents]
        children, parents = children[allowed], parents[allowed]

        before = np.concatenate((everyone, repeating, waiting, parents))
        blanks = np.full(len(everyone), beam.alphabet.blank)
        silences = np.full(len(waiting), beam.silence)
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
        choices = ((0, beam.log_no_silence), (beam.awaits_silence, beam.log_silence))
        return Tokens.concatenate(
            tokens._replace(node=np.full(len(owners), node), sentence=sentence, lexicon=tokens.lexicon + log_choice)
            for node, log_choice in choices
            if log_choice > -math.inf
        )

    def _prune(self, tokens: Tokens) -> Integers:
        """Rows within the beam, of which only the best of each (sentence, node, last class)."""
        scores = self._scores(tokens)
        ranks = self._ranks(tokens, scores)
        near = np.flatnonzero(ranks >= ranks.max() - self._beam.beam)
        nodes, classes = len(self._beam.look_ahead), len(self._beam.alphabet)
        keys = (tokens.sentence[near] * nodes + tokens.node[near]) * classes + tokens.last[near]
        return near[best_of_each(keys, scores[near])]

    def _scores(self, tokens: Tokens, ends: Floats | float = 0.0) -> Floats:
        beam = self._beam
        language_model = self._sentences.log_probability(tokens.sentence) + ends
        return beam.acoustic_scale * tokens.acoustic + beam.language_model_weight * language_model + tokens.lexicon

    def _ranks(self, tokens: Tokens, scores: Floats) -> Floats:
        ranks: npt.NDArray[np.float64] = scores + self._beam.look_ahead[tokens.node]
        return ranks

    def _hypotheses(self, tokens: Tokens, ends: Floats) -> list[Hypothesis]:
        totals = self._scores(tokens, ends)
        language_model = self._sentences.log_probability(tokens.sentence) + ends
        best = best_of_each(tokens.sentence, totals)
        best = best[np.argsort(-totals[best], kind="stable")][: self._beam.n_best]
        return [
            Hypothesis(
                words=self._sentences.words(int(tokens.sentence[row])),
                acoustic=float(tokens.acoustic[row]),
                language_model=float(language_model[row]),
                lexicon=float(tokens.lexicon[row]),
                total=float(totals[row]),
            )
            for row in best
        ]
