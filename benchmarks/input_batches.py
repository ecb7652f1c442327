"""Training batches a CPU second: packed memory-mapped sessions against opening HDF5 for every batch.

The second is how the reference reads: for each batch, each chosen day's file is opened, and the drawn trials are read
and padded. Both draw the same batches from the same simulated dataset in the same process; the packed copies are built
before the timing, and their building is reported too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from neurolect.data.dataset import SpeechData
from neurolect.data.t15 import write_split
from neurolect.data.trial import Trial


def write_dataset(root: Path, n_sessions: int, n_trials: int) -> None:
    rng = np.random.default_rng(0)
    for day in range(n_sessions):
        session = f"sim.2030.02.{day + 1:02d}"
        trials = (
            Trial(
                session, 1, number, rng.standard_normal((int(rng.integers(300, 1000)), 512), dtype=np.float32),
                rng.integers(1, 41, 30).astype(np.int32), "simulated noise",
            )
            for number in range(n_trials)
        )  # fmt: skip
        write_split(root / session / "data_train.hdf5", trials)


def read_as_the_reference(data: SpeechData, plan: list[tuple[int, int]]) -> torch.Tensor:
    features = []
    for day in dict.fromkeys(day for day, _ in plan):
        with h5py.File(data.days[day].path("train"), "r") as file:
            for trial in (trial for of, trial in plan if of == day):
                group = file[f"trial_{trial:04d}"]
                features.append(torch.from_numpy(group["input_features"][:]))
                group["seq_class_ids"][:], group["transcription"][:], dict(group.attrs)
    return pad_sequence(features, batch_first=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--trials", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder), options.sessions, options.trials)
        data = SpeechData(Path(folder))
        started = time.process_time()
        data.open("train")
        built = time.process_time() - started
        batches = data.training_batches()
        plans = list(islice(batches.plans(), options.batches))
        seconds = {"packed": 0.0, "hdf5": 0.0}
        for plan in plans:
            started = time.process_time()
            packed = batches[plan].features
            seconds["packed"] += time.process_time() - started
            started = time.process_time()
            opened = read_as_the_reference(data, plan[1])
            seconds["hdf5"] += time.process_time() - started
            assert torch.equal(packed, opened)
    row = {
        "benchmark": "input_batches",
        "batches": options.batches,
        "trials_a_batch": data.batch_size,
        "packed_batches_per_cpu_second": round(options.batches / seconds["packed"], 1),
        "hdf5_batches_per_cpu_second": round(options.batches / seconds["hdf5"], 1),
        "ratio": round(seconds["hdf5"] / seconds["packed"], 2),
        "cpu_seconds_to_pack": round(built, 2),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
