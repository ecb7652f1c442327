"""Language-model servers as processes of their own, utterances for them, and a client of the reference's."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from neurolect.decoding.networks import LexiconNetwork
from neurolect.language.ngram_conversion import convert
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER
from neurolect.text.lexicon import Lexicon

WORDS = "i want to two go home come see you soon thank for four know no".split()
SENTENCES = ["i want to go home", "see you soon", "thank you", "i know you want to come", "go home soon"]
SECONDS = 30
"""After which a wait has failed."""


def small_lm(folder: Path) -> Path:
    """An n-gram model of a few words, so that a server starts fast."""
    unigrams = "".join(f"{-1 - 0.1 * number:.1f}\t{word}\n" for number, word in enumerate(WORDS))
    text = f"\\data\\\nngram 1={len(WORDS) + 2}\n\n\\1-grams:\n-99\t<s>\n-1\t</s>\n{unigrams}\n\\end\\\n"
    (folder / "lm.arpa").write_text(text)
    return convert(folder / "lm.arpa", folder / "lm.nlm").path


narrow = partial(LexiconNetwork, absent_word_log10=-math.inf)
"""Leaves out the words of the English dictionary that the small model lacks."""


@cache
def english() -> Lexicon:
    return Lexicon.english()


def small_graph(folder: Path) -> Path:
    """A graph of the same words, with which a server starts faster still."""
    pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    from neurolect.language.graph_building import build_graph

    words = Lexicon({word: english()[word] for word in WORDS})
    build_graph(small_lm(folder), words, folder / "graph")
    return folder / "graph" / "LG.fst"


def spoken(sentence: str, seed: int = 0) -> np.ndarray:
    """Logits (frames, 41) of a sentence, in the protocol's order of classes, noisy."""
    words = english()
    phonemes = [each for word in sentence.split() for each in (*words[word][0], "SIL")]
    classes = np.repeat(PHONEMES_LANGUAGE_MODEL_ORDER.encode(phonemes), 3)
    noise = np.random.default_rng(seed).normal(size=(len(classes), 41))
    return (noise + 9 * np.eye(41)[classes]).astype(np.float32)


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


@dataclass
class Server:
    """A `serve lm` that runs."""

    process: subprocess.Popen
    lines: list[str] = field(default_factory=list)

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def send(self, what: signal.Signals) -> None:
        os.kill(self.process.pid, what)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(socket: Path, *settings: str) -> Iterator[Server]:
    """A server process that meets clients at a socket, once it is ready."""
    command = [sys.executable, "-m", "neurolect", "serve", "lm", "--unix-socket", str(socket), *settings]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    server = Server(process)

    def listen() -> None:
        for line in process.stdout:
            server.lines.append(line.rstrip())

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        wait_until(lambda: server.said("serving") or process.poll() is not None)
        assert process.poll() is None, server.lines
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        process.wait()
        thread.join()
        process.stdout.close()


class ReferenceClient:
    """What the evaluation of Card et al. 2024 does, call by call; waits have an end here."""

    def __init__(self, r, prefix: str = "") -> None:
        self.r = r
        self.prefix = prefix
        # It takes what is not older than a millisecond for new: what another client was answered must be older.
        time.sleep(0.005)
        seconds, microseconds = r.time()
        now = seconds * 1000 + microseconds // 1000
        self.seen = dict.fromkeys(
            (
                "remote_lm_output_partial", "remote_lm_output_final", "remote_lm_done_finalizing",
                "remote_lm_done_resetting", "remote_lm_done_updating_params",
            ),
            str(now - 1),
        )  # fmt: skip

    def wait(self, stream: str) -> dict[bytes, bytes]:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            response = self.r.xread({self.prefix + stream: self.seen[stream]}, count=1, block=1000)
            if response:
                entry_id, entry_data = response[0][1][0]
                self.seen[stream] = entry_id
                return entry_data
        raise AssertionError(f"nothing on {stream}")

    def reset(self) -> None:
        self.r.xadd(self.prefix + "remote_lm_reset", {"done": 0})
        time.sleep(0.001)
        self.wait("remote_lm_done_resetting")

    def update(self, **parameters) -> dict[bytes, bytes]:
        self.r.xadd(self.prefix + "remote_lm_update_params", parameters)
        time.sleep(0.001)
        return self.wait("remote_lm_done_updating_params")

    def send(self, logits: np.ndarray | bytes) -> dict[bytes, bytes]:
        raw = logits if isinstance(logits, bytes) else np.float32(logits).tobytes()
        self.r.xadd(self.prefix + "remote_lm_input", {"logits": raw})
        return self.wait("remote_lm_output_partial")

    def finalize(self) -> dict[str, list]:
        self.r.xadd(self.prefix + "remote_lm_finalize", {"done": 0})
        time.sleep(0.005)
        self.final = self.wait("remote_lm_output_final")
        self.wait("remote_lm_done_finalizing")
        return parsed(self.final)

    def sentence(self, logits: np.ndarray) -> str:
        self.reset()
        self.send(logits)
        return self.finalize()["candidate_sentences"][0]


def parsed(final: dict[bytes, bytes]) -> dict[str, list]:
    scoring = final[b"scoring"].decode().split(";")
    columns = [scoring[0::5], *([float(each) for each in scoring[place::5]] for place in range(1, 5))]
    if not columns[0] or not columns[4]:
        columns = [[""], [0.0], [0.0], [0.0], [0.0]]
    order = sorted(range(len(columns[0])), key=lambda place: columns[4][place], reverse=True)
    kept, sentences = [], set()
    for place in order:
        if columns[0][place] not in sentences:
            sentences.add(columns[0][place])
            kept.append(place)
    names = ("sentences", "acoustic_scores", "ngram_scores", "llm_scores", "total_scores")
    return {f"candidate_{name}": [column[place] for place in kept] for name, column in zip(names, columns, strict=True)}
