"""How an n-best list is put to a language model that was trained to correct such lists."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from neurolect.errors import ConfigError, DataError, require_at_least

_FILE = "corrector.json"


@dataclass(frozen=True)
class CorrectionFormat:
    """What a trained corrector is shown, which lies beside its weights.

    Args:
        n_best: how many candidates it is shown.
        weight: of its log-probabilities where they are added to the totals of a list.

    Raises:
        ConfigError: `n_best` or `weight` is out of its range.
    """

    n_best: int = 5
    weight: float = 1.0

    def __post_init__(self) -> None:
        require_at_least(1, "corrector: n_best", self.n_best)
        if not 0 <= self.weight < math.inf:
            raise ConfigError(f"corrector: weight is {self.weight}, it must be finite and at least 0")

    def prompt(self, candidates: Sequence[str]) -> str:
        """Text before the answer, which goes on after a space.

        Args:
            candidates: sentences of one utterance, best first.
        """
        # After a dash and a space words are cut into tokens as they are in the answer.
        return "".join(f"- {each}\n" for each in candidates[: self.n_best]) + "Said:"

    @staticmethod
    def answer(sentence: str) -> str:
        """The sentence with a sign that it has ended."""
        return f"{sentence}."

    def write(self, folder: Path) -> None:
        """Put it beside the model in a folder."""
        (folder / _FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder holds a trained corrector."""
        return (folder / _FILE).is_file()

    @classmethod
    def read(cls, folder: Path) -> CorrectionFormat:
        """The format of the corrector in a folder.

        Raises:
            DataError: there is none, or its file is damaged or holds a setting out of its range.
        """
        path = folder / _FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(content["n_best"]), float(content["weight"]))
        except FileNotFoundError:
            raise DataError(f"{folder}: is no corrector that 'neurolect lm corrector' trained") from None
        except ConfigError as error:
            raise DataError(f"{path}: {error}") from None
        except (ValueError, KeyError, TypeError, OverflowError):
            raise DataError(f"{path}: is not what 'neurolect lm corrector' writes") from None
