"""The models that runs know by name, and what they have in common."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

from torch import nn

from neurolect.errors import ConfigError

MODELS = {
    "GRUDecoder": "neurolect.models.gru",
}
"""Class name → the module that holds it. Adding a model is adding a file and a line here."""


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
    try:
        model: nn.Module = constructor(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from None
    return model


def model_class(name: str) -> type[nn.Module]:
    """The class of a registered model."""
    found: type[nn.Module] = getattr(importlib.import_module(MODELS[name]), name)
    return found


def constructor_arguments(local_names: Mapping[str, Any]) -> dict[str, Any]:
    """What a model keeps in `self.arguments` to be rebuilt from: `locals()` on the first line of its constructor."""
    return {name: value for name, value in local_names.items() if name not in ("self", "__class__")}
