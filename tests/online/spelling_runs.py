"""Runs whose features spell phonemes, so that what a live decoder hears is known without training."""

from __future__ import annotations

import numpy as np
import torch

from neurolect.data.smoothing import GaussianSmoothing
from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.models.gru import GRUDecoder
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon
from neurolect.training.runs import Run

SESSIONS = ["sim.2030.01.01", "sim.2030.01.02"]
WORDS = Lexicon(
    {
        "good": (("G", "UH", "D"),),
        "morning": (("M", "AO", "R", "N", "IH", "NG"),),
        "you": (("Y", "UW"),),
        "see": (("S", "IY"),),
        "soon": (("S", "UW", "N"),),
    }
)
BINS_PER_PHONEME = 8


def spelling_run(memory: float = 0.0) -> Run:
    """A run of 41 features, each of which is a class; with memory, frames depend on those before."""
    torch.manual_seed(0)
    n = len(PHONEMES)
    model = GRUDecoder(neural_dim=n, n_units=n, n_days=2, n_layers=1, patch_size=6, patch_stride=4).eval()
    state = model.state_dict()
    for name in ("gru.weight_ih_l0", "gru.weight_hh_l0", "gru.bias_ih_l0", "gru.bias_hh_l0", "out.bias"):
        state[name].zero_()
    state["gru.bias_ih_l0"][n : 2 * n] = -20 if memory == 0 else np.log(memory / (1 - memory))
    for bin_ in range(6):
        state["gru.weight_ih_l0"][2 * n :, bin_ * n : (bin_ + 1) * n] = torch.eye(n) / 2
    state["out.weight"].copy_(14 * torch.eye(n))
    model.load_state_dict(state)
    return Run(model, PHONEMES, SESSIONS, GaussianSmoothing())


def search(**options) -> Decoder:
    return Decoder(LexiconNetwork(WORDS), DecoderOptions(n_best=5, **options))


def spelled(sentence: str, seed: int = 0, noise: float = 0.05) -> np.ndarray:
    """Features (bins, 41) of a sentence; silence stands between its words."""
    phonemes = ["SIL", *(WORDS.phonemes(sentence) if sentence else [])]
    features = 1.5 * np.repeat(np.eye(len(PHONEMES))[PHONEMES.encode(phonemes)], BINS_PER_PHONEME, axis=0)
    return (features + noise * np.random.default_rng(seed).normal(size=features.shape)).astype(np.float32)


def silence(seconds: float, seed: int = 0, symbol: str = "SIL") -> np.ndarray:
    n_bins = round(seconds / 0.02)
    features = np.tile(1.5 * np.eye(len(PHONEMES))[PHONEMES.index(symbol)], (n_bins, 1))
    return (features + 0.05 * np.random.default_rng(seed).normal(size=features.shape)).astype(np.float32)
