"""Search settings for a decoder by trying them out on a development split."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from neurolect.decoding.decoder import Decoder
from neurolect.decoding.logits_file import LogitsFile
from neurolect.errors import ConfigError, require_at_least
from neurolect.evaluation.sentences import word_error_rate
from neurolect.evaluation.tunable_settings import WHOLE_OPTIONS, Values
from neurolect.evaluation.tuning_journal import Journal, Measurement


def tune(
    proposed: Iterable[Values],
    build: Callable[[Values], Decoder],
    utterances: LogitsFile,
    spoken: list[str],
    journal: Journal,
) -> Iterator[Measurement]:
    """Measure settings one after the other; each is in the journal before the next is asked for.

    Args:
        proposed: settings to try, from `grid` or `propose_by_tpe`.
        build: from settings to a decoder, as `tunable_decoder` gives it.
        utterances: logits of a development split.
        spoken: what was said in each utterance.
        journal: what it holds already is not measured again.
    """
    for values in proposed:
        # TPE may ask for the same again.
        measurement = journal.find(values) or measure(build(values), utterances, spoken, values)
        journal.add(measurement)
        yield measurement


def measure(decoder: Decoder, utterances: LogitsFile, spoken: list[str], values: Values) -> Measurement:
    """Decode a split and count word errors and CPU time."""
    started = time.process_time()
    sentences = [hypotheses[0].text for hypotheses in decoder.decode_each(utterances)]
    milliseconds = 1000 * (time.process_time() - started) / max(1, len(utterances))
    return Measurement(dict(values), word_error_rate(spoken, sentences).rate, milliseconds)


def grid(space: Mapping[str, list[float]]) -> list[dict[str, float]]:
    """Every combination of the values given for each setting."""
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def propose_by_tpe(
    space: Mapping[str, list[float]], journal: Journal, n_trials: int, cost_of_time: float, seed: int
) -> Iterator[dict[str, float]]:
    """Values between the bounds given for each setting, each chosen after the measurements before it (TPE, by optuna).

    Each must be in the journal before the next is asked for. Measurements there of other settings count, but teach
    nothing.

    Settings whose bounds are above zero and ten times apart are searched on a logarithmic scale.

    Args:
        space: two bounds of each setting.
        journal: measurements so far.
        n_trials: how many measurements the journal shall have in the end.
        cost_of_time: as for `Measurement.cost`.
        seed: 0 to 2^31 - 1.

    Raises:
        ConfigError: optuna is not installed, the bounds are not two ascending numbers, whole ones for a whole number,
            or trials or seed are out of their range.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError("the search by TPE needs 'pip install neurolect[tune]'") from None
    require_at_least(1, "trials", n_trials)
    if not 0 <= seed < 2**31:
        raise ConfigError(f"seed is {seed}, it must be from 0 to {2**31 - 1}")
    for name, bounds in space.items():
        if len(bounds) != 2 or not -math.inf < bounds[0] < bounds[1] < math.inf:
            raise ConfigError(f"tune: {name} needs two ascending bounds, not {bounds}")
        if name in WHOLE_OPTIONS and any(bound != int(bound) for bound in bounds):
            raise ConfigError(f"tune: {name} needs bounds that are whole numbers, not {bounds}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return _proposals(space, journal, n_trials, cost_of_time, seed)


def _proposals(
    space: Mapping[str, list[float]], journal: Journal, n_trials: int, cost_of_time: float, seed: int
) -> Iterator[dict[str, float]]:
    import optuna

    distributions: dict[str, Any] = {}
    for name, bounds in space.items():
        log = bounds[0] > 0 and bounds[1] / bounds[0] >= 10
        if name in WHOLE_OPTIONS:
            distributions[name] = optuna.distributions.IntDistribution(int(bounds[0]), int(bounds[1]), log=log)
        else:
            distributions[name] = optuna.distributions.FloatDistribution(bounds[0], bounds[1], log=log)
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
