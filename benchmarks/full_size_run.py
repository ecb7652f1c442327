"""A run of the published decoder's size whose logits are as those of speech, without training it.

A linear readout of the 14 bins of a frame, fitted to simulated speech, names the phoneme of most frames. It is written
into 41 of the 768 units of each layer, which hand it on to the logits; all other weights are random and cost as much.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neurolect.data.simulate_speech import SpeechSimulator
from neurolect.data.simulated_dataset import everyday_sentences
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.data.t15 import write_split
from neurolect.data.trial import Trial
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon
from neurolect.training.runs import Run, save_run

SESSION = "sim.2030.01.01"
N_DAYS = 45
_FITTED_SENTENCES = 80
_RIDGE = 100.0
_LINEAR = 0.3
"""Height of the evidence in a unit: tanh is nearly a line up to there."""
_SHARPNESS = 30.0
_BLANK = 8.0


def write_run(folder: Path) -> Run:
    """Build the model around the readout and write the run."""
    torch.manual_seed(10)
    model = GRUDecoder(n_days=N_DAYS).eval()
    run = Run(model, PHONEMES, [SESSION, *(f"sim.2031.01.{day:02d}" for day in range(1, N_DAYS))], GaussianSmoothing())
    trials, spoken = _speak(0, everyday_sentences()[:_FITTED_SENTENCES])
    frames = np.concatenate([_patches(run, trial) for trial in trials])
    classes = np.concatenate([_frame_classes(run, each) for each in spoken])
    wanted = _LINEAR * np.eye(len(PHONEMES), dtype=np.float32)[classes]
    # In as many dimensions as there are frames, which are fewer than the 7168 inputs.
    evidence = frames.T @ np.linalg.solve(frames @ frames.T + _RIDGE * np.eye(len(frames), dtype=np.float32), wanted)
    _wire(model, torch.from_numpy(evidence))
    save_run(folder, run)
    return run


def write_recordings(root: Path, n_bins: int) -> int:
    """Write a validation split of at least so many bins of sentences that the readout was not fitted to."""
    sentences = everyday_sentences()[_FITTED_SENTENCES:]
    trials: list[Trial] = []
    for block in range(1, 10_000):
        trials += _speak(block, sentences[(20 * block) % len(sentences) :][:20])[0]
        if sum(trial.n_bins for trial in trials) >= n_bins:
            break
    while sum(trial.n_bins for trial in trials[:-1]) >= n_bins:
        trials.pop()
    write_split(root / SESSION / "data_val.hdf5", trials)
    return sum(trial.n_bins for trial in trials)


def _speak(block: int, sentences: list[str]) -> tuple[list[Trial], list[npt.NDArray[np.int32]]]:
    day, lexicon = SpeechSimulator().day(0), Lexicon.english()
    spoken = day.utterances(block, [lexicon.phonemes(sentence) for sentence in sentences])
    return day.record(SESSION, block, sentences, lexicon), [each.phonemes for each in spoken]


@torch.no_grad()
def _wire(model: GRUDecoder, evidence: Tensor) -> None:
    """Have the first 41 units of each layer compute the evidence (inputs, classes), or hand it on, and forget nothing.

    An update gate that is shut lets a unit be tanh of its inputs.
    """
    n_classes, n_units = model.n_classes, model.gru.hidden_size
    gates = dict(model.gru.named_parameters())
    for layer in range(model.gru.num_layers):
        update, new = (slice(gate * n_units, gate * n_units + n_classes) for gate in (1, 2))
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            gates[f"{name}_l{layer}"][update] = 0
            gates[f"{name}_l{layer}"][new] = 0
        gates[f"bias_ih_l{layer}"][update] = -20
        gates[f"weight_ih_l{layer}"][new, : len(evidence)] = evidence.T if layer == 0 else torch.eye(n_classes, n_units)
    model.out.weight.zero_()
    model.out.bias.zero_()
    model.out.weight[:, :n_classes] = _SHARPNESS / _LINEAR * torch.eye(n_classes)
    model.out.bias[PHONEMES.blank] = _BLANK


@torch.inference_mode()
def _patches(run: Run, trial: Trial) -> npt.NDArray[np.float32]:
    """Inputs of the first layer (frames, patch_size · features)."""
    model = run.model
    assert isinstance(model, GRUDecoder)
    weight, bias = model.day_parameters(0)
    smoothed = run.smoothing(torch.from_numpy(trial.features)[None])
    return model.patching(model.day_layer(smoothed, weight[None], bias[None]))[0].numpy()


def _frame_classes(run: Run, phonemes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Class at the centre of each frame."""
    patching = run.patching
    return phonemes[patching.first_bin(np.arange(patching.n_frames(len(phonemes)))) + patching.size // 2]
