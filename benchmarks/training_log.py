"""What a training says on its way, in a file that a run goes on with after a stop."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from neurolect.language.lora_recipe import LoRARecipe

PRINTED_EVERY = 10


class TrainingLog:
    """JSON lines of every step and every measurement of what is held out.

    Args:
        path: file to append to; it begins anew where there is no checkpoint.
        checkpoint: that of the training.
    """

    def __init__(self, path: Path, checkpoint: Path) -> None:
        self.path = path
        if not checkpoint.is_file():
            path.write_text("")
        self.before = time.process_time()

    def on_step(self, step: int, n_steps: int, loss: float) -> None:
        """Note a step, with the CPU time since the one before."""
        now = time.process_time()
        self._append({"step": step, "of": n_steps, "nats a token": round(loss, 3), "CPU s": now - self.before})
        self.before = now
        if step % PRINTED_EVERY == 0:
            print(f"{self.path.name.split('.')[0]}: step {step} of {n_steps}, {loss:.3f} nats a token", flush=True)

    def on_held_out(self, step: int, loss: float) -> None:
        """Note a measurement."""
        self._append({"step": step, "held-out nats a token": round(loss, 3)})

    def facts(self, recipe: LoRARecipe) -> dict[str, Any]:
        """Steps, CPU time of all sessions, measurements, and why the training ended, once it has."""
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        steps = [line for line in lines if "of" in line]
        last, of = max(line["step"] for line in lines), steps[-1]["of"]
        measured = {line["step"]: line["held-out nats a token"] for line in lines if "of" not in line}
        ended = "held-out answers got less likely"
        if last == of:
            ended = "all steps were done"
        elif last == recipe.most_steps:
            ended = "no more steps were asked for (--most_steps)"
        facts = {"steps": last, "of": of, "ended because": ended, "CPU s": round(sum(line["CPU s"] for line in steps))}
        if measured:
            facts["held-out nats a token after steps"] = {str(step): loss for step, loss in measured.items()}
            facts["weights are those after step"] = min(measured, key=lambda step: measured[step])
        return facts

    def _append(self, line: dict[str, float]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
