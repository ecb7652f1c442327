"""The word search of an evaluation, done by a language-model server over Redis."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from neurolect.decoding.delayed_fusion import DelayedFusion
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring
from neurolect.decoding.words import LexiconNetworkFactory, network_weights
from neurolect.errors import ConfigError
from neurolect.language.english import ENGLISH
from neurolect.online.child_process import child
from neurolect.online.lm_client import RemoteDecoder
from neurolect.online.lm_protocol import LmStreams
from neurolect.online.redis_server import RedisServer, wait_for
from neurolect.text.alphabet import Alphabet


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a verb's word search and second pass, as for `neurolect decode`."""

    lm: str = ENGLISH
    lexicon: Path | None = None
    graph: Path | None = None
    lattice_lm: Path | None = None
    lattice_graph_lm: Path | None = None
    network: LexiconNetworkFactory = LexiconNetwork
    decoder: DecoderOptions = DecoderOptions()
    rescoring: Rescoring = Rescoring()

    def arguments(self) -> list[str]:
        """The words of a command line that stand for them.

        Raises:
            ConfigError: the network is of a class that a command line cannot name.
        """
        network = self.network
        if LexiconNetwork not in (network, getattr(network, "func", None), *getattr(network, "args", ())):
            raise ConfigError("over redis, network must be a LexiconNetwork")
        values: dict[str, Any] = {name: getattr(self, name) for name in _MODELS}
        values |= {f"network.{name}": value for name, value in self._changed_weights().items()}
        for group, settings in (("decoder", self.decoder), ("rescoring", self.rescoring)):
            values |= {f"{group}.{each.name}": getattr(settings, each.name) for each in fields(settings)}
        return [f"--{name}={_written(value)}" for name, value in values.items() if value is not None]

    def require_usual(self) -> None:
        """Refuse settings where another server's own rule.

        Raises:
            ConfigError: names the first one that is given.
        """
        changed = [name for name in (*_MODELS, "decoder", "rescoring") if getattr(self, name) != getattr(_USUAL, name)]
        changed += [f"network.{name}" for name in self._changed_weights()]
        if changed:
            raise ConfigError(
                f"the settings of the language-model server that listens there rule: leave out {changed[0]}"
            )

    def _changed_weights(self) -> dict[str, float]:
        usual = network_weights(LexiconNetwork)
        return {name: value for name, value in network_weights(self.network).items() if value != usual.get(name)}


_MODELS = ("lm", "lexicon", "graph", "lattice_lm", "lattice_graph_lm")
_USUAL = SearchSettings()

_PATIENCE_SECONDS = 600.0
"""A large language model takes minutes for a list on a machine without a GPU."""


def require_use(over: Literal["process", "redis"], redis: RedisServer, prefix: str, fusion: DelayedFusion) -> None:
    """Refuse settings that the way words are searched makes no use of.

    Raises:
        ConfigError: a server is named though this process searches, or fusion is asked of a server.
    """
    if over == "process" and (redis != RedisServer() or prefix):
        raise ConfigError("a Redis server is named for nothing: add --over redis")
    if over == "redis" and fusion != DelayedFusion():
        raise ConfigError("a language-model server takes no fusion: leave out fusion, or --over redis")


@contextmanager
def remote_search(
    redis: RedisServer, prefix: str, settings: SearchSettings, alphabet: Alphabet, say: Callable[[str], None]
) -> Iterator[tuple[RemoteDecoder, dict[str, str]]]:
    """A decoder whose work a language-model server does.

    With a Redis server named, it is the language-model server that listens there, whose own settings rule. With none
    named, a Redis server and a language-model server are started, and ended afterwards.

    Args:
        redis: where to meet.
        prefix: of the session's keys.
        settings: of a language-model server that is started.
        alphabet: classes of the logits.
        say: is told that a Redis server is waited for.

    Yields:
        The decoder, and facts for a report, which are known when all is decoded.

    Raises:
        ConfigError: settings are given that do not rule, or there is no Redis server to start.
        NeurolectError: no language-model server answers, or the one that was started does not start.
    """
    streams = LmStreams(prefix)
    with ExitStack() as ending:
        if redis.address is None:
            from neurolect.online.embedded_valkey import EmbeddedValkey

            valkey = ending.enter_context(EmbeddedValkey())
            meeting = [f"--redis.unix_socket={valkey.socket}", f"--prefix={json.dumps([prefix], ensure_ascii=False)}"]
            words = ["serve", "lm", *settings.arguments(), *meeting]
            look_after = ending.enter_context(child(words, ready="serving"))
            # It may think for as long as it lives.
            decoder = RemoteDecoder(valkey.server.client(), streams, alphabet, math.inf, look_after)
            yield decoder, {"searched by": "a language-model server started for this, over Redis"}
            return
        settings.require_usual()
        client = wait_for(redis, say)
        decoder = RemoteDecoder(client, streams, alphabet, _PATIENCE_SECONDS)
        ending.callback(decoder.close)
        facts: dict[str, str] = {}
        yield decoder, facts
        facts |= _facts(f"the language-model server at {redis.address}", decoder.server_settings())


def _facts(server: str, told: dict[str, str]) -> dict[str, str]:
    rule = ", ".join(f"{name}={value}" for name, value in told.items() if name != "lm_path")
    return {
        "searched by": f"{server}, whose settings rule",
        "language model": told.get("lm_path", "unknown"),
        "search": rule or "unknown",
        "network": "unknown",
        "second pass": "among the settings of the search",
    }


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    # As YAML has infinities.
    return {"inf": ".inf", "-inf": "-.inf"}.get(str(value), str(value))
