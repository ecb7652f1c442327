"""What the verbs that train on segments leave behind when they are done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurolect.training.segment_training import SegmentTraining


def finish_training(out: Path, task: SegmentTraining, kept: Mapping[str, float]) -> None:
    """Write the model card and print what the kept weights reach; of several processes the first does so.

    Args:
        out: run folder.
        task: what was trained.
        kept: metrics of the kept weights.
    """
    from neurolect.evaluation.model_card import write_model_card
    from neurolect.training.runs import load_segments

    if int(os.environ.get("LOCAL_RANK", 0)) == 0:
        write_model_card(out, load_segments(out, device="cpu"))
        print(f"{out}: epoch {kept['epoch'] + 1:.0f}, validation {task.summary(kept)}")
