"""What a live decoder says over Redis, said without one: for tests of those who listen."""

from __future__ import annotations

import json
import time

import numpy as np

from neurolect.online.live_answers import Partial, PhonemeFrames, Problem, Sentence, Word
from neurolect.online.live_input import Bins
from neurolect.online.live_streams import LiveStreams
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon

BINS_PER_FRAME = 4
FRAMES_PER_PHONEME = 2
ARRAYS = [
    f"{array} {kind}"
    for kind in ("threshold crossings", "spike power")
    for array in ("ventral 6v", "area 4", "55b", "dorsal 6v")
]


class StandInDecoder:
    """Speaks as `neurolect serve live` does, of sentences that it is given.

    Args:
        client: of the server.
        streams: where to.
        lexicon: pronunciations; without one, words have made-up ones.
    """

    def __init__(self, client, streams: LiveStreams | None = None, lexicon: Lexicon | None = None):
        self.client, self.streams, self.lexicon = client, streams or LiveStreams(), lexicon
        self.rng = np.random.default_rng(0)
        self.utterance = 0
        self.bins = 0
        self.inputs: list[str] = []
        patterns = np.random.default_rng(1)
        self.patterns = patterns.normal(size=(len(PHONEMES), 5)) @ patterns.normal(size=(5, 512)) / 2

    def status(self, **changes) -> dict:
        """Renew the status; returns it."""
        said = {
            "run": "runs/t15", "session": "t15.2024.03.08", "simulated": True, "n_features": 512,
            "feature_arrays": [[name, 64 * number, 64 * number + 63] for number, name in enumerate(ARRAYS)],
            "symbols": list(PHONEMES.symbols), "blank": PHONEMES.blank, "silence": PHONEMES.silence,
            "seconds_per_bin": 0.02, "seconds_per_frame": 0.08, "lookahead_seconds": 0.2, "weights": "float32",
            "lm": "5gram.nlm", "utterance": self.utterance, "in_utterance": False, "sentences": self.utterance,
            "lag_ms": 3.0, "queue": 0, "latency_ms": {"p50": 6.4, "p99": 14.2, "max": 31.0}, "behind": False,
            "bins": self.bins, "problems": 0, "time": time.time(), **changes,
        }  # fmt: skip
        self.client.set(self.streams.status, json.dumps(said))
        return said

    def problem(self, text: str, part: str = "decoder") -> None:
        """Say what a person should know."""
        self.client.xadd(self.streams.problems, Problem(text, "", part).to_fields())

    def rest(self, n_bins: int) -> None:
        """Bins in which nobody speaks."""
        self._send(self.rng.normal(size=(n_bins, 512)))

    def utter(self, text: str, confidences=None, alternatives=(), notes=None, at_rate=None, finish=True) -> Sentence:
        """One utterance: its bins, its phonemes, its partial sentences, its sentence.

        Args:
            text: of the sentence.
            confidences: of its words.
            alternatives: to it.
            notes: that came with it.
            at_rate: times real time; None waits for nothing.
            finish: whether it ends.
        """
        self.utterance += 1
        words = text.split()
        frame, said, first_bin, before = 0, [], self.bins, len(self.inputs)
        for number, word in enumerate(words):
            start = frame * 0.08
            for symbol in [*self._phonemes(word), PHONEMES.symbols[PHONEMES.silence]]:
                for _ in range(FRAMES_PER_PHONEME):
                    self._frame(frame, PHONEMES.index(symbol))
                    frame += 1
                    if at_rate:
                        time.sleep(0.08 / at_rate)
            confidence = 0.9 if confidences is None else confidences[number]
            said.append(Word(word, start, frame * 0.08, confidence))
            so_far = tuple(Word(each.text, each.start, each.end) for each in said)
            partial = Partial(
                self.utterance, " ".join(words[: number + 1]), so_far, frame, self.inputs[-1], time.time(), 6.4
            )
            self.client.xadd(self.streams.partials, partial.to_fields())
        heard = self.inputs[before:] or ["0-0"]
        sentence = Sentence(
            self.utterance, text, tuple(said), ((text, -1.0), *((other, -2.0) for other in alternatives)), -1.0,
            "t15.2024.03.08", 3, "event", frame * BINS_PER_FRAME, frame, first_bin, "test", heard[0], heard[-1], "",
            notes or {}, (), 41.0,
        )  # fmt: skip
        if finish:
            self.client.xadd(self.streams.sentences, sentence.to_fields())
        return sentence

    def _phonemes(self, word: str) -> list[str]:
        if self.lexicon is None:
            return [PHONEMES.symbols[1 + ord(letter) % 39] for letter in word]
        return list(self.lexicon[word][0])

    def _frame(self, frame: int, phoneme: int) -> None:
        features = self.rng.normal(size=(BINS_PER_FRAME, 512)) + self.patterns[phoneme]
        self._send(features)
        scores = self.rng.gumbel(size=len(PHONEMES))
        scores[phoneme if frame % FRAMES_PER_PHONEME else PHONEMES.blank] += 6
        probabilities = np.exp(scores - scores.max())
        probabilities = (probabilities / probabilities.sum())[None].astype(np.float32)
        self.client.xadd(self.streams.phonemes, PhonemeFrames(self.utterance, frame, probabilities).to_fields())

    def _send(self, features) -> None:
        bins = Bins(features.astype(np.float32), self.bins, "test", time.time())
        self.inputs.append(self.client.xadd(self.streams.input, bins.to_fields(), maxlen=2_000).decode())
        self.bins += len(features)
