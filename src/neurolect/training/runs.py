"""A run folder on disk: the trained weights and everything needed to use them on new recordings."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from neurolect.data.files import written_atomically
from neurolect.data.frames import Patching
from neurolect.data.smoothing import GaussianSmoothing, Padding
from neurolect.errors import ConfigError, DataError
from neurolect.models.registry import build_model
from neurolect.text.alphabet import Alphabet

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
_FORMAT = 1


@dataclass(frozen=True)
class Run:
    """A trained frame decoder with its alphabet, its sessions and its preprocessing.

    Args:
        model: in evaluation mode.
        alphabet: classes of the logits.
        sessions: names of the days, in the order of the model's day layers.
        smoothing: applied to features before the model.
        feature_blocks: which features the model was trained on; None is all.
        data: where the run was trained, for verbs that are not told otherwise.
        metrics: what training reported for these weights.
    """

    model: nn.Module
    alphabet: Alphabet
    sessions: list[str]
    smoothing: GaussianSmoothing
    feature_blocks: list[str] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def patching(self) -> Patching:
        """How the model's frames lie over bins."""
        patching = getattr(self.model, "patching", Patching(size=0))
        assert isinstance(patching, Patching)
        return patching

    def day_of(self, session: str) -> int:
        """Day index of a session.

        Raises:
            ConfigError: the run has no layer for it.
        """
        if session not in self.sessions:
            raise ConfigError(f"the run has no day layer for session {session}; it knows {', '.join(self.sessions)}")
        return self.sessions.index(session)

    @torch.inference_mode()
    def logits(
        self, features: npt.NDArray[np.float32], session: str, padding: Padding = "same"
    ) -> npt.NDArray[np.float32]:
        """One trial's features (bins, features) → logits (frames, classes) in float32.

        Args:
            features: as recorded, in the columns the run was trained on.
            session: selects the day layer.
            padding: of the smoothing; the reference's evaluation uses `valid`.
        """
        expected = getattr(self.model, "arguments", {}).get("neural_dim", features.shape[1])
        if features.shape[1] != expected:
            raise DataError(f"session {session}: {features.shape[1]} features, the run was trained on {expected}")
        device = next(self.model.parameters()).device
        batch = torch.from_numpy(np.array(features, dtype=np.float32)).unsqueeze(0).to(device)
        day = torch.tensor([self.day_of(session)], device=device)
        logits: Tensor = self.model(self.smoothing(batch, padding), day)
        return logits[0].float().cpu().numpy()


def save_run(folder: Path, run: Run) -> None:
    """Write `model.safetensors` and `model.json`, each whole or not at all."""
    arguments = getattr(run.model, "arguments", None)
    if not isinstance(arguments, dict):
        raise ConfigError(f"{type(run.model).__name__} does not keep its constructor's arguments")
    description = {
        "format": _FORMAT,
        "model": type(run.model).__name__,
        "arguments": arguments,
        "alphabet": asdict(run.alphabet),
        "sessions": run.sessions,
        "smoothing": asdict(run.smoothing),
        "feature_blocks": run.feature_blocks,
        "data": run.data,
        "metrics": run.metrics,
    }
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in run.model.state_dict().items()}
    with written_atomically(folder / WEIGHTS) as partial:
        save_file(weights, partial)
        # safetensors writes files that nobody else may read.
        partial.chmod(0o644)
    with written_atomically(folder / DESCRIPTION) as partial:
        partial.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def load(folder: Path | str, device: str = "auto") -> Run:
    """Open a run folder.

    Args:
        folder: holds `model.safetensors` and `model.json`.
        device: such as `cpu` or `cuda:1`; `auto` takes an accelerator where there is one.

    Raises:
        DataError: the folder is not a run, or its weights do not fit its description.
    """
    folder = Path(folder)
    description = _read_description(folder / DESCRIPTION)
    weights = read_weights(folder / WEIGHTS)
    try:
        return _described(description, weights, folder, device)
    except KeyError as error:
        raise DataError(f"{folder / DESCRIPTION}: {error.args[0]} is missing") from None


def _described(description: dict[str, Any], weights: Mapping[str, Tensor], folder: Path, device: str) -> Run:
    model = build_model(description["model"], description["arguments"])
    load_weights(model, weights, str(folder / WEIGHTS))
    alphabet = description["alphabet"]
    return Run(
        model=model.to(choose_device(device)).eval(),
        alphabet=Alphabet(tuple(alphabet["symbols"]), alphabet["blank"], alphabet["silence"]),
        sessions=description["sessions"],
        smoothing=GaussianSmoothing(**description["smoothing"]),
        feature_blocks=description["feature_blocks"],
        data=description["data"],
        metrics=description["metrics"],
    )


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


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(f"{path}: no such file; a run folder holds {WEIGHTS} and {DESCRIPTION}") from None
    except ValueError:
        raise DataError(f"{path}: not a JSON file") from None
    if description.get("format") != _FORMAT:
        raise DataError(f"{path}: format {description.get('format')}, this version reads format {_FORMAT}")
    return description
