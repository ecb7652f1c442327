"""Search settings for a decoder by trying them out on a development split."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neurolect.data.files import written_atomically
from neurolect.decoding.decoder import Decoder
from neurolect.decoding.logits_file import LogitsFile
from neurolect.errors import ConfigError, DataError
from neurolect.evaluation.sentences import word_error_rate
from neurolect.evaluation.tunable_settings import WHOLE_OPTIONS, Values, check_names


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
    """Measurements so far, one JSON line each, so that a search that was stopped goes on where it was.

    Args:
        path: file to append to.
        setting: what all measurements share; a journal of something else is refused.

    Raises:
        DataError: the file is not such a journal, or is of another search.
    """

    def __init__(self, path: Path, setting: Mapping[str, Any]) -> None:
        self.path = path
        self.measurements: list[Measurement] = []
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_atomically(path) as partial:
                partial.write_text(json.dumps(setting) + "\n", encoding="utf-8")
            return
        # A line whose end is missing was being written when the search was stopped.
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        try:
            first, *lines = [json.loads(line) for line in whole.splitlines()]
            self.measurements = [Measurement(**line) for line in lines]
        except (ValueError, TypeError):
            raise DataError(f"{path}: not a journal of 'neurolect lm tune'") from None
        if first != json.loads(json.dumps(setting)):
            different = sorted(key for key in {*first, *setting} if first.get(key) != setting.get(key))
            raise DataError(
                f"{path}: is of a search with other settings ({', '.join(different)}); choose another --out"
            )
        if whole != text:
            with written_atomically(path) as partial:
                partial.write_text(whole, encoding="utf-8")

    def add(self, measurement: Measurement) -> None:
        """Note a measurement."""
        self.measurements.append(measurement)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(measurement)) + "\n")

    def find(self, values: Values) -> Measurement | None:
        """The measurement of these values, if there was one."""
        return next((each for each in self.measurements if each.values == values), None)


def measure(decoder: Decoder, utterances: LogitsFile, spoken: list[str], values: Values) -> Measurement:
    """Decode a split and count word errors and CPU time."""
    started = time.process_time()
    sentences = [hypotheses[0].text for hypotheses in decoder.decode_each(utterances)]
    milliseconds = 1000 * (time.process_time() - started) / max(1, len(utterances))
    return Measurement(dict(values), word_error_rate(spoken, sentences).rate, milliseconds)


def grid(space: Mapping[str, list[float]]) -> list[dict[str, float]]:
    """Every combination of the values given for each setting."""
    check_names(space)
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def tree_of_parzen(
    space: Mapping[str, list[float]], journal: Journal, n_trials: int, cost_of_time: float, seed: int
) -> Iterator[dict[str, float]]:
    """Values between the bounds given for each setting, each chosen after the measurements before it (TPE, by optuna).

    Each must be in the journal before the next is asked for. Measurements there of other settings count, but teach
    nothing.

    Settings whose bounds are above zero and ten times apart are searched on a logarithmic scale.

    Raises:
        ConfigError: optuna is not installed, or the bounds are not two ascending numbers.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError("the search by TPE needs 'pip install neurolect[tune]'") from None
    check_names(space)
    distributions: dict[str, Any] = {}
    for name, bounds in space.items():
        if len(bounds) != 2 or not bounds[0] < bounds[1]:
            raise ConfigError(f"tune: {name} needs two ascending bounds, not {bounds}")
        log = bounds[0] > 0 and bounds[1] / bounds[0] >= 10
        if name in WHOLE_OPTIONS:
            distributions[name] = optuna.distributions.IntDistribution(int(bounds[0]), int(bounds[1]), log=log)
        else:
            distributions[name] = optuna.distributions.FloatDistribution(bounds[0], bounds[1], log=log)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    while len(journal.measurements) < n_trials:
        # Made anew from the journal each time, so that a search that goes on chooses as an unbroken one.
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed + len(journal.measurements)))
        study.add_trials(
            [
                optuna.create_trial(
                    params=dict(each.values), distributions=distributions, value=each.cost(cost_of_time)
                )
                for each in journal.measurements
                if _is_within(each.values, space)
            ]
        )
        yield study.ask(distributions).params


def _is_within(values: Values, space: Mapping[str, list[float]]) -> bool:
    return values.keys() == space.keys() and all(low <= values[name] <= high for name, (low, high) in space.items())


def best_of(measurements: list[Measurement], cost_of_time: float) -> Measurement:
    """The measurement of least cost; of several, the fastest."""
    return min(measurements, key=lambda each: (each.cost(cost_of_time), each.cpu_milliseconds))


def not_beaten(measurements: list[Measurement]) -> list[Measurement]:
    """Measurements than which none is both faster and better, fastest first."""
    kept: list[Measurement] = []
    least = math.inf
    for each in sorted(measurements, key=lambda each: (each.cpu_milliseconds, each.word_error_rate)):
        if each.word_error_rate < least:
            kept.append(each)
            least = each.word_error_rate
    return kept
