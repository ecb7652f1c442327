"""A decoder that has its work done by a language-model server over Redis, this package's or the reference's."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neurolect.decoding.hypotheses import Hypothesis, Logits
from neurolect.errors import ConfigError, DataError, NeurolectError
from neurolect.online.lm_group import announce
from neurolect.online.lm_protocol import Fields, Kind, LmStreams, Received, from_final, write_logits
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER, Alphabet

if TYPE_CHECKING:
    from redis import Redis

_FRAMES_AT_ONCE = 4000
"""Of an utterance; hardly any is longer."""

_WAIT_MS = 1000

_RECONNECT_SECONDS = 120.0
"""A Redis that has not come back by then does not."""


class NoAnswerError(NeurolectError):
    """The language-model server does not answer in time."""


class RemoteDecoder:
    """Sentences from a language-model server; `decode` is that of a `Decoder` of whole utterances.

    Each answer is one to a request of this very utterance. Where the connection is lost, or Redis comes back without
    its data, the utterance is sent again, whole.

    Args:
        client: of the Redis server at which the language-model server listens.
        streams: keys; a session of one's own has a prefix, which this package's servers find by themselves.
        alphabet: classes of the logits, the 41 phonemes in any order.
        timeout: seconds to wait for each answer.
        look_after: is called once a second while an answer is waited for; may raise.

    Raises:
        ConfigError: the classes are not those of the protocol.
    """

    def __init__(
        self,
        client: Redis,
        streams: LmStreams = LmStreams(),
        alphabet: Alphabet = PHONEMES,
        timeout: float = 120.0,
        look_after: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._streams = streams
        self._columns = alphabet.columns_of(PHONEMES_LANGUAGE_MODEL_ORDER)
        self._timeout = timeout
        self._look_after = look_after
        self._begun = False

    def decode(self, logits: Logits) -> list[Hypothesis]:
        """Sentences of one utterance.

        Args:
            logits: (frames, classes).

        Returns:
            As the server orders them, at least one. The reference's server tells neither times nor confidences.

        Raises:
            NoAnswerError: there is no answer in time.
            DataError: the server refuses the logits, or answers in another format.
            ConfigError: Redis refuses a command.
        """
        from redis.exceptions import ConnectionError, ResponseError, TimeoutError

        logits = np.asarray(logits)
        if logits.ndim != 2 or logits.shape[1] != len(self._columns):
            raise DataError(
                f"logits have the shape {logits.shape}, they must be (frames, {len(self._columns)} classes)"
            )
        while True:
            try:
                return self._decode_once(logits[:, self._columns])
            except _DataLostError:
                continue
            except (ConnectionError, TimeoutError):
                self._wait_for_redis()
            except ResponseError as error:
                raise ConfigError(f"redis: {error}") from None

    def server_settings(self) -> dict[str, str]:
        """What the server publishes of its settings, by the reference's names; empty where it or Redis is away."""
        from redis.exceptions import RedisError

        try:
            newest: Any = self._client.xrevrange(self._streams.args, count=1)
        except RedisError:
            return {}
        return {name.decode(): value.decode() for name, value in newest[0][1].items()} if newest else {}

    def close(self) -> None:
        """End the session, so that the server forgets it; one without a prefix goes on for others."""
        from redis.exceptions import RedisError

        if self._begun and self._streams.prefix:
            try:
                self._client.xadd(self._streams.request("reset"), {"end": 1})
            except RedisError:
                # It is ended after a day of silence.
                return

    def _wait_for_redis(self) -> None:
        from redis.exceptions import AuthenticationError, ConnectionError, TimeoutError

        seconds = min(self._timeout, _RECONNECT_SECONDS)
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._client.ping()
                return
            except AuthenticationError as error:
                raise ConfigError(f"redis: {error}") from None
            except (ConnectionError, TimeoutError) as error:
                if time.monotonic() > deadline:
                    raise NoAnswerError(f"redis: no connection within {seconds:g} s: {error}") from None
                time.sleep(0.1)

    def _decode_once(self, logits: npt.NDArray[np.floating]) -> list[Hypothesis]:
        self._begun = True
        if self._streams.prefix and not self._client.exists(self._streams.state):
            announce(self._client, self._streams.prefix)
        utterance = _Exchange(self._client, self._streams, self._timeout, self._look_after)
        utterance.ask("reset", {"done": 0}, self._streams.answer("reset"))
        # What was still answered to an earlier utterance is behind us now.
        utterance.skip_what_is_there()
        for start in range(0, len(logits), _FRAMES_AT_ONCE):
            frames: Fields = {"logits": write_logits(logits[start : start + _FRAMES_AT_ONCE])}
            heard = utterance.ask("input", frames, self._streams.answer("input"))
            if b"error" in heard:
                raise DataError(f"the language-model server refuses the logits: {_text(heard[b'error'])}")
        final = utterance.ask("finalize", {"done": 0}, self._streams.final)
        utterance.wait_for("finalize", self._streams.answer("finalize"))
        if b"error" in final:
            warnings.warn(f"language-model server: {_text(final[b'error'])}", stacklevel=3)
        return from_final(final)


class _DataLostError(Exception):
    """Redis has another process behind it, which knows nothing of the utterance."""


class _Exchange:
    """Requests of one utterance and the answers to them; what was written before it is not looked at."""

    def __init__(self, client: Redis, streams: LmStreams, timeout: float, look_after: Callable[[], None]) -> None:
        self._client = client
        self._streams = streams
        self._timeout = timeout
        self._look_after = look_after
        self._name = uuid.uuid4().hex.encode()
        self._life = _life(client)
        self._seen: dict[str, str] = {}
        self.skip_what_is_there()

    def skip_what_is_there(self) -> None:
        kinds: tuple[Kind, ...] = ("reset", "input", "finalize")
        answers = [*(self._streams.answer(kind) for kind in kinds), self._streams.final]
        self._seen = {key: _last_id(self._client, key) for key in answers}

    def ask(self, kind: Kind, fields: Fields, answer: str) -> Received:
        self._client.xadd(self._streams.request(kind), {**fields, "request": self._name})  # type: ignore[dict-item]
        return self.wait_for(kind, answer)

    def wait_for(self, kind: Kind, answer: str) -> Received:
        """The next answer that is to this utterance; the reference's server does not say, and is taken at its word."""
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            replied: Any = self._client.xread({answer: self._seen[answer]}, count=1, block=_WAIT_MS)
            if not replied:
                self._look_after()
                if _life(self._client) != self._life or not self._client.exists(self._streams.request(kind)):
                    raise _DataLostError
                continue
            ((entry, fields),) = replied[0][1]
            self._seen[answer] = entry.decode()
            if fields.get(b"request", self._name) == self._name:
                return dict(fields)
        asked = self._streams.request(kind)
        raise NoAnswerError(
            f"redis: no answer to '{asked}' within {self._timeout:g} s; is 'neurolect serve lm' running for it?"
        )


def _life(client: Redis) -> str:
    """Names the Redis process behind the connection."""
    said: Any = client.info("server")
    return str(said["run_id"])


def _last_id(client: Redis, key: str) -> str:
    from redis.exceptions import ResponseError

    try:
        described: Any = client.xinfo_stream(key)
    except ResponseError:
        return "0-0"
    return str(described["last-generated-id"].decode())


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
