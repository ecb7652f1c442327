"""Keeps every finished utterance of a live decoder on the disk, once, before the server may forget it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError
from neurolect.online.live_answers import UNREADABLE, Correction, Problem, Sentence
from neurolect.online.live_status import read_status
from neurolect.online.live_streams import RECORDER, LiveStreams, Received
from neurolect.online.lost_connections import passing, refuse_what_stays
from neurolect.online.recorded_bins import bins_of, width_of
from neurolect.online.recorded_trials import (
    RecordedTrial,
    read_recorded,
    recorded_files,
    recorded_name,
    utterance_of,
    write_recorded,
)

if TYPE_CHECKING:
    from redis import Redis

_RETRY_SECONDS = 0.5
_Entry = tuple[bytes, Received]


class Recorder:
    """Writes one file an utterance, and acknowledges it when it is on the disk; one recorder a prefix.

    Whenever it is killed, the next one goes on with what is not acknowledged; an utterance that is there already is not
    written again. Where the disk is full it says so, keeps nothing half written, and tries again.

    Args:
        client: of the server where the decoder is.
        streams: its keys.
        folder: gets the files; made if it is not there.
        say: is told what goes wrong; so is the stream of problems.
    """

    def __init__(
        self, client: Redis, streams: LiveStreams, folder: Path, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._client = client
        self._streams = streams
        self._folder = folder
        self._say = say
        folder.mkdir(parents=True, exist_ok=True)
        for partial in folder.glob(".utterance_*.partial"):
            partial.unlink(missing_ok=True)
        self._paths = {utterance_of(path): path for path in recorded_files(folder)}
        self._behind = True
        self._told = ""
        self._status: dict[str, Any] = {}

    def run(self, stop: threading.Event) -> None:
        """Record until told to stop, and then what is finished; a server that is away is waited for.

        Raises:
            ConfigError: the server refuses for good.
        """
        told = False
        while True:
            last = stop.is_set()
            try:
                self.step(0 if last else 500)
                if told:
                    self._say("recorder: Redis answers again")
                if self._behind:
                    stop.wait(_RETRY_SECONDS)
                told = False
            except passing() as error:
                refuse_what_stays(error)
                if not told:
                    self._say(f"recorder: waiting for Redis: {error}")
                told = True
                stop.wait(_RETRY_SECONDS)
            if last:
                return

    def step(self, block_ms: int = 500) -> int:
        """Record what is finished, waiting so many milliseconds for it; returns how many files were written.

        What could not be written is tried first at the next step.

        Raises:
            redis.exceptions.RedisError: the server is away; the next step goes on.
        """
        self._status = read_status(self._client, self._streams) or self._status
        written = 0
        if self._behind:
            written = self._handle(*self._read("0", None))
            if self._behind:
                return written
        # What the server gives out from here on is owed, even where its answer is lost on the way.
        self._behind = True
        return written + self._handle(*self._read(">", block_ms or None))

    def _read(self, start: str, block_ms: int | None) -> tuple[Sequence[_Entry], Sequence[_Entry]]:
        """Sentences and corrections, read at once so that no correction comes before its sentence."""
        from redis.exceptions import ResponseError

        streams = dict.fromkeys((self._streams.sentences, self._streams.corrections), start)
        try:
            found: Any = self._client.xreadgroup(RECORDER, RECORDER, streams, block=block_ms)  # type: ignore[arg-type]
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            for key in streams:
                self._begin_group(key)
            found = self._client.xreadgroup(RECORDER, RECORDER, streams)  # type: ignore[arg-type]
        entries = {key.decode(): each for key, each in found or ()}
        return entries.get(self._streams.sentences, ()), entries.get(self._streams.corrections, ())

    def _begin_group(self, key: str) -> None:
        from redis.exceptions import ResponseError

        try:
            self._client.xgroup_create(key, RECORDER, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _handle(self, sentences: Sequence[_Entry], corrections: Sequence[_Entry]) -> int:
        """Write what can be written and acknowledge it; the rest is what it is behind with."""
        waiting: set[int] = set()
        gone: list[int] = []
        written = 0
        for entry, fields in sentences:
            try:
                sentence = Sentence.from_fields(fields)
                name = recorded_name(sentence)
            except (DataError, *UNREADABLE) as error:
                self._problem(f"sentence {entry.decode()} cannot be recorded: {_in_short(error)}")
                self._client.xack(self._streams.sentences, RECORDER, entry)
                continue
            done = self._write(sentence, self._folder / name, gone)
            written += done is True
            if done is None:
                waiting.add(sentence.utterance)
            else:
                self._client.xack(self._streams.sentences, RECORDER, entry)
        if gone:
            self._problem(f"utterances {gone[0]} to {gone[-1]}, {len(gone)} in all, are not recorded: bins are gone")
        left = [entry for entry in corrections if not self._correct(*entry, waiting)]
        self._behind = bool(waiting or left)
        if not self._behind and self._told:
            self._say("recorder: goes on")
            self._told = ""
        return written

    def _write(self, sentence: Sentence, path: Path, gone: list[int]) -> bool | None:
        """True: written; False: needs no writing; None: not yet."""
        if path.exists():
            self._paths[sentence.utterance] = path
            return False
        n_features = self._status.get("n_features")
        if not (isinstance(n_features, int) and n_features > 0):
            self._problem_once("waits for a decoder, which says how many features there are")
            return None
        features = self._features(sentence, n_features)
        if not len(features):
            gone.append(sentence.utterance)
            # A file of this number is of another server's utterance, which nobody corrects here.
            self._paths.pop(sentence.utterance, None)
            return False
        played = isinstance(sentence.notes, dict) and sentence.notes.get("simulated") is True
        simulated = played or bool(self._status.get("simulated"))
        trial = RecordedTrial(features, sentence, simulated=simulated)
        if not trial.complete:
            self._problem(f"utterance {sentence.utterance}: {len(features)} of {sentence.n_bins} bins are recorded")
        try:
            write_recorded(path, trial)
        except OSError as error:
            self._cannot_write(error)
            return None
        self._paths[sentence.utterance] = path
        return True

    def _features(self, sentence: Sentence, n_features: int) -> npt.NDArray[np.float32]:
        """Bins of an utterance (bins, features); none if they are gone."""
        found: Any = self._client.xrange(self._streams.input, sentence.first_input, sentence.last_input)
        entries = [fields for _, fields in found]
        features = bins_of(sentence, entries, n_features)
        width = None if len(features) else width_of(sentence, entries)
        return features if width is None else bins_of(sentence, entries, width)

    def _correct(self, entry: bytes, fields: Received, waiting: set[int]) -> bool:
        """Store a correction with its utterance; False where that has to wait."""
        try:
            correction = Correction.from_fields(fields)
        except UNREADABLE as error:
            self._problem(f"correction {entry.decode()} cannot be read: {_in_short(error)}")
            self._client.xack(self._streams.corrections, RECORDER, entry)
            return True
        if correction.utterance in waiting:
            return False
        path = self._paths.get(correction.utterance)
        try:
            if path is None:
                self._problem(f"utterance {correction.utterance} was corrected, but is not recorded")
            else:
                _add_correction(path, correction)
        except DataError as error:
            self._problem(f"utterance {correction.utterance} cannot be corrected: {error}")
        except OSError as error:
            self._cannot_write(error)
            return False
        self._client.xack(self._streams.corrections, RECORDER, entry)
        return True

    def _cannot_write(self, error: OSError) -> None:
        self._problem_once(f"{self._folder}: {error.strerror or error}; what is finished waits in the stream")

    def _problem_once(self, text: str) -> None:
        if text != self._told:
            self._problem(text)
        self._told = text

    def _problem(self, text: str) -> None:
        self._say(f"recorder: {text}")
        self._client.xadd(self._streams.problems, Problem(text, "", "recorder").to_fields(), maxlen=1000)  # type: ignore[arg-type]


def _add_correction(path: Path, correction: Correction) -> None:
    trial = read_recorded(path)
    if correction not in trial.corrections:
        corrections = (*trial.corrections, correction)
        write_recorded(path, RecordedTrial(trial.features, trial.sentence, corrections, trial.simulated))


def _in_short(error: Exception) -> str:
    # Its repr would hold all that could not be read.
    return f"{type(error).__name__}: {error}"[:200]
