from __future__ import annotations

import numpy as np
import pytest
import torch

from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import DataError
from neurolect.models.duin.settings import DecoderSettings, EncoderSettings, QuantiserSettings
from neurolect.models.duin.vqvae import DuINVQVAE
from neurolect.training.segment_runs import SegmentRun
from neurolect.training.teacher import teacher_of

TINY = EncoderSettings(
    patch_size=20, subject_width=4, filters=(8, 8, 4), strides=(4, 1, 1), kernels=(5, 3, 3), n_blocks=1, n_heads=2,
    head_width=4,
)  # fmt: skip
ONE = SubjectInput("one", ("A1", "A2", "B1"), (1.0, 2.0, 3.0), (2.0, 2.0, 4.0))
TWO = SubjectInput("two", ("C1", "C2"), (0.0, 1.0), (1.0, 3.0))


@pytest.fixture
def run() -> SegmentRun:
    torch.manual_seed(0)
    decoder = DecoderSettings(1, (8, 8, 4), (3, 5, 5), (1, 4, 5))
    model = DuINVQVAE(3, 2, 160, TINY, QuantiserSettings(n_codes=64, code_width=8), decoder).eval()
    return SegmentRun(model, "vqvae", [ONE, TWO], 100.0, 160)


def test_codes_do_not_depend_on_how_the_student_orders_and_scales_its_subjects(run):
    own = [SubjectInput("two", TWO.channels, (5.0, -1.0), (0.5, 7.0))]
    teacher = teacher_of(run, own, 100.0, 160)
    raw = np.random.default_rng(0).normal(size=(4, 160, 2)).astype(np.float32)
    student = torch.from_numpy(own[0].scale(raw.swapaxes(1, 2)).swapaxes(1, 2))
    codes = teacher.codes(student, torch.zeros(4, dtype=torch.int64))
    assert torch.equal(codes, run.model.codes(*run.prepare(raw, "two")))
    assert teacher.n_codes == 64


def test_equal_statistics_leave_signals_as_they_are_to_the_bit(run):
    teacher = teacher_of(run, [ONE, TWO], 100.0, 160)
    assert torch.equal(teacher.scale, torch.ones(2, 3))
    assert not teacher.offset.any()


def test_what_a_teacher_does_not_know_is_named(run):
    for inputs, rate, n_samples, complaint in (
        ([SubjectInput("three", ("X1",), (0.0,), (1.0,))], 100.0, 160, "no subject 'three' in it, only one, two"),
        (
            [SubjectInput("two", ("C2", "C1"), (0.0, 0.0), (1.0, 1.0))],
            100.0,
            160,
            "channels C1, C2, the data have C2, C1",
        ),
        ([TWO], 200.0, 160, r"segments of 100\.0 Hz, the data have 200\.0"),
        ([TWO], 100.0, 80, "segments of 160 samples, the data have 80"),
    ):
        with pytest.raises(DataError, match=complaint):
            teacher_of(run, inputs, rate, n_samples)
