"""Names of the Redis streams and keys through which live decoding speaks.

All that a sender sends is in one stream, in one order, so that whoever reads it again gets the same sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurolect.errors import ConfigError

if TYPE_CHECKING:
    from redis import Redis

Fields = dict[str, bytes | str | int | float]
"""Of a stream entry, as they are written."""

Received = Mapping[bytes, bytes]
"""Of a stream entry, as they are read."""

RECORDER = "recorder"
"""Consumer group on the sentences, for whom the input of an utterance is kept until it is acknowledged."""


@dataclass(frozen=True)
class LiveStreams:
    """Keys of one live decoder; several share a server under several prefixes.

    Args:
        prefix: of all keys.
    """

    prefix: str = "neurolect:"

    @property
    def input(self) -> str:
        """Stream of `Bins` and `Event`, in the order in which they are sent."""
        return f"{self.prefix}input"

    @property
    def phonemes(self) -> str:
        """Stream of `PhonemeFrames`."""
        return f"{self.prefix}phonemes"

    @property
    def partials(self) -> str:
        """Stream of `Partial`."""
        return f"{self.prefix}partials"

    @property
    def sentences(self) -> str:
        """Stream of `Sentence`: each finished utterance once."""
        return f"{self.prefix}sentences"

    @property
    def corrections(self) -> str:
        """Stream of `Correction`."""
        return f"{self.prefix}corrections"

    @property
    def problems(self) -> str:
        """Stream of `Problem`."""
        return f"{self.prefix}problems"

    @property
    def status(self) -> str:
        """JSON string: what the decoder is and how it fares, renewed every second."""
        return f"{self.prefix}status"

    @property
    def state(self) -> str:
        """Hash from which a decoder that was killed is gone on with."""
        return f"{self.prefix}state"

    @property
    def recorder(self) -> str:
        """String, which the one recorder renews while it lives."""
        return f"{self.prefix}recorder"

    def require_types(self, client: Redis) -> None:
        """See that no key holds something else.

        Raises:
            ConfigError: one does; names it.
        """
        names = ("input", "phonemes", "partials", "sentences", "corrections", "problems", "status", "state", "recorder")
        types = {"status": "string", "state": "hash", "recorder": "string"}
        for name in names:
            key, wanted = getattr(self, name), types.get(name, "stream")
            found: Any = client.type(key)
            if found.decode() not in ("none", wanted):
                raise ConfigError(
                    f"redis: {key} is a {found.decode()} and must be a {wanted}: delete it or use another prefix"
                )
