"""CPU milliseconds of one streaming frame (80 ms of features) of the full-size decoder, float32 against int8.

With `--run RUN --data DIR` it also decodes that run's validation split with both and prints the phoneme and word error
rates of each. The reference took 12 CPU ms a frame on such a machine.
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
from neurolect.decoding import Decoder
from neurolect.decoding.words import word_decoder
from neurolect.evaluation.evaluate import recordings_of
from neurolect.models.gru import GRUDecoder, GRUStream
from neurolect.models.int8 import quantise_dynamically
from neurolect.text.error_rates import count_errors, error_rate
from neurolect.text.normalise import normalise_for_phonemes
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


def error_rates(run: Run, model: GRUDecoder, data: SpeechData, search: Decoder) -> dict[str, str]:
    """Of phonemes and of words in English, with the numbers of errors."""
    spoken: dict[str, list[list[object]]] = {"phonemes": [], "words": []}
    answers: dict[str, list[list[object]]] = {"phonemes": [], "words": []}
    for session, trials in zip(data.days, data.open("val"), strict=True):
        for trial in trials or ():
            features = trial.features if data.columns is None else trial.features[:, data.columns]
            stream = GRUStream(model, run.day_of(session.name))
            logits = stream.push(run.smoothing(torch.from_numpy(np.array(features))[None])[0])
            answers["phonemes"].append(run.alphabet.collapse(logits.argmax(dim=-1).numpy()))
            spoken["phonemes"].append(trial.labels.tolist())
            answers["words"].append(list(search.decode(logits.numpy())[0].words))
            spoken["words"].append(normalise_for_phonemes(trial.sentence).split())
    counts = {kind: count_errors(spoken[kind], answers[kind]) for kind in spoken}
    return {
        kind: f"{error_rate(count, resamples=100)}, {count.errors.sum()} of {count.lengths.sum()}"
        for kind, count in counts.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", type=Path, help="a trained run, for the error rates")
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
        search = word_decoder("english", None, None, run.alphabet)
        for name, model in (("float32", run.model), ("int8", quantise_dynamically(run.model))):
            rates = error_rates(run, model, data, search)
            print(
                json.dumps({"benchmark": "streaming_frame_errors", "run": str(options.run), "weights": name, **rates})
            )


if __name__ == "__main__":
    main()
