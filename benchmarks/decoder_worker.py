"""One decoder in a process of its own, which measures what `decoder.py` asks for, one JSON line a question.

A process apiece keeps their memory apart, and lets passes over the sentences alternate between decoders.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from decoder_peers import Flashlight
from neurolect.decoding import Decoder, DecoderOptions, GraphNetwork, Guidance, Hypothesis, LexiconNetwork
from neurolect.language.ngram_model import NgramModel
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER
from neurolect.text.lexicon import Lexicon

FRAME_SECONDS = 0.08
ORACLE_OF = 100
Frames = npt.NDArray[np.float32]


class Ours:
    """`neurolect.decoding.Decoder` with its default options, but for `max_active`."""

    def __init__(self, network: LexiconNetwork | GraphNetwork, max_active: int) -> None:
        self.decoder = Decoder(network, DecoderOptions(max_active=max_active), network.alphabet)
        self.decode = self.decoder.decode
        self.stream = self.decoder.stream

    def prepare(self, logits: Frames) -> Frames:
        """Nothing: the decoder takes logits."""
        return logits

    def texts(self, answers: Sequence[Hypothesis]) -> list[str]:
        """Sentences of an answer."""
        return [hypothesis.text for hypothesis in answers]


def load(kind: str, model: str, size: int) -> Ours | Flashlight:
    if kind == "graph":
        return Ours(GraphNetwork(Path(model)), size)
    lexicon = Lexicon.english()
    if kind == "flashlight":
        return Flashlight(lexicon, model, size)
    return Ours(LexiconNetwork(lexicon, NgramModel(model), PHONEMES_LANGUAGE_MODEL_ORDER), size)


class Measurements:
    """Everything that can be asked of the decoder.

    Args:
        contestant: the decoder; the time that its `prepare` and `texts` take is not counted.
        utterances: logits of each sentence (frames, classes).
        truth: what was said.
    """

    def __init__(self, contestant: Ours | Flashlight, utterances: list[Frames], truth: list[str]) -> None:
        self.contestant = contestant
        self.utterances = utterances
        self.frames = [contestant.prepare(each) for each in utterances]
        self.truth = truth

    def errors(self) -> dict[str, Any]:
        """First answers, and the edits that the best of the first hundred distinct ones needs."""
        first, oracle = [], []
        for frames, truth in zip(self.frames, self.truth, strict=True):
            answers = self.contestant.texts(self.contestant.decode(frames))
            texts = list(dict.fromkeys(answers))[:ORACLE_OF] or [""]
            first.append(texts[0])
            oracle.append(min(Levenshtein.distance(text.split(), truth.split()) for text in texts))
        return {"sentences": first, "oracle_errors": oracle}

    def offline(self) -> list[float]:
        """CPU milliseconds of each sentence, decoded whole."""
        times = []
        for frames in self.frames:
            started = time.process_time()
            self.contestant.decode(frames)
            times.append(1e3 * (time.process_time() - started))
        return times

    def streamed(self) -> dict[str, list[list[float]]]:
        """Wall and CPU milliseconds of every frame pushed by itself, of that and the partial answer, of every end."""
        times: dict[str, list[tuple[float, float]]] = {"push": [], "with_partial": [], "finish": []}
        for frames in self.frames:
            stream = self.contestant.stream()
            for frame in frames[:, None]:
                started = _clocks()
                stream.push(frame)
                pushed = _clocks()
                stream.partial()
                times["with_partial"].append(_since(started))
                times["push"].append((1e3 * (pushed[0] - started[0]), 1e3 * (pushed[1] - started[1])))
            started = _clocks()
            stream.finish()
            times["finish"].append(_since(started))
        return {name: np.round(np.transpose(values), 4).tolist() for name, values in times.items()}

    def sentences_per_second(self, threads: int) -> float:
        """Sentences a wall second in one batch."""
        ours = self._ours()
        decoder = Decoder(ours.decoder.network, ours.decoder.options, ours.decoder.alphabet, threads)
        logits, lengths = np.concatenate(self.utterances), [len(each) for each in self.utterances]
        started = time.perf_counter()
        decoder.decode(logits, lengths=lengths)
        return len(lengths) / (time.perf_counter() - started)

    def memory(self) -> dict[str, float]:
        """Memory now."""
        return memory()

    def many_utterances(self, n_utterances: int) -> list[dict[str, float]]:
        """Memory after the first, a quarter, half, three quarters and all of the utterances, which come round."""
        stops = {1, *(n_utterances * quarter // 4 for quarter in range(1, 5))}
        seen = []
        for number in range(n_utterances):
            self.contestant.decode(self.frames[number % len(self.frames)])
            if number + 1 in stops:
                seen.append({"utterances": number + 1, **memory()})
        return seen

    def long_utterance(self, seconds: float) -> list[dict[str, float]]:
        """Memory and CPU milliseconds a frame in each sixth of one utterance made of many sentences, and at its end."""
        n_frames = round(seconds / FRAME_SECONDS)
        copies = n_frames // sum(map(len, self.frames)) + 1
        frames = np.concatenate(self.frames * copies)[:n_frames]
        self.contestant.decode(self.frames[0])
        stream = self.contestant.stream()
        seen: list[dict[str, float]] = [{"seconds": 0.0, **memory()}]
        for sixth in np.array_split(frames, 6):
            started = time.process_time()
            for frame in sixth[:, None]:
                stream.push(frame)
            spent = 1e3 * (time.process_time() - started)
            at = seen[-1]["seconds"] + len(sixth) * FRAME_SECONDS
            seen.append({"seconds": round(at, 2), "cpu_ms_per_frame": round(spent / len(sixth), 3), **memory()})
        started = time.process_time()
        stream.finish()
        return [*seen, {"seconds": seen[-1]["seconds"], "finish_ms": 1e3 * (time.process_time() - started), **memory()}]

    def hot_words(self, phrases: dict[str, float]) -> dict[str, float]:
        """CPU milliseconds a sentence without and with phrases, each sentence once with and once without, in turns."""
        decoder, guidance = self._ours().decoder, Guidance(phrases=phrases)
        started = time.process_time()
        decoder.stream(guidance).finish()
        prepared = time.process_time() - started
        spent = {None: 0.0, guidance: 0.0}
        for number, frames in enumerate(self.frames):
            for hints in (None, guidance) if number % 2 else (guidance, None):
                started = time.process_time()
                decoder.decode(frames, guidance=hints)
                spent[hints] += time.process_time() - started
        plain, guided = (1e3 * each / len(self.frames) for each in spent.values())
        return {"plain_cpu_ms": plain, "guided_cpu_ms": guided, "first_use_cpu_ms": 1e3 * prepared}

    def _ours(self) -> Ours:
        assert isinstance(self.contestant, Ours)
        return self.contestant


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def _since(started: tuple[float, float]) -> tuple[float, float]:
    wall, cpu = _clocks()
    return 1e3 * (wall - started[0]), 1e3 * (cpu - started[1])


def memory() -> dict[str, float]:
    """Megabytes of this process: in memory, at most so far, and without what is mapped from files; {} where unknown."""
    names = {"VmRSS": "resident_mb", "VmHWM": "peak_mb", "RssAnon": "private_mb"}
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines)
    return {names[key[:-1]]: round(int(rest[0]) / 1024, 2) for key, *rest in fields if key[:-1] in names}


def main() -> None:
    task = json.loads(sys.argv[1])
    # What native libraries print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with np.load(task["posteriors"]) as file:
        lengths = file["lengths"][: task["n_sentences"]]
        logits = file["logits"][: lengths.sum()].astype(np.float32)
    utterances = np.split(logits, np.cumsum(lengths)[:-1])
    before = memory()
    started = time.perf_counter(), time.process_time()
    contestant = load(task["kind"], task["model"], task["size"])
    loaded = {"load_s": time.perf_counter() - started[0], "load_cpu_s": time.process_time() - started[1]}
    loaded |= {"before_loading_mb": before.get("resident_mb", float("nan")), **memory()}
    measurements = Measurements(contestant, utterances, task["truth"][: task["n_sentences"]])
    print(json.dumps(loaded), file=answers, flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(measurements, name)(*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    main()
