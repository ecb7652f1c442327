"""flashlight-text with KenLM behind the same calls as our decoder, in the best of the forms that were tried.

Silence belongs to every word's spelling: as an optional word it cost more time and more errors. Scores are combined as
in our search: acoustic log-probabilities times 0.325, the blank's less log 90, natural logarithms of the n-grams.
flashlight keeps at most six words of one pronunciation, so that 251 pronunciations of the dictionary get lost.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from neurolect.decoding import DecoderOptions
from neurolect.decoding.log_probabilities import log_softmax
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER as CLASSES
from neurolect.text.lexicon import Lexicon

TOKENS_PER_FRAME = 15
UNKNOWN = "<unk>"
Frames = npt.NDArray[np.float32]


class Flashlight:
    """The lexicon decoder of flashlight-text.

    Args:
        lexicon: all pronunciations.
        ngrams: ARPA file or KenLM binary.
        beam_size: hypotheses kept after a frame.
    """

    def __init__(self, lexicon: Lexicon, ngrams: str, beam_size: int) -> None:
        from flashlight.lib.text import decoder as flashlight
        from flashlight.lib.text.dictionary import Dictionary

        options = DecoderOptions()
        self._scale, self._log_blank_penalty = options.acoustic_scale, math.log(options.blank_penalty)
        self._words = Dictionary()
        for word in (*lexicon, UNKNOWN):
            self._words.add_entry(word)
        with _quiet():
            self._ngrams = flashlight.KenLM(ngrams, self._words)
            self._trie = flashlight.Trie(len(CLASSES), CLASSES.silence)
            # Freed, its 126,052 successors leave holes in the heap that make the search a third slower.
            self._start = self._ngrams.start(False)
            for word in lexicon:
                number = self._words.get_index(word)
                score = self._ngrams.score(self._start, number)[1]
                for pronunciation in lexicon[word]:
                    self._trie.insert([*CLASSES.encode(pronunciation), CLASSES.silence], number, score)
            self._trie.smear(flashlight.SmearingMode.MAX)
        settings = flashlight.LexiconDecoderOptions(
            beam_size=beam_size,
            beam_size_token=TOKENS_PER_FRAME,
            beam_threshold=options.beam,
            lm_weight=math.log(10),
            word_score=0.0,
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=False,
            criterion_type=flashlight.CriterionType.CTC,
        )
        unknown = self._words.get_index(UNKNOWN)
        self._decoder = flashlight.LexiconDecoder(
            settings, self._trie, self._ngrams, CLASSES.silence, CLASSES.blank, unknown, [], False
        )

    def prepare(self, logits: Frames) -> Frames:
        """Logits (frames, classes) → the scores that flashlight adds up, of the same shape."""
        scores = log_softmax(logits.astype(np.float64))
        scores[:, CLASSES.blank] -= self._log_blank_penalty
        return np.ascontiguousarray(self._scale * scores, dtype=np.float32)

    def decode(self, frames: Frames) -> Sequence[Any]:
        """All sentences of an utterance (frames, classes), best first."""
        return self._decoder.decode(frames.ctypes.data, *frames.shape)

    def stream(self) -> FlashlightStream:
        """Begin an utterance."""
        return FlashlightStream(self._decoder)

    def texts(self, answers: Sequence[Any]) -> list[str]:
        """Sentences of an answer."""
        return [" ".join(self._words.get_entry(word) for word in answer.words if word >= 0) for answer in answers]


class FlashlightStream:
    """One utterance that is being decoded."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        decoder.decode_begin()

    def push(self, frames: Frames) -> None:
        """Take the next frames (frames, classes)."""
        self._decoder.decode_step(frames.ctypes.data, *frames.shape)

    def partial(self) -> Sequence[int]:
        """Words of the best path so far."""
        return self._decoder.get_best_hypothesis().words

    def finish(self) -> Sequence[Any]:
        """All sentences, best first."""
        self._decoder.decode_end()
        return self._decoder.get_all_final_hypothesis()


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nothing through that native code prints: one line for each homophone that the trie drops."""
    kept = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor, _ in kept:
            os.dup2(nowhere, descriptor)
        yield
    finally:
        for descriptor, copy in kept:
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nowhere)
