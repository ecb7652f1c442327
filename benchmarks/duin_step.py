"""CPU seconds of one training step of the three stages of Du-IN, beside those of the reference's code.

A step is forward, backward and AdamW, of one subject with ten channels at the published sizes; that of the second stage
holds the teacher's pass. Each case runs in a process of its own and prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

from processes import run_measured

REFERENCE = {
    ("vqvae", 32): 1.22, ("vqvae", 64): 2.24,
    ("mae", 32): 1.61, ("mae", 64): 3.28,
    ("words", 32): 0.62, ("words", 64): 1.24,
}  # fmt: skip
"""CPU seconds of the reference's step on one thread, recorded on a machine of this kind: stage, batch → seconds."""

REFERENCE_MIB = {
    ("vqvae", 32): 1099, ("vqvae", 64): 1793,
    ("mae", 32): 1215, ("mae", 64): 2003,
    ("words", 32): 745, ("words", 64): 1112,
}  # fmt: skip
"""Peak memory of the reference's process, recorded with them."""


def measure(stage: str, batch: int, threads: int, precision: str, steps: int) -> dict[str, object]:
    import torch
    from torch import Tensor

    from neurolect.models.duin.classifier import DuINClassifier
    from neurolect.models.duin.mae import DuINMAE, random_mask
    from neurolect.models.duin.vqvae import DuINVQVAE
    from neurolect.training.duin_losses import masked_code_loss, reconstruction_loss, word_loss

    torch.set_num_threads(threads)
    torch.manual_seed(42)
    n_samples = 3000 if stage == "words" else 4000
    signals = torch.randn(batch, n_samples, 10)
    subjects = torch.zeros(batch, dtype=torch.int64)
    channel_mask = torch.ones(batch, 10, dtype=torch.bool)
    labels = torch.arange(batch) % 61
    model: torch.nn.Module
    loss: Callable[[], Tensor]
    if stage == "vqvae":
        model = DuINVQVAE(10, 1, n_samples)

        def loss() -> Tensor:
            reconstructed, _, commitment_loss = model(signals, subjects)
            return reconstruction_loss(reconstructed, signals, channel_mask) + commitment_loss

    elif stage == "mae":
        teacher = DuINVQVAE(10, 1, n_samples).eval()
        model = DuINMAE(10, 1, n_samples)

        def loss() -> Tensor:
            codes = teacher.codes(signals, subjects)
            return masked_code_loss(model(signals, subjects, random_mask(batch, 40)), codes)

    else:
        model = DuINClassifier(10, 1, n_samples)

        def loss() -> Tensor:
            return word_loss(model(signals, subjects), labels)

    optimiser = torch.optim.AdamW(model.parameters(), fused=True)
    cpu, wall = [], []
    # The first step begins the codebook, the second fills the caches.
    for _ in range(steps + 2):
        started = time.process_time(), time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            value = loss()
        value.backward()
        optimiser.step()
        cpu.append(time.process_time() - started[0])
        wall.append(time.perf_counter() - started[1])
    return {
        "benchmark": "duin_step",
        "stage": stage,
        "batch": batch,
        "threads": threads,
        "precision": precision,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "cpu_seconds_min": round(min(cpu[2:]), 3),
        "wall_seconds_min": round(min(wall[2:]), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6, help="timed steps after two for warming up")
    parser.add_argument("--stages", nargs="+", default=["vqvae", "mae", "words"], choices=["vqvae", "mae", "words"])
    parser.add_argument("--batches", nargs="+", type=int, default=[32, 64], choices=[32, 64])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16"])
    parser.add_argument("--one", action="store_true", help="measure the first case of these, in-process")
    options = parser.parse_args()
    cases = [
        (stage, batch, threads, precision)
        for stage in options.stages
        for batch in options.batches
        for threads in options.threads
        for precision in options.precisions
    ]
    if options.one:
        print(json.dumps(measure(*cases[0], options.steps)))
        return
    # As the command line has it: threads that spin while they wait would count as work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stage, batch, threads, precision in cases:
        command = [sys.executable, __file__, "--one", "--steps", str(options.steps), "--stages", stage]
        command += ["--batches", str(batch), "--threads", str(threads), "--precisions", precision]
        finished = run_measured(command)
        result = json.loads(finished.stdout)
        peak = finished.peak_bytes / 2**20
        ratios = {
            "peak_mib": round(peak),
            "reference_cpu_seconds": REFERENCE[stage, batch],
            "reference_peak_mib": REFERENCE_MIB[stage, batch],
            "peak_over_reference": round(peak / REFERENCE_MIB[stage, batch], 2),
        }
        # The reference was measured on one thread only, of which CPU seconds grow a little with threads.
        ratios["cpu_over_reference"] = round(result["cpu_seconds_min"] / REFERENCE[stage, batch], 2)
        print(json.dumps(result | ratios), flush=True)


if __name__ == "__main__":
    main()
