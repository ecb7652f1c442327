"""Checkpoints of the brain-to-text reference (Card et al. 2024) as runs, read without executing anything in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from torch import Tensor

from neurolect.data.smoothing import GaussianSmoothing
from neurolect.errors import ConfigError, DataError
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import PHONEMES
from neurolect.training.run_files import load_weights
from neurolect.training.runs import Run
from neurolect.training.torch_files import read_torch_file

_PREFIXES = ("_orig_mod.", "module.")


def read_t15_checkpoint(folder: Path) -> Run:
    """Read `best_checkpoint` and `args.yaml` from a folder, or from its `checkpoint` folder.

    Prefixes that `torch.compile` and data-parallel training put before parameter names are removed, in any nesting.

    Raises:
        DataError: a file is missing, is not what it should be, or holds objects other than tensors and numbers.
    """
    if (folder / "checkpoint").is_dir():
        folder = folder / "checkpoint"
    arguments = _read_arguments(folder / "args.yaml")
    path = folder / "best_checkpoint"
    checkpoint = _read_tensors(path)
    if not isinstance(checkpoint.get("model_state_dict"), Mapping):
        raise DataError(f"{path}: has no model_state_dict")
    weights = {_without_prefixes(name): tensor for name, tensor in checkpoint["model_state_dict"].items()}
    return _run(arguments, folder / "args.yaml", weights, path, checkpoint)


def _run(
    arguments: dict[str, Any], where: Path, weights: dict[str, Tensor], path: Path, checkpoint: Mapping[str, Any]
) -> Run:
    try:
        settings, dataset = arguments["model"], arguments["dataset"]
        sessions = [str(session) for session in dataset["sessions"]]
        transforms = dataset.get("data_transforms", {})
        model = GRUDecoder(
            neural_dim=settings["n_input_features"],
            n_units=settings["n_units"],
            n_days=len(sessions),
            n_classes=dataset["n_classes"],
            rnn_dropout=settings["rnn_dropout"],
            input_dropout=settings["input_network"]["input_layer_dropout"],
            n_layers=settings["n_layers"],
            patch_size=settings["patch_size"],
            patch_stride=settings["patch_stride"],
        )
    except KeyError as error:
        raise DataError(f"{where}: {error.args[0]} is missing") from None
    except TypeError:
        raise DataError(f"{where}: a table of settings is empty") from None
    if dataset.get("feature_subset"):
        raise ConfigError(f"{where}: feature_subset is set; write a dataset that holds only those columns instead")
    if dataset["n_classes"] != len(PHONEMES):
        raise DataError(f"{where}: n_classes is {dataset['n_classes']}, the T15 alphabet has {len(PHONEMES)}")
    load_weights(model, weights, str(path))
    smooths = transforms.get("smooth_data", True)
    return Run(
        model=model.eval(),
        alphabet=PHONEMES,
        sessions=sessions,
        smoothing=GaussianSmoothing(
            std=float(transforms.get("smooth_kernel_std", 2)) if smooths else 0.0,
            size=int(transforms.get("smooth_kernel_size", 100)),
        ),
        metrics={"val/per": float(checkpoint["val_PER"])} if "val_PER" in checkpoint else {},
    )


def _read_arguments(path: Path) -> dict[str, Any]:
    try:
        arguments = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(f"{path}: no such file; a checkpoint folder holds args.yaml and best_checkpoint") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise DataError(f"{path}: not a YAML file") from None
    if not isinstance(arguments, dict):
        raise DataError(f"{path}: not a table of settings")
    return arguments


def _read_tensors(path: Path) -> dict[str, Any]:
    """Tensors, numbers and NumPy scalars only; anything else in the pickle is refused before it is built."""
    scalar = np.float64(0).__reduce__()[0]
    # Checkpoints written under NumPy 1 and NumPy 2 name the same function differently.
    allowed: list[Any] = [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        *(type(np.dtype(name)) for name in ("float64", "float32", "int64", "int32")),
    ]
    return read_torch_file(path, allowed)


def _without_prefixes(name: str) -> str:
    while name.startswith(_PREFIXES):
        name = name.split(".", 1)[1]
    return name
