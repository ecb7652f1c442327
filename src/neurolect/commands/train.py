"""`neurolect train`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.augmentation import Augmentation
from neurolect.data.dataset import SpeechData
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.models.registry import FRAME_DECODERS, FrameDecoderFactory, model_class
from neurolect.training.ctc_fit import TrainerSettings, fit_ctc
from neurolect.training.optimisation import AdamWRecipe
from neurolect.training.warm_start import NewDays

for _name in FRAME_DECODERS:
    # The command line finds model classes by name among those that are imported.
    model_class(_name)


def train(
    data: SpeechData,
    model: FrameDecoderFactory,
    out: Path,
    smoothing: GaussianSmoothing = GaussianSmoothing(),
    augmentation: Augmentation = Augmentation(),
    optimiser: AdamWRecipe = AdamWRecipe(),
    trainer: TrainerSettings = TrainerSettings(),
    seed: int = 10,
    start_from: Path | None = None,
    new_days: NewDays = "nearest",
    freeze: list[str] | None = None,
    resume: bool = False,
    config_yaml: str = "",
) -> None:
    """Train a phoneme decoder.

    The run folder holds config.yaml, metrics.csv, checkpoints/ and the best weights, which `neurolect evaluate` and
    `neurolect.load` open.

    Args:
        data: sessions in the T15 layout and how batches are cut from them.
        model: a model class and its settings; the data decide features, days and classes.
        out: run folder.
        smoothing: of features over time.
        augmentation: of training features.
        optimiser: rates, decay and clipping.
        trainer: length, validation, precision and devices.
        seed: of initial weights, augmentation and dropout.
        start_from: run folder whose weights training begins from; day layers are matched by session name.
        new_days: a session that run does not know begins from its session nearest in time, or from the mean of all.
        freeze: beginnings of parameter names that stay as they are.
        resume: go on from the run folder's last checkpoint.
        config_yaml: filled in by the command line.

    Examples:
        neurolect train --config configs/t15_gru.yaml --data.root data/hdf5_data_final --out runs/t15
        neurolect train --config runs/t15/config.yaml --resume
        neurolect train --data.root my_sessions --model GRUDecoder --model.n_units 256 --out runs/mine
        neurolect train --config runs/mine/config.yaml --data.root new_day --start_from runs/mine --out runs/new_day
    """
    import torch

    from neurolect.errors import ConfigError
    from neurolect.text.alphabet import PHONEMES
    from neurolect.training import warm_start
    from neurolect.training.ctc import CTCTraining
    from neurolect.training.runs import load_decoder

    torch.manual_seed(seed)
    try:
        network = model(neural_dim=data.n_features(), n_days=len(data.days), n_classes=len(PHONEMES))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"model: {error}") from None
    sessions = [day.name for day in data.days]
    if start_from is not None:
        warm_start.start_from(network, sessions, load_decoder(start_from, "cpu"), new_days)
    task = CTCTraining(network, PHONEMES, sessions, smoothing, augmentation, optimiser, seed, freeze)
    per = fit_ctc(task, data, out, trainer, resume, config_yaml)
    print(f"{out}: best validation phoneme error rate {100 * per:.2f} %")
