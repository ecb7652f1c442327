"""When somebody has begun to speak, and when they have ended, by the model's own probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurolect.errors import ConfigError, require_at_least


@dataclass(frozen=True)
class EndOfSpeech:
    """Settings of utterances whose ends nobody marks.

    Args:
        silence_seconds: an utterance ends so long after its last frame of speech.
        speech_probability: a frame is speech if phonemes, silence excepted, are more probable than this altogether.
        speech_frames: so many frames of speech must be heard before it counts as begun.
        restart_seconds: what has held no speech for so long is forgotten, but for the end of it.
        lead_seconds: the end of it that is kept, as the begin of the next utterance.

    Raises:
        ConfigError: a setting is out of its range.
    """

    silence_seconds: float = 1.5
    speech_probability: float = 0.5
    speech_frames: int = 3
    restart_seconds: float = 5.0
    lead_seconds: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("silence_seconds", 0.1), ("speech_frames", 1), ("lead_seconds", 0.0)):
            require_at_least(least, f"end_of_speech.{name}", getattr(self, name))
        if not 0 < self.speech_probability < 1:
            raise ConfigError(f"end_of_speech.speech_probability is {self.speech_probability}, it must be from 0 to 1")
        if not self.restart_seconds >= self.lead_seconds + 1:
            raise ConfigError("end_of_speech.restart_seconds must be at least lead_seconds and a second")


class SpeechListener:
    """Follows one utterance frame by frame.

    Args:
        settings: thresholds.
        seconds_per_frame: of the model.
    """

    def __init__(self, settings: EndOfSpeech, seconds_per_frame: float) -> None:
        self._settings = settings
        self._silence_frames = math.ceil(settings.silence_seconds / seconds_per_frame)
        self._restart_frames = math.ceil(settings.restart_seconds / seconds_per_frame)
        self._frames = 0
        self._speech_frames = 0
        self._since_speech = 0

    @property
    def begun(self) -> bool:
        """Whether there has been speech."""
        return self._speech_frames >= self._settings.speech_frames

    @property
    def ended(self) -> bool:
        """Whether there has been speech, and silence enough after it."""
        return self.begun and self._since_speech >= self._silence_frames

    @property
    def in_vain(self) -> bool:
        """Whether it has listened long enough without speech to begin anew."""
        return not self.begun and self._frames >= self._restart_frames

    def hear(self, speech: float) -> None:
        """Take the probability of one frame that it is neither blank nor silence."""
        self._frames += 1
        if speech > self._settings.speech_probability:
            self._speech_frames += 1
            self._since_speech = 0
        else:
            self._since_speech += 1
