"""A run folder on disk: the trained weights and everything needed to use them on new recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from neurolect.data.frames import Patching
from neurolect.data.smoothing import GaussianSmoothing, Padding
from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import Alphabet
from neurolect.training.run_files import DESCRIPTION, read_description, read_model, write_model
from neurolect.training.segment_runs import KIND as SEGMENTS
from neurolect.training.segment_runs import VERBS, SegmentRun, Task, described_run

KIND = "phoneme decoder"


@dataclass(frozen=True)
class Run:
    """A trained frame decoder with its alphabet, its sessions and its preprocessing.

    Args:
        model: in evaluation mode.
        alphabet: classes of the logits.
        sessions: names of the days, in the order of the model's day layers.
        smoothing: applied to features before the model.
        feature_blocks: which features the model was trained on; None is all.
        data: where the run was trained, for verbs that are not told otherwise.
        metrics: what training reported for these weights.
    """

    model: nn.Module
    alphabet: Alphabet
    sessions: list[str]
    smoothing: GaussianSmoothing
    feature_blocks: list[str] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def patching(self) -> Patching:
        """How the model's frames lie over bins."""
        patching = getattr(self.model, "patching", Patching(size=0))
        assert isinstance(patching, Patching)
        return patching

    def day_of(self, session: str) -> int:
        """Day index of a session.

        Raises:
            ConfigError: the run has no layer for it.
        """
        if session not in self.sessions:
            raise ConfigError(f"the run has no day layer for session {session}; it knows {', '.join(self.sessions)}")
        return self.sessions.index(session)

    @torch.inference_mode()
    def logits(
        self, features: npt.NDArray[np.float32], session: str, padding: Padding = "same"
    ) -> npt.NDArray[np.float32]:
        """One trial's features (bins, features) → logits (frames, classes) in float32.

        Args:
            features: as recorded, in the columns the run was trained on.
            session: selects the day layer.
            padding: of the smoothing; the reference's evaluation uses `valid`.
        """
        expected = getattr(self.model, "arguments", {}).get("neural_dim", features.shape[1])
        if features.shape[1] != expected:
            raise DataError(f"session {session}: {features.shape[1]} features, the run was trained on {expected}")
        device = next(self.model.parameters()).device
        batch = torch.from_numpy(np.array(features, dtype=np.float32)).unsqueeze(0).to(device)
        day = torch.tensor([self.day_of(session)], device=device)
        logits: Tensor = self.model(self.smoothing(batch, padding), day)
        return logits[0].float().cpu().numpy()


def save_run(folder: Path, run: Run) -> None:
    """Write `model.safetensors` and `model.json`, each whole or not at all."""
    write_model(
        folder,
        run.model,
        {
            "kind": KIND,
            "alphabet": asdict(run.alphabet),
            "sessions": run.sessions,
            "smoothing": asdict(run.smoothing),
            "feature_blocks": run.feature_blocks,
            "data": run.data,
            "metrics": run.metrics,
        },
    )


def load(folder: Path | str, device: str = "auto") -> Run | SegmentRun:
    """Open a run folder of any kind.

    Args:
        folder: holds `model.safetensors` and `model.json`.
        device: such as `cpu` or `cuda:1`; `auto` takes an accelerator where there is one.

    Raises:
        DataError: the folder is not a run, or its weights do not fit its description.
    """
    folder = Path(folder)
    description = read_description(folder)
    kind = description.get("kind", KIND)
    if kind not in (KIND, SEGMENTS):
        raise DataError(f"{folder / DESCRIPTION}: kind '{kind}', this version knows '{KIND}' and '{SEGMENTS}'")
    read: Callable[[dict[str, Any], Path, str], Run | SegmentRun] = _described if kind == KIND else described_run
    try:
        return read(description, folder, device)
    except KeyError as error:
        raise DataError(f"{folder / DESCRIPTION}: {error.args[0]} is missing") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{folder / DESCRIPTION}: does not describe a run: {error}") from None


def load_decoder(folder: Path | str, device: str = "auto") -> Run:
    """Open the run folder of a phoneme decoder; otherwise as `load`.

    Raises:
        ConfigError: it is a run of another kind.
    """
    run = load(folder, device)
    if not isinstance(run, Run):
        raise ConfigError(f"{folder} is a run of '{run.verb}', where a phoneme decoder of 'train' is needed")
    return run


def load_segments(folder: Path | str, task: Task | None = None, device: str = "auto") -> SegmentRun:
    """Open the run folder of a model of segments, of one task or any; otherwise as `load`.

    Raises:
        ConfigError: it is a run of another kind or task.
    """
    run = load(folder, device)
    needed = f"a run of '{VERBS[task]}'" if task else "a run on segments of field potentials"
    if not isinstance(run, SegmentRun):
        raise ConfigError(f"{folder} is a phoneme decoder of 'train', where {needed} is needed")
    if task and run.task != task:
        raise ConfigError(f"{folder} is a run of '{run.verb}', where {needed} is needed")
    return run


def _described(description: dict[str, Any], folder: Path, device: str) -> Run:
    model = read_model(description, folder, device)
    alphabet = description["alphabet"]
    return Run(
        model=model,
        alphabet=Alphabet(tuple(alphabet["symbols"]), alphabet["blank"], alphabet["silence"]),
        sessions=description["sessions"],
        smoothing=GaussianSmoothing(**description["smoothing"]),
        feature_blocks=description["feature_blocks"],
        data=description["data"],
        metrics=description["metrics"],
    )
