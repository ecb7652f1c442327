"""CPU milliseconds of one streaming frame (80 ms of features) of the full-size decoder, float32 against int8.

With `--run RUN --data DIR` it also decodes that run's validation split with both and prints the two phoneme error
rates. The reference took 12 CPU ms a frame on such a machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from neurolect.data.dataset import SpeechData
from neurolect.evaluation.evaluate import recordings_of
from neurolect.models.gru import GRUDecoder, GRUStream
from neurolect.models.int8 import quantise_dynamically
from neurolect.text.error_rates import count_errors, error_rate
from neurolect.training.runs import Run, load_decoder


def milliseconds(model: GRUDecoder, n_frames: int) -> list[float]:
    stream = GRUStream(model, day=0)
    features = torch.randn(14 + 4 * n_frames, 512, generator=torch.Generator().manual_seed(0))
    stream.push(features[:14])
    times = []
    for frame in features[14:].split(4):
        started = time.process_time()
        stream.push(frame)
        times.append(1000 * (time.process_time() - started))
    return times[n_frames // 10 :]


def phoneme_error_rate(run: Run, model: torch.nn.Module, data: SpeechData) -> float:
    references, answers = [], []
    for session, trials in zip(data.days, data.open("val"), strict=True):
        for trial in trials or ():
            features = trial.features if data.columns is None else trial.features[:, data.columns]
            stream = GRUStream(model, run.day_of(session.name))
            logits = stream.push(run.smoothing(torch.from_numpy(np.array(features))[None])[0])
            answers.append(run.alphabet.collapse(logits.argmax(dim=-1).numpy()))
            references.append(trial.labels.tolist())
    return error_rate(count_errors(references, answers), resamples=100).rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", type=Path, help="a trained run, for the phoneme error rates")
    parser.add_argument("--data", type=Path, help="its recordings; by default where it was trained")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(10)
    exact = GRUDecoder().eval()
    medians = {}
    for name, model in (("float32", exact), ("int8", quantise_dynamically(exact))):
        times = milliseconds(model, options.frames)
        medians[name] = statistics.median(times)
        row = {"benchmark": "streaming_frame", "weights": name, "threads": options.threads, "frames": len(times)}
        row |= {"cpu_ms_median": round(medians[name], 2), "cpu_ms_p99": round(float(np.quantile(times, 0.99)), 2)}
        print(json.dumps(row))
    ratios = {
        "benchmark": "streaming_frame_ratio",
        "float32_over_int8": round(medians["float32"] / medians["int8"], 2),
        "reference_12_ms_over_int8": round(12 / medians["int8"], 2),
    }
    print(json.dumps(ratios))
    if options.run:
        run = load_decoder(options.run, "cpu")
        data = recordings_of(run, options.data, "val")
        rates = {
            "float32": phoneme_error_rate(run, run.model, data),
            "int8": phoneme_error_rate(run, quantise_dynamically(run.model), data),
        }
        print(json.dumps({"benchmark": "streaming_frame_per", "run": str(options.run), **rates}))


if __name__ == "__main__":
    main()
