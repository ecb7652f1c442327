"""What a live decoder must know to go on where it, or one that was killed, left off."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from neurolect.data.normalisation import BlockSums
from neurolect.errors import DataError
from neurolect.models.gru import DayLayer
from neurolect.online.live_streams import Fields, Received

BEGINNING = "0-0"
"""Position before the first entry of a stream."""


@dataclass(frozen=True)
class Held:
    """What events have set; it holds from the next utterance on.

    Args:
        session: names the day layer.
        block: its number, None before the first.
        block_begins: whether the next utterance is the block's first.
        context: what was said before.
        phrases: likely ones and their bonuses.
    """

    session: str
    block: int | None = None
    block_begins: bool = False
    context: str = ""
    phrases: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LiveState:
    """Where a decoder stands between two utterances.

    Args:
        held: settings of the utterance that is open, or of the next.
        position: last entry of the input stream that need not be read again.
        utterances: how many are finished.
        said: their last sentences.
        numbers: of the bin that comes next, by source.
        sums: statistics of the block, where features are normalised.
        layers: adapted day layers, by session.
        learned: from how many sentences, by session.
        given: what held when the decoder was started.
        run: marks the weights that the layers belong to.
    """

    held: Held
    position: str = BEGINNING
    utterances: int = 0
    said: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    sums: BlockSums | None = None
    layers: Mapping[str, DayLayer] = field(default_factory=dict)
    learned: Mapping[str, int] = field(default_factory=dict)
    given: Held | None = None
    run: str = ""

    def started(self, given: Held, run: str) -> LiveState:
        """The state of a decoder that is started again.

        What it is given otherwise than the last time holds from now on; the rest stays as events have set it.

        Args:
            given: by whoever starts it.
            run: marks the weights; day layers adapted to others are forgotten.
        """
        last = self.given or given
        changed = {
            each.name: getattr(given, each.name)
            for each in fields(Held)
            if getattr(given, each.name) != getattr(last, each.name)
        }
        layers, learned = (self.layers, self.learned) if run == self.run else ({}, {})
        held = replace(self.held, **changed)
        return replace(self, held=held, given=given, run=run, layers=layers, learned=learned)

    def to_fields(self) -> Fields:
        """As fields of a hash."""
        plain = {
            "held": asdict(self.held),
            "position": self.position,
            "utterances": self.utterances,
            "said": self.said,
            "numbers": list(self.numbers.items()),
            "given": None if self.given is None else asdict(self.given),
            "run": self.run,
            "learned": list(self.learned.items()),
        }
        sums = {} if self.sums is None else asdict(self.sums)
        layers = {
            f"{name}:{session}": each.numpy()
            for session, layer in self.layers.items()
            for name, each in layer._asdict().items()
        }
        return {"state": json.dumps(plain), "sums": _packed(sums), "layers": _packed(layers)}

    @classmethod
    def from_fields(cls, stored: Received) -> LiveState | None:
        """From fields of a hash; None where it holds no state.

        Raises:
            DataError: it holds something else.
        """
        if b"state" not in stored:
            return None
        try:
            plain = json.loads(stored[b"state"])
            sums, layers = _unpacked(stored[b"sums"]), _unpacked(stored.get(b"layers"))
            return cls(
                held=Held(**plain["held"]),
                position=plain["position"],
                utterances=plain["utterances"],
                said=tuple(plain["said"]),
                numbers=dict(plain["numbers"]),
                given=None if plain["given"] is None else Held(**plain["given"]),
                run=plain["run"],
                learned=dict(plain.get("learned", ())),
                sums=BlockSums(float(sums.pop("count")), **sums) if sums else None,
                layers={
                    name.removeprefix("weight:"): DayLayer(
                        torch.from_numpy(layers[name]), torch.from_numpy(layers[name.replace("weight", "bias", 1)])
                    )
                    for name in layers
                    if name.startswith("weight:")
                },
            )
        except (KeyError, TypeError, ValueError, OSError, EOFError, BadZipFile) as error:
            raise DataError(f"it is no state of a live decoder ({error}); delete it, or use another prefix") from None


def _packed(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _unpacked(raw: bytes | None) -> dict[str, Any]:
    if raw is None:
        return {}
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
