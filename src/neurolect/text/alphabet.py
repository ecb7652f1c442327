"""The classes a decoder emits: their symbols, their order, which one is the blank and which one is silence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurolect.errors import ConfigError


@dataclass(frozen=True)
class Alphabet:
    """An ordered set of CTC classes.

    Args:
        symbols: one name per class; the position is the class index.
        blank: index of the CTC blank.
        silence: index of the word separator, or None for alphabets without one.

    Raises:
        ConfigError: a symbol occurs twice or an index is out of range.
    """

    symbols: tuple[str, ...]
    blank: int = 0
    silence: int | None = None

    def __post_init__(self) -> None:
        repeated = {symbol for symbol in self.symbols if self.symbols.count(symbol) > 1}
        if repeated:
            raise ConfigError(f"alphabet: symbols occur twice: {', '.join(sorted(repeated))}")
        for name, index in (("blank", self.blank), ("silence", self.silence)):
            if index is not None and not 0 <= index < len(self.symbols):
                raise ConfigError(f"alphabet: {name} index {index} is outside 0..{len(self.symbols) - 1}")
        if self.silence == self.blank:
            raise ConfigError("alphabet: blank and silence are the same class")

    def __len__(self) -> int:
        return len(self.symbols)

    def index(self, symbol: str) -> int:
        """Return the class of a symbol; ConfigError names a symbol that is not in the alphabet."""
        try:
            return self.symbols.index(symbol)
        except ValueError:
            raise ConfigError(f"'{symbol}' is not one of the alphabet's {len(self)} symbols") from None

    def encode(self, symbols: Iterable[str]) -> list[int]:
        """Symbols → class indices."""
        return [self.index(symbol) for symbol in symbols]

    def decode(self, classes: Iterable[int]) -> list[str]:
        """Class indices → symbols."""
        return [self.symbols[int(index)] for index in classes]

    def columns_of(self, other: Alphabet) -> npt.NDArray[np.int64]:
        """Where each class of `other` stands in this alphabet: `logits[..., columns]` is in the order of `other`.

        Raises:
            ConfigError: the two alphabets do not hold the same symbols.
        """
        if set(self.symbols) != set(other.symbols):
            different = sorted(set(self.symbols) ^ set(other.symbols))
            raise ConfigError(f"alphabets differ in {', '.join(different)}")
        return np.array(self.encode(other.symbols), dtype=np.int64)

    def reorder(self, logits: Any, to: Alphabet) -> Any:
        """Logits (..., classes) of this alphabet, array or tensor, → the same logits in the class order of `to`."""
        return logits[..., self.columns_of(to)]

    def collapse(self, frame_classes: Sequence[int] | npt.NDArray[np.integer]) -> list[int]:
        """The CTC rule, in its order: merge runs of one class, then drop blanks.

        Args:
            frame_classes: best class of each frame (frames,).
        """
        classes = np.asarray(frame_classes, dtype=np.int64)
        if classes.size == 0:
            return []
        starts_run = np.concatenate(([True], classes[1:] != classes[:-1]))
        return [int(index) for index in classes[starts_run & (classes != self.blank)]]


ARPABET = tuple(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
"""The 39 ARPAbet phonemes without stress, in alphabetical order."""

PHONEMES = Alphabet(("BLANK", *ARPABET, "SIL"), blank=0, silence=40)
"""The 41 classes in the order of the T15 and T12 recordings and of the models trained on them."""

PHONEMES_LANGUAGE_MODEL_ORDER = Alphabet(("BLANK", "SIL", *ARPABET), blank=0, silence=1)
"""The same classes in the order that the reference's language-model server expects."""


def diphones(phonemes: Alphabet = PHONEMES) -> Alphabet:
    """Every ordered pair of phonemes (silence included) as one class, as diphone decoders emit them."""
    units = [symbol for index, symbol in enumerate(phonemes.symbols) if index != phonemes.blank]
    return Alphabet(("BLANK", *(f"{first}-{second}" for first in units for second in units)))


CHARACTERS = Alphabet(("BLANK", *"abcdefghijklmnopqrstuvwxyz'", " "), blank=0, silence=28)
"""English letters, the apostrophe and the space between words."""

PINYIN = Alphabet(
    (
        "BLANK",
        *"b p m f d t n l g k h j q x zh ch sh r z c s".split(),
        *"a o e i u v ai ei ui ao ou iu ie ve er an en in un vn ang eng ing ong".split(),
        "SIL",
    ),
    blank=0,
    silence=46,
)
"""The 21 initials and 24 finals of Mandarin."""
