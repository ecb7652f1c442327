"""Phoneme errors on a day that has drifted, before and while its layer learns from what is decoded, without labels.

The last session of a trained run is drifted: every feature gets a gain and an offset, or dies. Its training trials are
decoded one after the other as live decoding would, and after every 20 the validation trials with the layer so far. The
day as it was recorded shows what learning costs where there is nothing to learn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from neurolect.data.t15 import read_split
from neurolect.data.trial import Trial
from neurolect.decoding.words import read_lexicon, word_decoder
from neurolect.models.gru import DayLayer
from neurolect.online.day_adaptation import DayAdaptation
from neurolect.online.live_encoder import Floats, LiveEncoder
from neurolect.text.error_rates import count_errors, error_rate
from neurolect.training.runs import load_decoder


def drifts(n_features: int) -> dict[str, Callable[[Floats], Floats]]:
    rng = np.random.default_rng(0)
    offset, gain = 0.6 * rng.normal(size=n_features), np.exp(0.3 * rng.normal(size=n_features))
    is_dead = rng.random(n_features) < 0.1
    return {
        "drifted": lambda features: np.where(is_dead, 0, features * gain + offset).astype(np.float32),
        "as recorded": lambda features: features,
    }


def logits(encoder: LiveEncoder, layer: DayLayer, features: Floats) -> Floats:
    stream = encoder.stream(layer)
    return np.concatenate([stream.push(features), stream.finish()])


def phoneme_error_rate(encoder: LiveEncoder, layer: DayLayer, trials: Sequence[tuple[Floats, Trial]]) -> float:
    answers = [encoder.run.alphabet.collapse(logits(encoder, layer, each).argmax(axis=1)) for each, _ in trials]
    spoken = [trial.labels.tolist() for _, trial in trials if trial.labels is not None]
    return round(error_rate(count_errors(spoken, answers), resamples=10).rate, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a trained run of neural features, such as the demo's")
    parser.add_argument("--data", type=Path, required=True, help="its recordings")
    parser.add_argument("--trials", type=int, default=60)
    for name in ("steps", "learning_rate", "least_confidence"):
        default = getattr(DayAdaptation, name)
        parser.add_argument(f"--{name}", type=type(default), default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    adapt = DayAdaptation(options.steps, options.learning_rate, options.least_confidence)
    encoder = LiveEncoder(load_decoder(options.run, "cpu"), "float32")
    search, lexicon = (
        word_decoder("english", None, None, encoder.run.alphabet),
        read_lexicon(None, encoder.run.alphabet),
    )
    folder = options.data / encoder.latest_session
    for name, drift in drifts(encoder.n_chosen).items():

        def read(split: str, most: int | None) -> list[tuple[Floats, Trial]]:
            trials = islice(read_split(folder / f"data_{split}.hdf5", None), most)
            return [(drift(encoder.chosen(trial.features)), trial) for trial in trials]  # noqa: B023

        held_out, layer, trusted = read("val", None), encoder.day_layer(encoder.latest_session), 0
        rates = [phoneme_error_rate(encoder, layer, held_out)]
        for number, (features, _) in enumerate(read("train", options.trials), start=1):
            best = search.decode(logits(encoder, layer, features))[0]
            if adapt.trusts(best):
                layer, trusted = adapt.adapted(encoder.run, layer, features, lexicon.phonemes(best.text)), trusted + 1
            if number % 20 == 0:
                rates.append(phoneme_error_rate(encoder, layer, held_out))
        row = {"benchmark": "day_adaptation", "day": name, "adaptation": str(adapt), "trusted": trusted}
        print(json.dumps({**row, "phoneme_error_rate_every_20": rates}), flush=True)


if __name__ == "__main__":
    main()
