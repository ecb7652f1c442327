"""Which of a subject's channels a model sees."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from neurolect.data.seeg.layout import Subject
from neurolect.errors import ConfigError


def duin_channels(subject: str) -> list[str] | None:
    """The ten channels of one of Du-IN's twelve subjects, `001` to `012`; None for anybody else.

    The authors chose them by the weights of the subject layer of a classifier that saw all channels.
    """
    channels = _table().get(subject)
    return None if channels is None else list(channels)


def chosen_channels(
    subjects: Sequence[Subject], channels: Mapping[str, Sequence[str]] | None = None
) -> list[tuple[str, ...]]:
    """The channels of each subject: those named, else Du-IN's where the subject has them, else all.

    Args:
        subjects: opened.
        channels: subject → names, in the order that the model shall see; other subjects are chosen for as without it.

    Raises:
        ConfigError: `channels` names a subject that is not there, no channel, or one twice.
        DataError: a subject lacks a channel that is named.
    """
    names = [subject.info.name for subject in subjects]
    for name, wanted in (channels or {}).items():
        if name not in names:
            raise ConfigError(f"data.channels names subject '{name}'; there are {', '.join(names)}")
        if not wanted or len(set(wanted)) != len(wanted):
            raise ConfigError(f"data.channels of subject '{name}' must name at least one channel and none twice")
    chosen = []
    for subject in subjects:
        if channels and subject.info.name in channels:
            wanted = channels[subject.info.name]
            subject.rows(wanted)
        else:
            published = duin_channels(subject.info.name) or []
            is_duin = published and set(published) <= set(subject.info.channels)
            wanted = published if is_duin else subject.info.channels
        chosen.append(tuple(wanted))
    return chosen


@cache
def _table() -> dict[str, list[str]]:
    table: dict[str, list[str]] = json.loads(
        files("neurolect.data.seeg").joinpath("duin_channels.json").read_text(encoding="utf-8")
    )
    return table
