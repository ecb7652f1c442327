"""The models that runs know by name, and what they have in common."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol, get_type_hints

from torch import nn

from neurolect.errors import ConfigError

FRAME_DECODERS = {
    "GRUDecoder": "neurolect.models.gru",
}
"""Models from features of any length to logits per frame: class name → the module that holds it."""

SEGMENT_MODELS = {
    "DuINVQVAE": "neurolect.models.duin.vqvae",
    "DuINMAE": "neurolect.models.duin.mae",
    "DuINClassifier": "neurolect.models.duin.classifier",
    "DuINPhonemeTagger": "neurolect.models.duin.phoneme_tagger",
    "DuINAligner": "neurolect.models.duin.aligner",
}
"""Models of segments of field potentials that hold a `DuINEncoder` as `encoder`."""

MODELS = FRAME_DECODERS | SEGMENT_MODELS
"""Class name → the module that holds it. Adding a model is adding a file and a line above."""


class FrameDecoderFactory(Protocol):
    """A model class with all but the arguments that the data decide."""

    def __call__(self, neural_dim: int, n_days: int, n_classes: int) -> nn.Module:
        """Build the model for features of this width, this many days and this many classes."""
        ...


def build_model(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build a registered model from its constructor's arguments.

    Raises:
        ConfigError: no such model, or it does not take these arguments.
    """
    if name not in MODELS:
        raise ConfigError(f"there is no model '{name}'; known: {', '.join(MODELS)}")
    constructor = model_class(name)
    kinds = get_type_hints(constructor.__init__)
    try:
        model: nn.Module = constructor(**{key: _settings(value, kinds.get(key)) for key, value in arguments.items()})
    # Torch says in a RuntimeError that a size is negative or too large.
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {' '.join(str(error).split())}") from None
    return model


def model_class(name: str) -> type[nn.Module]:
    """The class of a registered model."""
    found: type[nn.Module] = getattr(importlib.import_module(MODELS[name]), name)
    return found


def constructor_arguments(local_names: Mapping[str, Any]) -> dict[str, Any]:
    """What a model keeps in `self.arguments` to be rebuilt from: `locals()` on the first line of its constructor.

    Settings that are dataclasses become tables, so that all of it can be written as JSON.
    """
    return {
        name: asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        for name, value in local_names.items()
        if name not in ("self", "__class__")
    }


def _settings(value: Any, kind: Any) -> Any:
    """A table of settings as the dataclass that a constructor takes; any other value as it is."""
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, Mapping):
        return kind(**value)
    return value
