"""What a subject's raw recordings will become, settled before any signal is filtered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from neurolect.data.seeg.channel_selection import ChannelSelection
from neurolect.data.seeg.contact_names import plain_name
from neurolect.data.seeg.layout import SubjectInfo
from neurolect.data.seeg.raw_recording import Event, RawRecording
from neurolect.data.seeg.rereferencing import Derivation, derivations
from neurolect.data.seeg.signal_checks import a_minute, implausible_unit, mains_of, same_signals
from neurolect.data.seeg.signal_preparation import Preparation, resampled_length, resampling_ratio
from neurolect.data.seeg.word_events import BEYOND, SOURCE, TrialPlan, WordEvents, plan_trials
from neurolect.errors import DataError

Continuous = Literal["auto", "all", "none"]


@dataclass(frozen=True)
class RunPlan:
    """One recording of a subject.

    Args:
        raw: the recording.
        derived: its channels, in the subject's order.
        averaged: rows whose mean is taken off every channel; empty with another reference.
        mains: power line frequency in Hz, 0 for no notch.
        ratio: of the sampling rates.
        trials: around its words.
        continuous: whether it is also kept whole.
    """

    raw: RawRecording
    derived: list[Derivation]
    averaged: list[int]
    mains: float
    ratio: Fraction
    trials: TrialPlan
    continuous: bool

    @property
    def n_samples(self) -> int:
        """Length after resampling."""
        return resampled_length(self.raw.n_samples, self.ratio)


@dataclass(frozen=True)
class SubjectPlan:
    """All of a subject; `notes` say what was left out and why."""

    info: SubjectInfo
    runs: list[RunPlan]
    preparation: Preparation
    n_trial_samples: int
    notes: list[str] = field(default_factory=list)

    @property
    def n_trials(self) -> int:
        """Trials of all runs."""
        return sum(len(run.trials.words) for run in self.runs)

    @property
    def n_steps(self) -> int:
        """Channels to prepare, over all runs."""
        return sum(len(run.derived) for run in self.runs)

    def summary(self, folder: Path) -> str:
        """What was written to a folder, in one line."""
        rate = self.info.sample_rate
        whole = [run for run in self.runs if run.continuous]
        minutes = sum(run.n_samples for run in whole) / rate / 60
        parts = [f"{len(self.info.channels)} channels at {rate:g} Hz"]
        if self.n_trials:
            words = {word for run in self.runs for word in run.trials.words}
            runs = sum(bool(run.trials.words) for run in self.runs)
            parts.append(f"{self.n_trials} trials of {len(words)} words in {runs} runs")
        if whole:
            parts.append(f"{len(whole)} recordings of {minutes:.1f} minutes")
        return f"{folder}: {', '.join(parts)}"


def plan_subject(
    name: str,
    raws: Sequence[RawRecording],
    preparation: Preparation,
    selection: ChannelSelection,
    events: Mapping[str, Sequence[Event]] | None = None,
    word_events: WordEvents | None = None,
    continuous: Continuous = "auto",
    regions: Mapping[str, str] | None = None,
) -> SubjectPlan:
    """Settle what a subject's recordings become; reads each of them once, to find flat and broken contacts.

    Args:
        name: of the subject.
        raws: its recordings.
        preparation: what is done to the signals.
        selection: which channels are kept; a channel must be there in every recording.
        events: run → events that may be words; None makes no trials.
        word_events: which of them are, and how long trials are.
        continuous: which recordings are kept whole; `auto` those without trials.
        regions: channel → region, before what the recordings say.

    Raises:
        DataError: a recording does not say its mains frequency, no channel is in all of them, or nothing is left.
    """
    word_events = word_events or WordEvents()
    notes: list[str] = []
    every = [_derived(raw, preparation, selection, notes) for raw in raws]
    shared = [name for name in every[0] if all(name in others for others in every)]
    if not shared:
        paths = ", ".join(str(raw.path) for raw in raws)
        raise DataError(f"subject {name}: no channel is in all of {paths}: convert them as several subjects")
    if lost := sorted({each for derived in every for each in derived} - set(shared)):
        notes.append(f"not in every recording: {', '.join(lost)}")
    contacts = {each: every[0][each].contact for each in shared}
    known = {each: _first(raws, contact) for each, contact in contacts.items()}
    places = {each: region for each, region in {**known, **(regions or {})}.items() if region and each in contacts}
    chosen = selection.choose(shared, places, f"subject {name}")
    runs = []
    for raw, derived in zip(raws, every, strict=True):
        averaged = [raw.channels.index(each.contact) for each in derived.values()]
        averaged = averaged if preparation.reference == "average" else []
        run = _plan_run(raw, [derived[each] for each in chosen], averaged, preparation, notes)
        if events is not None:
            words = word_events.words(events.get(raw.name, ()))
            trials = plan_trials(words, word_events, preparation.sample_rate, run.n_samples, raw.events)
            run = replace(run, trials=trials)
            notes += [f"{raw.name}: {note}" for note in trials.notes]
        runs.append(replace(run, continuous=continuous == "all" or (continuous == "auto" and not run.trials.words)))
    info = _info(name, chosen, runs, preparation, places, word_events)
    return SubjectPlan(info, runs, preparation, word_events.n_samples(preparation.sample_rate), notes)


def require_trials(plan: SubjectPlan, events: str | None) -> None:
    """Refuse a plan whose events have become no trial at all.

    Args:
        plan: of a subject.
        events: where they were to come from, as `events_of` takes it; None asks for none.

    Raises:
        DataError: names the file, and what is likely to be wrong with it.
    """
    if plan.n_trials or events is None:
        return
    file = ", ".join(str(run.raw.path) for run in plan.runs) if events == SOURCE else events
    left_out = [f"{run.raw.name}: {note}" for run in plan.runs for note in run.trials.notes]
    if any(BEYOND in note for note in left_out):
        left_out.append("onsets are seconds from a recording's first sample, neither samples nor milliseconds")
    why = "; ".join(left_out) or "no event is a word by --trials.prefix and --trials.vocabulary"
    raise DataError(f"{file}: gives subject {plan.info.name} no trial: {why}")


def _derived(
    raw: RawRecording, preparation: Preparation, selection: ChannelSelection, notes: list[str]
) -> dict[str, Derivation]:
    rows = raw.contact_rows(selection.keep)
    other = [channel for row, channel in enumerate(raw.channels) if row not in rows]
    rows = [row for row in rows if not selection.excludes(raw.channels[row])]
    unusable = raw.unusable(rows) | dict.fromkeys(raw.bad, "marked bad")
    contacts = [raw.channels[row] for row in rows]
    notes += [f"{raw.name}: {note}" for note in raw.notes]
    notes += [f"{raw.name}: no contacts: {', '.join(other)}"] if other else []
    notes += [f"{raw.name}: {each} is left out: {unusable[each]}" for each in contacts if each in unusable]
    try:
        derived = derivations(contacts, preparation.reference, unusable, raw.positions)
    except DataError as error:
        raise DataError(f"{raw.path}: {error}") from None
    used = {each.contact for each in derived} | {each.subtracted for each in derived}
    if alone := [each for each in contacts if each not in used and each not in unusable]:
        notes.append(f"{raw.name}: without a neighbour on its shaft: {', '.join(alone)}")
    if same := same_signals(raw, derived):
        notes.append(f"{raw.name}: both contacts carry one signal: {', '.join(each.describe() for each in same)}")
    if len(same) == len(derived):
        raise DataError(f"{raw.path}: the two contacts of every pair, such as {same[0].describe()}, carry one signal")
    return {each.name: each for each in derived if each not in same}


def _plan_run(
    raw: RawRecording,
    derived: list[Derivation],
    averaged: list[int],
    preparation: Preparation,
    notes: list[str],
) -> RunPlan:
    if preparation.low >= raw.sample_rate / 2:
        raise DataError(
            f"{raw.path}: recorded at {raw.sample_rate:g} Hz, nothing is in the band above {preparation.low:g} Hz"
        )
    look = a_minute(raw, [raw.channels.index(each.contact) for each in derived])
    mains = mains_of(raw, preparation.mains, look, notes)
    notes += [f"{raw.name}: {note}" for note in [implausible_unit(look)] if note]
    if preparation.low > 0 and raw.seconds < 2 / preparation.low:
        notes.append(f"{raw.name}: {raw.seconds:.2f} s are less than two periods of {preparation.low:g} Hz")
    if raw.sample_rate < preparation.sample_rate:
        notes.append(
            f"{raw.name}: recorded at {raw.sample_rate:g} Hz, nothing above {raw.sample_rate / 2:g} Hz is in it"
        )
    ratio = resampling_ratio(raw.sample_rate, preparation.sample_rate, raw.n_samples)
    return RunPlan(raw, derived, averaged, mains, ratio, TrialPlan([], [], [], []), continuous=True)


def _first(raws: Sequence[RawRecording], contact: str) -> str | None:
    return next((raw.regions[contact] for raw in raws if contact in raw.regions), None)


def _info(
    name: str,
    chosen: list[str],
    runs: list[RunPlan],
    preparation: Preparation,
    regions: dict[str, str],
    word_events: WordEvents,
) -> SubjectInfo:
    derived = runs[0].derived
    if preparation.reference == "bipolar":
        reference = "bipolar: " + ", ".join(each.describe() for each in derived)
    elif preparation.reference == "average":
        used = ", ".join(plain_name(runs[0].raw.channels[row]) for row in runs[0].averaged)
        reference = f"common average of {used}"
    else:
        reference = "reference of the recording"
    steps = [reference]
    for run in runs:
        described = "; ".join(preparation.describe(run.raw.sample_rate, run.mains))
        steps.append(f"{run.raw.name}: {described}" if described else f"{run.raw.name}: not filtered")
    positions = {}
    for each in derived:
        raw = next((run.raw for run in runs if each.contact in run.raw.positions), None)
        if raw is not None:
            both = [raw.positions[one] for one in (each.contact, each.subtracted) if one in raw.positions]
            positions[each.name] = np.mean(both, axis=0).tolist()
    return SubjectInfo(
        name=name,
        channels=chosen,
        sample_rate=preparation.sample_rate,
        epoch_start=word_events.start,
        regions={each: regions[each] for each in chosen if each in regions},
        positions=positions,
        preparation=steps,
        source=", ".join(run.raw.path.name for run in runs),
        simulated=any(run.raw.simulated for run in runs),
    )
