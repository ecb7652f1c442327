from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError, DataError
from neurolect.models.duin.classifier import DuINClassifier
from neurolect.models.duin.settings import EncoderSettings
from neurolect.training.encoder_start import start_encoder_from
from neurolect.training.segment_runs import SegmentRun

TINY = EncoderSettings(
    patch_size=20, subject_width=4, filters=(8, 8, 4), strides=(4, 1, 1), kernels=(5, 3, 3), n_blocks=1, n_heads=2,
    head_width=4,
)  # fmt: skip


def subject(name: str, *channels: str) -> SubjectInput:
    return SubjectInput(name, channels, (0.0,) * len(channels), (1.0,) * len(channels))


def classifier(inputs: list[SubjectInput], n_samples: int, seed: int, settings: EncoderSettings) -> nn.Module:
    torch.manual_seed(seed)
    widest = max(len(each.channels) for each in inputs)
    model = DuINClassifier(widest, len(inputs), n_samples, n_classes=3, encoder=settings)
    model.train()(torch.randn(6, n_samples, widest), torch.arange(6) % len(inputs))  # statistics of its own
    return model.eval()


@pytest.fixture(params=[False, True], ids=["subject layer", "subject tokenizers"])
def settings(request) -> EncoderSettings:
    return replace(TINY, subject_tokenizers=request.param)


KNOWN = [subject("one", "A1", "A2", "B1"), subject("two", "C1", "C2"), subject("three", "D1", "D2", "D3")]


@pytest.fixture
def run(settings) -> SegmentRun:
    return SegmentRun(classifier(KNOWN, 160, 0, settings), "mae", KNOWN, 100.0, 160)


def test_subjects_and_channels_are_found_by_their_names(run, settings):
    # Other order of subjects and channels, fewer of both, other length, another width of padding.
    inputs = [subject("two", "C1", "C2"), subject("one", "B1", "A1")]
    model = classifier(inputs, 60, 1, settings)
    start_encoder_from(model, inputs, 100.0, run)
    signals = torch.randn(2, 60, 2)
    wide = torch.zeros(2, 60, 3)
    wide[0, :, :2] = signals[0]
    wide[1, :, [2, 0]] = signals[1]
    expected = run.model.encoder.tokenize(wide, torch.tensor([1, 0]))
    assert torch.allclose(model.encoder.tokenize(signals, torch.tensor([0, 1])), expected, atol=1e-6)
    tokens = torch.randn(1, 3, expected.shape[-1])
    assert torch.equal(model.encoder.transformer(tokens), run.model.encoder.transformer(tokens))


def test_new_subjects_are_refused_unless_they_may_begin_anew(run, settings):
    inputs = [subject("two", "C1", "C2"), subject("four", "E1")]
    model = classifier(inputs, 60, 1, settings)
    with pytest.raises(DataError, match="does not know subject 'four', only one, two, three"):
        start_encoder_from(model, inputs, 100.0, run)
    alone = torch.zeros(1, 60, 2)
    alone[..., 0] = torch.randn(60)
    fresh = [each.detach().clone() for each in _of_second_subject(model)]
    start_encoder_from(model, inputs, 100.0, run, "fresh")
    assert all(torch.equal(*pair) for pair in zip(fresh, _of_second_subject(model), strict=True))


def test_new_subjects_alone_begin_anew_behind_a_known_encoder(run, settings):
    inputs = [subject("four", "E1"), subject("five", "F1", "F2")]
    model = classifier(inputs, 60, 1, settings)
    with pytest.raises(DataError, match="--new_subjects fresh"):
        start_encoder_from(model, inputs, 100.0, run)
    fresh = [each.detach().clone() for each in _of_second_subject(model)]
    start_encoder_from(model, inputs, 100.0, run, "fresh")
    assert all(torch.equal(*pair) for pair in zip(fresh, _of_second_subject(model), strict=True))
    shared = model.encoder.tokenize(torch.randn(1, 60, 2), torch.tensor([1]))
    tokens = torch.randn(1, 3, shared.shape[-1])
    assert torch.equal(model.encoder.transformer(tokens), run.model.encoder.transformer(tokens))


def _of_second_subject(model: nn.Module) -> list[torch.Tensor]:
    if model.encoder.settings.subject_tokenizers:
        return list(model.encoder.tokenizers.subjects[1].parameters())
    return [model.encoder.subject_layer.weight[1], model.encoder.subject_layer.offset[1]]


def test_what_differs_is_named(run, settings):
    def start(inputs: list[SubjectInput], rate: float = 100.0, **changes: object) -> None:
        start_encoder_from(classifier(inputs, 60, 1, replace(settings, **changes)), inputs, rate, run)

    with pytest.raises(DataError, match="no channel 'C9' of subject two, only C1, C2"):
        start([subject("two", "C1", "C9")])
    with pytest.raises(DataError, match=r"was trained at 100\.0 Hz, the data have 50\.0 Hz"):
        start([subject("two", "C1")], rate=50.0)
    with pytest.raises(ConfigError, match=r"has encoder\.head_width 4, this one has 8"):
        start([subject("two", "C1")], head_width=8)
    with pytest.raises(DataError, match="does not know subject 'nobody'"):
        start([subject("nobody", "C1")])
    start([subject("two", "C1")], dropout=0.0)
