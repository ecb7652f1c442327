"""The settings of a search that can be tuned: of which values by default, the decoder they make, and their YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import yaml

from neurolect.data.files import written_atomically
from neurolect.decoding.decoder import Decoder
from neurolect.decoding.networks import LexiconNetwork, Network
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.words import graph_decoder, network_weights, read_lexicon, read_ngrams, require_lone_graph
from neurolect.errors import ConfigError
from neurolect.text.alphabet import Alphabet

Values = Mapping[str, float]

NETWORK_SETTINGS = ("language_model_weight", "silence_probability")
"""Settings to tune that belong to the network; all others are options of the decoder."""

WHOLE_OPTIONS = ("max_active", "min_active", "n_best")
"""Options of the decoder that are whole numbers."""

DEFAULT_GRID: dict[str, list[float]] = {
    "acoustic_scale": [0.325, 0.5, 0.7, 1.0],
    "blank_penalty": [9.0, 30.0, 90.0],
    "max_active": [300, 1000],
}

DEFAULT_RANGES: dict[str, list[float]] = {
    "acoustic_scale": [0.2, 2.0],
    "blank_penalty": [1.0, 300.0],
    "word_bonus": [-2.0, 2.0],
    "language_model_weight": [0.5, 3.0],
    "max_active": [200, 2000],
}


def default_ranges(graph: Path | None) -> dict[str, list[float]]:
    """Bounds to tune between; a graph file has the settings of the network in it."""
    return {name: bounds for name, bounds in DEFAULT_RANGES.items() if graph is None or name not in NETWORK_SETTINGS}


def fixed_settings(graph: Path | None) -> dict[str, Any]:
    """The values that settings have unless they are tuned: figures hold only as long as these do."""
    return {**asdict(DecoderOptions()), **(network_weights(LexiconNetwork) if graph is None else {})}


def tunable_decoder(
    lm: str, lexicon: Path | None, graph: Path | None, alphabet: Alphabet, threads: int = 1
) -> Callable[[Values], Decoder]:
    """A function from settings, of the decoder and of the network, to a decoder; what is large is read once.

    Raises:
        ConfigError: a graph file is given together with what it replaces; by the function, for a setting that it cannot
            have.
    """
    make: Callable[..., Network]
    require_lone_graph(graph, lm, lexicon)
    if graph is None:
        words, ngrams = read_lexicon(lexicon, alphabet), read_ngrams(lm)
        # Many settings share a network; all of them at a time would fill the memory.
        make = lru_cache(maxsize=4)(partial(LexiconNetwork, words, ngrams, alphabet))
    else:
        make = partial(_fixed_network, graph_decoder(graph, alphabet).network)

    def build(values: Values) -> Decoder:
        options, weights = _divided(values)
        return Decoder(make(**weights), DecoderOptions(**options), alphabet, threads)

    return build


def _fixed_network(network: Network, **weights: float) -> Network:
    if weights:
        raise ConfigError(f"tune: a graph file fixes {', '.join(weights)}")
    return network


def _divided(values: Values) -> tuple[dict[str, Any], dict[str, float]]:
    """Options of the decoder, whole numbers where they must be, and settings of the network."""
    settings = {name: int(value) if name in WHOLE_OPTIONS else float(value) for name, value in values.items()}
    network = {name: settings.pop(name) for name in NETWORK_SETTINGS if name in settings}
    return settings, network


def write_config(out: Path, values: Values) -> None:
    """Write values as YAML that `--config` of `decode` and `evaluate` takes."""
    options, network = _divided(values)
    config: dict[str, Any] = {"decoder": options}
    if network:
        config["network"] = {"class_path": "neurolect.decoding.LexiconNetwork", "init_args": network}
    with written_atomically(out) as partial:
        partial.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def check_space(space: Mapping[str, list[float]], graph: Path | None) -> None:
    """Refuse settings that cannot be tuned.

    Raises:
        ConfigError: neither decoder nor network has such a setting, a graph file fixes it, or it has no values.
    """
    known = [*NETWORK_SETTINGS, *(field.name for field in fields(DecoderOptions))]
    for name, values in space.items():
        if name not in known:
            raise ConfigError(f"tune: there is no setting '{name}'; there are {', '.join(known)}")
        if not values:
            raise ConfigError(f"tune: {name} has no values")
        if graph is not None and name in NETWORK_SETTINGS:
            raise ConfigError(f"tune: a graph file fixes {name}")
