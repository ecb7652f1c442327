"""Begin a training run from another run's weights, with layers for days that run has not seen."""

from __future__ import annotations

from datetime import date
from typing import Literal

import torch
from torch import nn

from neurolect.errors import ConfigError
from neurolect.training.run_files import load_weights
from neurolect.training.runs import Run

NewDays = Literal["nearest", "mean"]


@torch.no_grad()
def start_from(model: nn.Module, sessions: list[str], run: Run, new_days: NewDays = "nearest") -> None:
    """Fill a model with a run's weights; day layers are matched by session name.

    Args:
        model: built for `sessions`, otherwise of the run's shape.
        sessions: names of the model's days.
        run: where the weights come from.
        new_days: a session the run does not know begins from the run's session nearest in time, or from the mean of
            all its days.

    Raises:
        ConfigError: the run's days cannot be ordered in time, and `nearest` was asked for.
        DataError: the models differ in more than their days; names the first tensor.
    """
    known = run.model.state_dict()
    weights = {name: tensor for name, tensor in known.items() if not name.startswith("day_")}
    kinds = sorted({name.rsplit(".", 1)[0] for name in known if name.startswith("day_")})
    for kind in kinds:
        layers = torch.stack([known[f"{kind}.{day}"] for day in range(len(run.sessions))])
        for day, session in enumerate(sessions):
            if session in run.sessions:
                weights[f"{kind}.{day}"] = layers[run.sessions.index(session)]
            elif new_days == "mean":
                weights[f"{kind}.{day}"] = layers.mean(dim=0)
            else:
                weights[f"{kind}.{day}"] = layers[nearest_session(session, run.sessions)]
    load_weights(model, weights, "the run to start from")


def nearest_session(session: str, sessions: list[str]) -> int:
    """Position of the session nearest in time, of equals the earlier; names end in `.YYYY.MM.DD`.

    Raises:
        ConfigError: a name does not end in a date.
    """
    day = _date(session)
    return min(range(len(sessions)), key=lambda each: abs((_date(sessions[each]) - day).days))


def _date(session: str) -> date:
    try:
        year, month, day = (int(part) for part in session.split(".")[-3:])
        return date(year, month, day)
    except ValueError:
        raise ConfigError(f"session {session} does not end in a date .YYYY.MM.DD; use 'new_days: mean'") from None
