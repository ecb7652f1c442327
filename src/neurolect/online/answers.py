"""Waits for the sentences of a live decoder, and lays them beside the trials that were played."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurolect.errors import ConfigError
from neurolect.online.live_answers import UNREADABLE, Sentence
from neurolect.online.live_status import read_status
from neurolect.online.live_streams import LiveStreams
from neurolect.online.lost_connections import until_done
from neurolect.online.replay import PlayedTrial
from neurolect.text.error_rates import ErrorRate, count_word_errors, error_rate
from neurolect.text.normalise import normalise_for_evaluation

if TYPE_CHECKING:
    from redis import Redis

_POLL_MS = 200


@dataclass(frozen=True)
class AnsweredTrial:
    """A trial and what was decoded of it: None where nothing was."""

    played: PlayedTrial
    decoded: str | None


class Answers:
    """Sentences that a decoder gives from now on to one source.

    Args:
        client: of the server where the decoder is.
        streams: its keys.
        source: whose sentences are wanted.
        say: is told that the server is waited for.
    """

    def __init__(self, client: Redis, streams: LiveStreams, source: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._streams = streams
        self._source = source
        self._say = say
        last: Any = until_done(lambda: client.xrevrange(streams.sentences, count=1), say)
        self._last: bytes | str = last[0][0] if last else "0-0"
        self.sentences: list[Sentence] = []

    def wait(self, n: int, patience: float, on_sentence: Callable[[int], None] = lambda _: None) -> None:
        """Read sentences until there are `n`, the decoder has nothing left to do, or nothing comes any more.

        Args:
            n: sentences expected.
            patience: seconds without a sentence, or a bin that the decoder has heard, after which it ends.
            on_sentence: is told how many there are.
        """
        heard = time.monotonic()
        idle: set[str] = set()
        progress: tuple[Any, ...] = ()
        while len(self.sentences) < n and time.monotonic() - heard < patience:
            status = serving(self._client, self._streams, self._say)
            told = status or {}
            if (told.get("bins"), told.get("queue")) != progress:
                progress, heard = (told.get("bins"), told.get("queue")), time.monotonic()
            before = len(self.sentences)
            until_done(self._read, self._say)
            if len(self.sentences) > before:
                heard = time.monotonic()
                on_sentence(len(self.sentences))
            elif status and not status.get("queue") and not status.get("in_utterance"):
                idle.add(str(status.get("time")))
            else:
                idle.clear()
            # The first may have been written before the decoder saw what was sent last.
            if len(idle) > 2:
                return

    def _read(self) -> None:
        found: Any = self._client.xread({self._streams.sentences: self._last}, block=_POLL_MS)
        for _, entries in found or ():
            for entry, fields in entries:
                self._last = entry
                try:
                    sentence = Sentence.from_fields(fields)
                except UNREADABLE:
                    continue
                if sentence.source == self._source:
                    self.sentences.append(sentence)


def serving(client: Redis, streams: LiveStreams, say: Callable[[str], None]) -> dict[str, Any] | None:
    """What the decoder says of itself, None where there is none any more."""
    status = until_done(lambda: read_status(client, streams), say)
    return None if status is None or status.get("ended") else status


def require_width(status: dict[str, Any] | None, n_features: int) -> None:
    """Refuse features that the decoder would refuse; without a decoder nothing is known.

    Raises:
        ConfigError: it takes another number of features.
    """
    expected = (status or {}).get("n_features", n_features)
    if expected != n_features:
        raise ConfigError(f"there are {n_features} features, the decoder takes {expected}")


def beside(played: Sequence[PlayedTrial], sentences: Sequence[Sentence]) -> list[AnsweredTrial]:
    """Lay sentences beside the trials with which they share most bins; several of one trial are put together.

    A sentence that shares no bin with any trial is left out: it is of silence.
    """
    texts: dict[int, list[str]] = {}
    for sentence in sentences:
        shared = [_shared(trial, sentence) for trial in played]
        if shared and max(shared) > 0:
            texts.setdefault(shared.index(max(shared)), []).append(sentence.text)
    return [
        AnsweredTrial(trial, " ".join(filter(None, texts[index])) if index in texts else None)
        for index, trial in enumerate(played)
    ]


def _shared(trial: PlayedTrial, sentence: Sentence) -> int:
    end = sentence.first_bin + sentence.n_bins
    return min(trial.end, end) - max(trial.first_bin, sentence.first_bin)


def word_error_rate(answered: Sequence[AnsweredTrial]) -> ErrorRate | None:
    """Of the trials whose sentence is known, as the reference counts it; one without an answer lacks all its words.

    None where no trial's sentence is known.
    """
    known = [each for each in answered if each.played.trial.sentence is not None]
    if not known:
        return None
    return error_rate(
        count_word_errors(
            [normalise_for_evaluation(each.played.trial.sentence or "") for each in known],
            [normalise_for_evaluation(each.decoded or "") for each in known],
        )
    )
