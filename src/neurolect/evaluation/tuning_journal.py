"""Measurements of a search for settings, kept in a file so that a search that was stopped goes on where it was."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neurolect.data.files import written_atomically
from neurolect.decoding.words import UNIFORM
from neurolect.errors import DataError
from neurolect.evaluation.tunable_settings import Values, fixed_settings
from neurolect.language.english import ENGLISH
from neurolect.text.alphabet import Alphabet


@dataclass(frozen=True)
class Measurement:
    """What one set of values gave.

    Args:
        values: settings by name.
        word_error_rate: a fraction.
        cpu_milliseconds: of an utterance, in the mean.
    """

    values: Values
    word_error_rate: float
    cpu_milliseconds: float

    def cost(self, cost_of_time: float) -> float:
        """Per cent of word errors, plus what the time is worth."""
        return 100 * self.word_error_rate + cost_of_time * self.cpu_milliseconds


class Journal:
    """Measurements so far, one JSON line each behind a line that says of what; the file appears with the first.

    Args:
        path: file to append to.
        setting: what all measurements share; a journal of something else is refused.

    Raises:
        DataError: the file is not such a journal, or is of another search.
    """

    def __init__(self, path: Path, setting: Mapping[str, Any]) -> None:
        self.path = path
        self.measurements: list[Measurement] = []
        self._first_line = json.dumps(setting) + "\n"
        if not path.exists():
            return
        # A line whose end is missing was being written when the search was stopped.
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        try:
            first, *lines = [json.loads(line) for line in whole.decode().splitlines()]
            if not isinstance(first, dict):
                raise ValueError
            self.measurements = [_measurement(line) for line in lines]
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise DataError(f"{path}: not a journal of 'neurolect lm tune', or a damaged one") from None
        expected = json.loads(self._first_line)
        if first != expected:
            different = sorted(key for key in {*first, *expected} if first.get(key) != expected.get(key))
            raise DataError(
                f"{path}: is of a search with other settings ({', '.join(different)}); choose another --out"
            )
        if whole != content:
            with written_atomically(path) as partial:
                partial.write_bytes(whole)

    def add(self, measurement: Measurement) -> None:
        """Note a measurement."""
        if not self.path.exists():
            with written_atomically(self.path) as partial:
                partial.write_text(self._first_line, encoding="utf-8")
        self.measurements.append(measurement)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(measurement)) + "\n")

    def find(self, values: Values) -> Measurement | None:
        """The measurement of these values, if there was one."""
        return next((each for each in self.measurements if each.values == values), None)


def identity_of_search(
    logits: Path,
    truth: Path,
    lm: str,
    lexicon: Path | None,
    graph: Path | None,
    order: str,
    alphabet: Alphabet | None,
) -> dict[str, Any]:
    """What the figures of a journal hold for; a file that was written again since, or another default, makes another.

    Args:
        logits: as for `neurolect lm tune`, like all others.
        truth: what was said.
        lm: name or path of the n-gram model.
        lexicon: further words.
        graph: search graph, with `words.txt` beside it.
        order: of the classes.
        alphabet: classes of the user's.

    Raises:
        OSError: a file cannot be read.
    """
    return {
        "logits": _file(logits),
        "truth": _file(truth),
        "lm": lm if lm in (ENGLISH, UNIFORM) else _file(Path(lm)),
        "lexicon": _file(lexicon),
        "graph": _file(graph),
        "words of the graph": _file(None if graph is None else graph.with_name("words.txt")),
        "order": order,
        "alphabet": str(alphabet),
        "defaults": fixed_settings(graph),
    }


def _file(path: Path | None) -> list[str | int] | None:
    if path is None:
        return None
    facts = path.stat()
    return [str(path), facts.st_size, facts.st_mtime_ns]


def _measurement(line: Any) -> Measurement:
    measurement = Measurement(**line)
    if not isinstance(measurement.values, dict):
        raise TypeError
    # isfinite refuses what is no number by a TypeError.
    if not all(map(math.isfinite, [*measurement.values.values(), measurement.cpu_milliseconds])):
        raise ValueError
    # Where nothing was said, the rate is NaN.
    if measurement.word_error_rate < 0:
        raise ValueError
    return measurement
