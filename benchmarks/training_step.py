"""CPU seconds of one training step of the full-size decoder: 44.3 M parameters, 64 trials of about 955 bins, 4 days.

Each configuration runs in a process of its own; one JSON line each. The reference's own trainer took 34 CPU seconds a
step on such a machine (float32, unfused AdamW states; two vCPU Xeon with AMX).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time


def measure(precision: str, fused: bool, steps: int, threads: int) -> dict[str, object]:
    import torch

    from neurolect.data.augmentation import Augmentation
    from neurolect.data.batches import Batch
    from neurolect.data.smoothing import GaussianSmoothing
    from neurolect.models.gru import GRUDecoder
    from neurolect.training.ctc import ctc_losses
    from neurolect.training.optimisation import AdamWRecipe, clip_gradients, forget_absent_days, parameter_groups

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(threads)
    torch.manual_seed(10)
    model = GRUDecoder().to(device)
    recipe = AdamWRecipe()
    optimiser = torch.optim.AdamW(parameter_groups(model, recipe), eps=recipe.eps, fused=fused)
    rng = torch.Generator(device=device).manual_seed(1)
    labels = torch.zeros(64, 500, dtype=torch.int64)
    labels[:, :30] = torch.randint(1, 41, (64, 30), generator=torch.Generator().manual_seed(2))
    batch = Batch(
        features=torch.randn(64, 955, 512),
        n_bins=torch.full((64,), 955),
        labels=labels,
        n_labels=torch.full((64,), 30),
        days=torch.arange(4).repeat_interleave(16),
        days_present=(0, 1, 2, 3),
    ).to(device)
    cpu, wall, losses = [], [], []
    for _ in range(steps + 1):
        started = time.process_time(), time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        augmented = Augmentation()(batch, rng)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = model(GaussianSmoothing()(augmented.features), augmented.days)
            frames = model.patching.frames_in(augmented.n_bins)
            loss = ctc_losses(logits, frames, augmented.labels, augmented.n_labels)[0].mean()
        loss.backward()
        forget_absent_days(model, batch.days_present)
        clip_gradients(model, recipe.gradient_clip)
        optimiser.step()
        losses.append(loss.item())
        cpu.append(time.process_time() - started[0])
        wall.append(time.perf_counter() - started[1])
    return {
        "benchmark": "training_step",
        "device": torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {threads} threads",
        "precision": precision,
        "fused_adamw": fused,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": steps,
        "cpu_seconds_median": round(statistics.median(cpu[1:]), 3),
        "wall_seconds_median": round(statistics.median(wall[1:]), 3),
        "first_losses": [round(loss, 3) for loss in losses[:3]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3, help="timed steps after one warm-up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", nargs=2, metavar=("PRECISION", "FUSED"), help="measure one configuration, in-process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], options.one[1] == "fused", options.steps, options.threads)))
        return
    results = []
    for configuration in (("fp32", "unfused"), ("fp32", "fused"), ("bf16", "fused")):
        command = [sys.executable, __file__, "--one", *configuration]
        command += ["--steps", str(options.steps), "--threads", str(options.threads)]
        results.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(json.dumps(results[-1]), flush=True)
    first, last = results[0], results[-1]
    ratios = {
        "benchmark": "training_step_ratio",
        "cpu_fp32_unfused_over_bf16_fused": round(first["cpu_seconds_median"] / last["cpu_seconds_median"], 2),
        "wall_fp32_unfused_over_bf16_fused": round(first["wall_seconds_median"] / last["wall_seconds_median"], 2),
    }
    if last["device"].startswith("CPU"):
        ratios["cpu_reference_34_s_over_bf16_fused"] = round(34 / last["cpu_seconds_median"], 2)
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
