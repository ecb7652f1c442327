"""Begin a stage of Du-IN from the encoder of another run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal, cast

import torch
from torch import nn

from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError, DataError
from neurolect.models.duin.encoder import DuINEncoder
from neurolect.models.duin.subject_layer import SubjectLayer
from neurolect.models.duin.tokenizer import PatchTokenizer
from neurolect.training.runs import load_segments
from neurolect.training.segment_runs import SegmentRun

NewSubjects = Literal["refuse", "fresh"]

_FREE_TO_DIFFER = ("attention_dropout", "dropout")
_WHAT = "the run to start from"


@torch.no_grad()
def start_encoder_from(
    model: nn.Module,
    inputs: list[SubjectInput],
    sample_rate: float,
    run: SegmentRun,
    new_subjects: NewSubjects = "refuse",
) -> None:
    """Fill a model's encoder with another run's, running statistics included.

    What a subject has of its own is matched by the subject's name, and its channels by theirs. The table of times is no
    weight, so segments may have another length.

    Args:
        model: holds a `DuINEncoder` as `encoder`, of the same sizes as the run's.
        inputs: the model's subjects.
        sample_rate: of their signals in Hz.
        run: where the weights come from.
        new_subjects: whether a subject that the run does not know keeps its initial weights, or is refused.

    Raises:
        ConfigError: the encoders differ; names the first setting.
        DataError: the sampling rate is another, a subject is new and may not be, or lacks a channel in the run.
    """
    encoder, source = (cast(DuINEncoder, each.encoder) for each in (model, run.model))
    _require_same_settings(encoder, source)
    if run.sample_rate != sample_rate:
        raise DataError(f"{_WHAT} was trained at {run.sample_rate} Hz, the data have {sample_rate} Hz")
    new = [each.subject for each in inputs if each.subject not in run.subjects]
    if new and new_subjects == "refuse":
        raise DataError(
            f"{_WHAT} does not know subject '{new[0]}', only {', '.join(run.subjects)}; --new_subjects fresh lets new "
            "subjects begin anew"
        )
    of_all = {
        name: tensor
        for name, tensor in source.state_dict().items()
        if not name.startswith(("subject_layer.", "tokenizers."))
    }
    encoder.load_state_dict(of_all, strict=False)
    for index, own in enumerate(inputs):
        if own.subject in new:
            continue
        there = run.subjects.index(own.subject)
        rows = _rows(own, run.inputs[there])
        if encoder.settings.subject_tokenizers:
            _copy_tokenizer(encoder.tokenizers.subjects[index], source.tokenizers.subjects[there], rows)
        else:
            _copy_subject(encoder.subject_layer, index, source.subject_layer, there, rows)


def start_from_run(
    model: nn.Module, inputs: list[SubjectInput], sample_rate: float, folder: Path | None, new_subjects: NewSubjects
) -> None:
    """`start_encoder_from` the run in a folder; without a folder nothing happens."""
    if folder is not None:
        start_encoder_from(model, inputs, sample_rate, load_segments(folder, device="cpu"), new_subjects)


def _require_same_settings(encoder: DuINEncoder, source: DuINEncoder) -> None:
    there = asdict(source.settings)
    for name, here in asdict(encoder.settings).items():
        # A run's description has lists where a constructor had tuples.
        if name not in _FREE_TO_DIFFER and json.dumps(here) != json.dumps(there[name]):
            raise ConfigError(f"{_WHAT} has encoder.{name} {json.dumps(there[name])}, this one has {json.dumps(here)}")


def _copy_subject(own: SubjectLayer, index: int, known: SubjectLayer, there: int, rows: list[int]) -> None:
    own.weight[index, : len(rows)] = known.weight[there, rows]
    own.offset[index] = known.offset[there]


def _copy_tokenizer(own: nn.Module, known: nn.Module, rows: list[int]) -> None:
    assert isinstance(own, PatchTokenizer)
    assert isinstance(known, PatchTokenizer)
    first = "convolutions.0.weight"
    weights = known.state_dict()
    own.load_state_dict({name: tensor for name, tensor in weights.items() if name != first}, strict=False)
    own.get_parameter(first)[:, : len(rows)] = weights[first][:, rows]


def _rows(own: SubjectInput, known: SubjectInput) -> list[int]:
    """Where a subject's channels are in the run.

    Raises:
        DataError: names the first channel that is not there.
    """
    for channel in own.channels:
        if channel not in known.channels:
            there = ", ".join(known.channels)
            raise DataError(f"{_WHAT} has no channel '{channel}' of subject {own.subject}, only {there}")
    return [known.channels.index(channel) for channel in own.channels]
