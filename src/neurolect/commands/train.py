"""`neurolect train`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.augmentation import Augmentation
from neurolect.data.dataset import SpeechData
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.models.registry import MODELS, FrameDecoderFactory, model_class
from neurolect.training.fit import TrainerSettings, fit
from neurolect.training.optimisation import AdamWRecipe

for _name in MODELS:
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
        freeze: beginnings of parameter names that stay as they are.
        resume: go on from the run folder's last checkpoint.
        config_yaml: filled in by the command line.

    Examples:
        neurolect train --config configs/t15_gru.yaml --data.root data/hdf5_data_final --out runs/t15
        neurolect train --config runs/t15/config.yaml --resume
        neurolect train --data.root my_sessions --model GRUDecoder --model.n_units 256 --out runs/mine
    """
    import torch

    from neurolect.text.alphabet import PHONEMES
    from neurolect.training.ctc import CTCTraining

    torch.manual_seed(seed)
    network = model(neural_dim=data.n_features(), n_days=len(data.days), n_classes=len(PHONEMES))
    sessions = [day.name for day in data.days]
    task = CTCTraining(network, PHONEMES, sessions, smoothing, augmentation, optimiser, seed, freeze)
    per = fit(task, data, out, trainer, resume, config_yaml)
    print(f"{out}: best validation phoneme error rate {100 * per:.2f} %")
