"""The example that measures what the simulator's difficulty means."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from neurolect.data.seeg.mandarin import mandarin_words
from neurolect.data.seeg.simulate import SeegSimulator

_SPEC = importlib.util.spec_from_file_location(
    "simulated_words", Path(__file__).resolve().parents[2] / "examples" / "simulated_words.py"
)
example = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(example)


def test_features_are_means_over_100_ms_of_each_trial_and_channel():
    subject = SeegSimulator().subject(0)
    pairs = subject.implant.chosen_pairs(3)
    found = example.features(subject.word_run(0, mandarin_words()[:2], 2), pairs)
    assert {name: each.shape for name, each in found.items()} == {
        "high gamma": (4, 3, 30),
        "slow potentials": (4, 3, 30),
    }


def test_the_readout_names_words_that_differ_and_no_others(rng):
    words = np.array(["a", "b"])[rng.integers(2, size=200)]
    run = np.repeat(np.arange(10), 20)
    noise = rng.normal(size=(200, 2, 30))
    assert example.named_right(noise + (words == "a")[:, None, None], words, run) > 0.9
    assert 0.2 < example.named_right(noise, words, run) < 0.8
