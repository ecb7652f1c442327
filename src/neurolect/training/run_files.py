"""The files of a run: weights in `model.safetensors`, what they mean in `model.json`, its settings in `config.yaml`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError, DataError
from neurolect.models.registry import build_model

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
SETTINGS = "config.yaml"
_FORMAT = 1


def holds_run(out: Path) -> bool:
    """Whether a folder holds a run, be it unfinished."""
    return (out / "checkpoints").exists() or (out / DESCRIPTION).exists()


def write_model(folder: Path, model: nn.Module, description: Mapping[str, Any]) -> None:
    """Write `model.safetensors` and `model.json`, each whole or not at all.

    Args:
        folder: of the run.
        model: keeps its constructor's arguments in `arguments`.
        description: what goes into `model.json` besides the model's name and arguments.
    """
    arguments = getattr(model, "arguments", None)
    if not isinstance(arguments, dict):
        raise ConfigError(f"{type(model).__name__} does not keep its constructor's arguments")
    described = {"format": _FORMAT, "model": type(model).__name__, "arguments": arguments, **description}
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with written_atomically(folder / WEIGHTS) as partial:
        save_file(weights, partial)
        # safetensors writes files that nobody else may read.
        partial.chmod(0o644)
    write_description(folder, described)


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write `model.json` as it is read."""
    with written_atomically(folder / DESCRIPTION) as partial:
        partial.write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_description(folder: Path) -> dict[str, Any]:
    """What `model.json` of a run folder says.

    Raises:
        DataError: the file is missing, damaged or of another format.
    """
    path = folder / DESCRIPTION
    description = read_json(path)
    if description.get("format") != _FORMAT:
        raise DataError(f"{path}: format {description.get('format')}, this version reads format {_FORMAT}")
    return description


def read_json(path: Path) -> dict[str, Any]:
    """A description, whatever its format.

    Raises:
        DataError: the file is missing or not a JSON object.
    """
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(f"{path}: no such file; a run folder holds {WEIGHTS} and {DESCRIPTION}") from None
    except ValueError:
        raise DataError(f"{path}: not a JSON file") from None
    if not isinstance(description, dict):
        raise DataError(f"{path}: not a JSON object")
    return description


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings that a run was trained with; none where it was imported.

    Raises:
        DataError: `config.yaml` cannot be read as YAML.
    """
    path = folder / SETTINGS
    if not path.is_file():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}") from None
    return settings if isinstance(settings, dict) else {}


def read_model(description: Mapping[str, Any], folder: Path, device: str) -> nn.Module:
    """The described model with its weights, ready for evaluation on a device.

    Raises:
        KeyError: the description lacks the model.
        DataError: the weights are missing, damaged or do not fit.
    """
    model = build_model(description["model"], description["arguments"])
    load_weights(model, read_weights(folder / WEIGHTS), str(folder / WEIGHTS))
    return model.to(choose_device(device)).eval()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        return load_file(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; a run folder holds {WEIGHTS} and {DESCRIPTION}") from None
    except SafetensorError as error:
        raise DataError(f"{path}: not a whole safetensors file: {error}") from None


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Fill a model; every name and shape has to fit.

    Raises:
        DataError: names the first tensor that is missing, unknown or of another shape.
    """
    expected = model.state_dict()
    for name in (*expected, *weights):
        if name not in weights:
            raise DataError(f"{where}: {name} is missing")
        if name not in expected:
            raise DataError(f"{where}: {name} is not a parameter of {type(model).__name__}")
        if weights[name].shape != expected[name].shape:
            shapes = f"{tuple(weights[name].shape)}, the model needs {tuple(expected[name].shape)}"
            raise DataError(f"{where}: {name} has shape {shapes}")
    model.load_state_dict(weights)


def choose_device(device: str) -> torch.device:
    """The named device; `auto` is the machine's accelerator if it has one, and one that it lacks the CPU (warned of).

    Raises:
        ConfigError: the name is not a device.
    """
    best = torch.accelerator.current_accelerator(check_available=True) if hasattr(torch, "accelerator") else None
    if device == "auto":
        return best or torch.device("cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise ConfigError(f"'{device}' is not a device; try auto, cpu or cuda:0") from None
    if chosen.type != "cpu" and (best is None or best.type != chosen.type):
        warnings.warn(f"there is no {device} that torch can use here; going on with the CPU", stacklevel=2)
        return torch.device("cpu")
    return chosen
