from __future__ import annotations

import pytest
import torch

from neurolect.commands.main import main
from neurolect.data.seeg.layout import find_subjects
from neurolect.data.seeg.subject_inputs import SubjectInput
from neurolect.errors import ConfigError
from neurolect.models.duin.classifier import DuINClassifier
from neurolect.models.duin.settings import EncoderSettings
from neurolect.training.channel_importance import most_important_channels
from neurolect.training.segment_runs import SegmentRun, save_segment_run
from seeg_files import SHAFTS, potentials, write_edf

CHANNELS = {"p01": ["A1", "A2", "A3", "L'1", "L'2", "L'3"], "p02": ["B1", "B2"]}


@pytest.fixture(params=[False, True], ids=["subject layer", "subject tokenizers"])
def run(request):
    """A classifier of two subjects that weighs L'2 most, then A3, and B2 before B1."""
    encoder = EncoderSettings(
        n_blocks=1, filters=(8, 8), kernels=(3, 3), strides=(10, 1), subject_tokenizers=request.param
    )
    model = DuINClassifier(6, 2, 300, n_classes=3, encoder=encoder)
    factors = torch.ones(2, 6)
    factors[0, 4], factors[0, 2], factors[1, 1], factors[1, 5] = 100.0, 50.0, 10.0, 1000.0
    with torch.no_grad():
        if request.param:
            for index, tokenizer in enumerate(model.encoder.tokenizers.subjects):
                first = next(each for each in tokenizer.modules() if isinstance(each, torch.nn.Conv1d))
                first.weight.fill_(0.1).mul_(factors[index, : first.weight.shape[1]][:, None])
        else:
            model.encoder.subject_layer.weight.fill_(0.1).mul_(factors[:, :, None])
    inputs = [
        SubjectInput(name, tuple(channels), (0.0,) * len(channels), (1.0,) * len(channels))
        for name, channels in CHANNELS.items()
    ]
    return SegmentRun(model.eval(), "words", inputs, 1000.0, 300, ["a", "b", "c"])


def test_each_subjects_channels_come_by_weight_and_padding_is_none_of_them(run):
    assert most_important_channels(run, "p01", 2) == ["L'2", "A3"]
    assert most_important_channels(run, "p02", 10) == ["B2", "B1"]


def test_unknown_subjects_and_no_channels_are_refused(run):
    with pytest.raises(ConfigError, match="the run has no subject 'p09'"):
        most_important_channels(run, "p09", 2)
    with pytest.raises(ConfigError, match="n_channels is 0"):
        most_important_channels(run, "p01", 0)


def test_recordings_are_converted_to_the_channels_that_a_run_weighs_most(tmp_path, run, capsys):
    save_segment_run(tmp_path / "run", run)
    source = write_edf(tmp_path / "day1.edf", potentials(len(SHAFTS)))
    arguments = ["data", "convert", str(source), "--out", str(tmp_path / "out"), "--subject", "p01"]
    arguments += ["--preparation.mains", "50", "--importance", str(tmp_path / "run"), "--n_channels", "2"]
    assert main(arguments) == 0
    (subject,) = find_subjects(tmp_path / "out")
    assert subject.info.channels == ["L'2", "A3"]
    assert main([*arguments, "--replace", "--channels", "A1"]) == 2
    assert "channels and importance both choose by name" in capsys.readouterr().err
