"""Which channels a trained model weighs most."""

from __future__ import annotations

from typing import Any, cast

from neurolect.data.seeg.channel_selection import most_important
from neurolect.errors import require_at_least
from neurolect.training.segment_runs import SegmentRun


def most_important_channels(run: SegmentRun, subject: str, n_channels: int) -> list[str]:
    """A subject's channels by the mean size of the weights that leave them in the first layer, weightiest first.

    The Du-IN release chose its ten channels per subject so. Channels enter z-scored, so that their weights compare.

    Args:
        run: on segments of this subject.
        subject: name.
        n_channels: how many, or all where the run has fewer.

    Raises:
        ConfigError: the run does not know the subject, or none are asked for.
    """
    require_at_least(1, "n_channels", n_channels)
    index = run.subject_of(subject)
    importance = cast(Any, run.model).encoder.channel_importance()[index]
    return most_important(run.inputs[index].channels, importance.tolist(), n_channels)
