from __future__ import annotations

import numpy as np
import pytest
import torch

from neurolect.errors import ConfigError
from neurolect.evaluation.reconstruction import reconstruct
from neurolect.evaluation.run_data import segment_data_of
from neurolect.training.runs import load_segments
from tiny_segment_runs import save_pretraining_run, write_recordings


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "vqvae"
    save_pretraining_run(folder, root, "vqvae")
    return load_segments(folder, "vqvae", "cpu")


def test_every_segment_of_the_split_is_counted_once(run):
    data = segment_data_of(run)
    found = reconstruct(run, data)
    n_segments = sum(len(batch) for batch in data.validation_batches())
    assert found.segments == n_segments
    assert found.code_counts.sum() == 10 * n_segments
    assert found.codes_used == np.count_nonzero(found.code_counts)
    assert {subject: list(channels) for subject, channels in found.correlations.items()} == {
        each.subject: list(each.channels) for each in run.inputs
    }
    assert found.frequencies[-1] == 500


def test_examples_are_what_the_model_makes_of_their_segments(run):
    data = segment_data_of(run)
    found = reconstruct(run, data)
    batches = list(data.validation_batches())
    signals, subjects = torch.cat([each.signals for each in batches]), torch.cat([each.subjects for each in batches])
    for example in found.examples:
        known = run.inputs[int(subjects[example.segment])]
        place = known.channels.index(example.channel)
        assert known.subject == example.subject
        np.testing.assert_allclose(example.truth, signals[example.segment, :, place], atol=1e-5)
        with torch.inference_mode():
            made = run.model(signals[example.segment][None], subjects[example.segment][None]).signals[0, :, place]
        np.testing.assert_allclose(example.reconstruction, made, atol=1e-4)
        assert example.correlation == pytest.approx(np.corrcoef(example.truth, example.reconstruction)[0, 1], abs=1e-6)


def test_a_model_that_makes_no_signals_is_refused(root, tmp_path):
    save_pretraining_run(tmp_path, root, "mae")
    other = load_segments(tmp_path, "mae", "cpu")
    with pytest.raises(ConfigError, match="pretrain vqvae"):
        reconstruct(other, segment_data_of(other))
