"""Which channels are kept: by name, shaft, region, or what a trained model made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.contact_names import contact_of, plain_name
from neurolect.data.seeg.tables import read_rows
from neurolect.errors import DataError


@dataclass(frozen=True)
class ChannelSelection:
    """Channels to keep; what is not given chooses nothing away.

    Args:
        names: of prepared channels, in the order they are to have.
        shafts: names of electrodes, such as `A` or `TI'`.
        regions: names of anatomical regions.
        exclude: contacts to leave out before re-referencing; `*` stands for anything, as in `DC*`.
        keep: contacts to take although their names look like those of other channels.
        all_names: refuse a name that shafts or regions exclude, rather than leave it out.
    """

    names: Sequence[str] = ()
    shafts: Sequence[str] = ()
    regions: Sequence[str] = ()
    exclude: Sequence[str] = ()
    keep: Sequence[str] = ()
    all_names: bool = True

    def excludes(self, channel: str) -> bool:
        """Whether a channel of a file is to be left out."""
        return any(fnmatchcase(name, pattern) for name in (channel, plain_name(channel)) for pattern in self.exclude)

    def choose(self, available: Sequence[str], regions: Mapping[str, str], where: str) -> list[str]:
        """The chosen ones among prepared channels.

        Args:
            available: names.
            regions: of those that are known.
            where: subject or file, for messages.

        Raises:
            DataError: names a channel, shaft or region that is not there, or a channel that is chosen by its name and
                excluded by its shaft or region, or says that nothing is left.
        """
        shafts = {name: contact.shaft for name in available if (contact := contact_of(name)) is not None}
        _require("channel", self.names, available, where)
        _require("shaft", self.shafts, sorted(set(shafts.values())), where)
        _require("region", self.regions, sorted({regions[name] for name in available if name in regions}), where)
        chosen = [
            name
            for name in self.names or available
            if (not self.shafts or shafts.get(name) in self.shafts)
            and (not self.regions or regions.get(name) in self.regions)
        ]
        if self.all_names and (lost := [name for name in self.names if name not in chosen]):
            places = [f"shaft {shafts.get(lost[0], 'unknown')}"] if self.shafts else []
            places += [f"region {regions.get(lost[0], 'unknown')}"] if self.regions else []
            raise DataError(
                f"{where}: channel '{lost[0]}' is of {', '.join(places)}: names, shafts and regions choose together"
            )
        if not chosen:
            raise DataError(f"{where}: no channel is of the chosen names, shafts and regions at once")
        return chosen


def most_important(channels: Sequence[str], importance: npt.ArrayLike, n_channels: int) -> list[str]:
    """Channels that a trained model weighs most, the weightiest first.

    Args:
        channels: names, in the order of the model's inputs.
        importance: of each channel, such as one row of `encoder.channel_importance()`, whose end may be padding.
        n_channels: how many, or all where there are fewer.
    """
    weights = np.asarray(importance, dtype=np.float64)[: len(channels)]
    return [channels[row] for row in np.argsort(-weights, kind="stable")[:n_channels]]


def read_regions(path: Path) -> dict[str, str]:
    """Read a CSV table `channel,region`.

    Raises:
        DataError: the file is missing, or names the line that is wrong.
    """
    regions: dict[str, str] = {}
    for line, row in enumerate(read_rows(path, ("channel", "region")), start=2):
        channel, region = row["channel"], row["region"]
        if not channel or not region:
            raise DataError(f"{path}: line {line}: channel and region must both be filled")
        if regions.setdefault(plain_name(channel), region.strip()) != region.strip():
            raise DataError(f"{path}: line {line}: channel '{channel}' has a region already")
    return regions


def _require(what: str, wanted: Sequence[str], there: Sequence[str], where: str) -> None:
    for name in wanted:
        if name not in there:
            raise DataError(f"{where}: has no {what} '{name}'; it has {', '.join(there) or 'none'}")
