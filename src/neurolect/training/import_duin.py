"""Checkpoints of the Du-IN reference as models and runs, read without executing anything in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from neurolect.data.seeg.channel_choice import duin_channels
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError, DataError
from neurolect.models.registry import build_model
from neurolect.training.duin_names import from_reference
from neurolect.training.duin_parameters import duin_parameter
from neurolect.training.duin_sizes import described_model
from neurolect.training.run_files import load_weights
from neurolect.training.segment_runs import SegmentRun, Task
from neurolect.training.torch_files import read_torch_file

SAMPLE_RATE = 1000.0
"""Of all signals that the reference trains on, in Hz."""

_ROOTS = (
    "mask_emb subj_block tokenizer tokenizers emb_time encoder vq_block decoder rgs_block rgs_blocks desubj_block "
    "cls_block cls_blocks contra_block"
).split()
_TASKS: dict[str, Task] = {
    "DuINVQVAE": "vqvae", "DuINMAE": "mae", "DuINClassifier": "words", "DuINPhonemeTagger": "phonemes"
}  # fmt: skip


def read_duin_checkpoint(path: Path) -> nn.Module:
    """Read a model: which one, its form and its sizes follow from the names and shapes in the file.

    Whatever was put before the reference's names by data-parallel training or compilation is removed, and what the
    reference computes without using it is left out. `save/params` two folders up is read where it is there.

    Args:
        path: `checkpoint-*.pth`, written on any device.

    Returns:
        a model in evaluation mode, on the CPU.

    Raises:
        DataError: the file is missing, is no such checkpoint, or holds anything but tensors.
    """
    weights = {_without_prefix(name): tensor for name, tensor in _read_tensors(path).items()}
    n_samples = duin_parameter(path, "model", "seq_len")
    try:
        name, arguments = described_model(weights, n_samples)
        model = build_model(name, arguments)
        ours = from_reference(model, weights)
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]} is missing") from None
    # Tensors of any shape may bear the reference's names.
    except (ConfigError, ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a Du-IN checkpoint: {' '.join(str(error).split())}") from None
    load_weights(model, ours, str(path))
    return model.eval()


def import_duin_run(
    path: Path,
    subjects: Sequence[str] | None = None,
    channels: Mapping[str, Sequence[str]] | None = None,
    words: Sequence[str] | None = None,
) -> SegmentRun:
    """Read a checkpoint with the names that it does not hold; signals are taken to be z-scored already.

    Args:
        path: `checkpoint-*.pth`.
        subjects: names in the order of the model's; None takes those of `save/params`, or that of the folder
            `<subject>/<stage>/model` which the checkpoint is in.
        channels: subject → names in the order of the model's inputs; Du-IN's own subjects are known.
        words: a classifier's classes in their order; None numbers them.

    Raises:
        DataError: the file is no such checkpoint.
        ConfigError: subjects, channels or words are unknown or of another number than the model's.
    """
    model = read_duin_checkpoint(path)
    arguments: dict[str, Any] = model.arguments  # type: ignore[assignment]
    names = list(subjects or _subjects_of(path, arguments["n_subjects"]))
    if len(names) != arguments["n_subjects"]:
        raise ConfigError(f"{path}: the model has {arguments['n_subjects']} subjects, {len(names)} are named")
    task = _TASKS[type(model).__name__]
    n_words = arguments["n_classes"] if task == "words" else 0
    classes = list(words or (str(number) for number in range(n_words)))
    if len(classes) != n_words:
        raise ConfigError(f"{path}: the model has {n_words} words, {len(classes)} are named")
    inputs = [_input(name, (channels or {}).get(name)) for name in names]
    widest = max(inputs, key=lambda each: len(each.channels))
    if len(widest.channels) != arguments["n_channels"]:
        raise ConfigError(
            f"subject '{widest.subject}' has {len(widest.channels)} channels, the model takes {arguments['n_channels']}"
        )
    return SegmentRun(
        model=model,
        task=task,
        inputs=inputs,
        sample_rate=SAMPLE_RATE,
        n_samples=arguments["n_samples"],
        words=classes,
        data={"protocol": "reference", "simulated": False, "imported": path.name},
    )


def _input(subject: str, channels: Sequence[str] | None) -> SubjectInput:
    names = channels or duin_channels(subject)
    if names is None:
        raise ConfigError(
            f"the channels of subject '{subject}' are not known: name them with --channels, such as "
            f"'{{{subject}: [A1, A2]}}'"
        )
    return SubjectInput(subject, tuple(names), (0.0,) * len(names), (1.0,) * len(names))


def _subjects_of(path: Path, n_subjects: int) -> list[str]:
    named = duin_parameter(path, "train", "subjs")
    if isinstance(named, list) and len(named) == n_subjects:
        return [str(name) for name in named]
    folders = path.absolute().parts
    if n_subjects == 1 and len(folders) > 3 and duin_channels(folders[-4]):
        return [folders[-4]]
    raise ConfigError(f"{path}: does not say whose it is: name the model's {n_subjects} subjects with --subjects")


def _without_prefix(name: str) -> str:
    parts = name.split(".")
    root = next((place for place, part in enumerate(parts) if part in _ROOTS), 0)
    return ".".join(parts[root:])


def _read_tensors(path: Path) -> dict[str, Tensor]:
    checkpoint = read_torch_file(path)
    if not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in checkpoint.items()):
        raise DataError(f"{path}: not a dictionary of tensors")
    return checkpoint
