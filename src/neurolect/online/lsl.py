"""Passes a LabStreamingLayer stream of features, and one of markers, on to a live decoder."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

import numpy as np

from neurolect.data.t15 import BIN_SECONDS
from neurolect.errors import ConfigError
from neurolect.online.live_input import EventKind
from neurolect.online.sender import Sender

if TYPE_CHECKING:
    from pylsl import StreamInfo, StreamInlet

NEEDS_LSL = "LabStreamingLayer needs 'pip install neurolect[lsl]'"

_PULL_SECONDS = 0.2
_SILENT_SECONDS = 5.0
_GAP_BINS = 5
_MOST_SAMPLES = 1000


def find_stream(name: str, kind: str | None = None, seconds: float = 10.0) -> StreamInfo:
    """The one stream on the network with a name, and of a type where that is given.

    Args:
        name: of the stream.
        kind: its type, such as `Features`.
        seconds: to look for it.

    Raises:
        ConfigError: there is none, or several; the message lists what there is. Or `pylsl` is not installed.
    """
    try:
        import pylsl
    except (ImportError, RuntimeError):
        raise ConfigError(NEEDS_LSL) from None
    found = [each for each in pylsl.resolve_byprop("name", name, timeout=seconds) if kind in (None, each.type())]
    if len(found) == 1:
        return found[0]
    wanted = f"'{name}'" if kind is None else f"'{name}' of type '{kind}'"
    if found:
        raise ConfigError(f"lsl: {len(found)} streams are called {wanted}; give them different names or types")
    others = sorted({f"'{each.name()}' of type '{each.type()}'" for each in pylsl.resolve_streams(wait_time=1.0)})
    raise ConfigError(f"lsl: no stream {wanted} within {seconds:g} s; there is {', '.join(others) or 'none'}")


def open_features(info: StreamInfo) -> StreamInlet:
    """Open a stream whose samples are bins of features.

    Raises:
        ConfigError: its samples are text, or come at another rate than one every 20 ms.
    """
    import pylsl

    if info.channel_format() == pylsl.cf_string:
        raise ConfigError(f"lsl: the samples of '{info.name()}' are text, features are needed")
    rate = 1 / BIN_SECONDS
    if info.nominal_srate() not in (pylsl.IRREGULAR_RATE, rate):
        raise ConfigError(f"lsl: '{info.name()}' has {info.nominal_srate():g} samples a second, {rate:g} are needed")
    return pylsl.StreamInlet(info, processing_flags=pylsl.proc_clocksync)


def open_markers(info: StreamInfo) -> StreamInlet:
    """Open a stream whose samples are texts, such as `utterance_start` or `session t15.2023.08.11`.

    Raises:
        ConfigError: its samples are no text, or more than one at a time.
    """
    import pylsl

    if info.channel_format() != pylsl.cf_string or info.channel_count() != 1:
        raise ConfigError(f"lsl: the samples of '{info.name()}' are not single texts, as markers are")
    return pylsl.StreamInlet(info, processing_flags=pylsl.proc_clocksync)


def bridge(
    features: StreamInlet,
    markers: StreamInlet | None,
    sender: Sender,
    stop: threading.Event,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Send every sample as a bin until told to stop, and every marker that is an event at its place among them.

    A marker stands before the first sample with its time or a later one, if it arrives before that sample has been
    sent. Its first word is the event, the rest its value; other markers are left out.

    Args:
        features: from `open_features`.
        markers: from `open_markers`, or None.
        sender: writes them.
        stop: ends this within a fraction of a second.
        say: is told of a stream that pauses and of samples that are missing.
    """
    waiting: deque[tuple[float, EventKind, str]] = deque()
    last_sample, last_arrival, silent = None, time.monotonic(), False
    while not stop.is_set():
        first, first_time = features.pull_sample(timeout=_PULL_SECONDS)
        if markers is not None:
            waiting.extend(_new_events(markers))
        if first is None:
            _tell(waiting, sender, float("inf"))
            if not silent and time.monotonic() - last_arrival > _SILENT_SECONDS:
                say(f"no sample for {_SILENT_SECONDS:g} s; waiting for the stream")
                silent = True
            continue
        more, more_times = features.pull_chunk(timeout=0.0, max_samples=_MOST_SAMPLES)
        last_arrival, silent = time.monotonic(), False
        bins = np.array([first, *more], dtype=np.float32)
        times = [first_time, *more_times]
        if last_sample is not None and first_time - last_sample > _GAP_BINS * BIN_SECONDS:
            say(f"{first_time - last_sample:.2f} s between two samples: about that much is missing")
        last_sample = times[-1]
        begin = 0
        for end in range(1, len(bins)):
            if waiting and waiting[0][0] <= times[end]:
                _tell(waiting, sender, times[begin])
                sender.send(bins[begin:end])
                begin = end
        _tell(waiting, sender, times[begin])
        sender.send(bins[begin:])


def _new_events(markers: StreamInlet) -> list[tuple[float, EventKind, str]]:
    texts, times = markers.pull_chunk(timeout=0.0, max_samples=_MOST_SAMPLES)
    events: list[tuple[float, EventKind, str]] = []
    for (text,), stamp in zip(texts, times, strict=True):
        kind, _, value = text.partition(" ")
        if kind in get_args(EventKind):
            events.append((stamp, kind, value))
    return events


def _tell(waiting: deque[tuple[float, EventKind, str]], sender: Sender, until: float) -> None:
    while waiting and waiting[0][0] <= until:
        _, kind, value = waiting.popleft()
        sender.tell(kind, value)
