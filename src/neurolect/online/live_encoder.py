"""A trained run fed bin by bin: the columns it knows, smoothing, the day layer and the GRU."""

from __future__ import annotations

import zlib
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from neurolect.data.smoothing import SmoothingStream
from neurolect.data.t15 import ARRAYS, BIN_SECONDS, KINDS, N_FEATURES, feature_columns
from neurolect.errors import ConfigError
from neurolect.models.gru import DayLayer, GRUDecoder, GRUStream
from neurolect.models.int8 import quantise_dynamically
from neurolect.training.runs import Run

Floats = npt.NDArray[np.float32]
Number = TypeVar("Number", np.float32, np.float64)
Weights = Literal["int8", "float32"]


class LiveEncoder:
    """What all utterances share: the weights, and which features they are for.

    Args:
        run: on the CPU; it is not changed.
        weights: `int8` takes a quarter of the time of `float32`, and errs as little.

    Raises:
        ConfigError: the run's model needs whole trials.
    """

    def __init__(self, run: Run, weights: Weights = "int8") -> None:
        if not isinstance(run.model, GRUDecoder):
            raise ConfigError(f"a {type(run.model).__name__} needs whole trials; live decoding needs a GRUDecoder")
        self.run = run
        self.weights = weights
        self.model = run.model.eval()
        self.streaming = quantise_dynamically(self.model) if weights == "int8" else self.model
        self._columns = None if run.feature_blocks is None else feature_columns(run.feature_blocks)

    @property
    def n_features(self) -> int:
        """Of each bin as it comes, those included that the run was not trained on."""
        return self.n_chosen if self._columns is None else N_FEATURES

    @property
    def mark(self) -> str:
        """Tells the run's weights from others."""
        mark = 0
        for each in self.model.state_dict().values():
            mark = zlib.crc32(each.contiguous().numpy(), mark)
        return f"{mark:08x}"

    @property
    def feature_arrays(self) -> list[tuple[str, int, int]]:
        """Name, first column and last column of what belongs together."""
        if self.n_features != N_FEATURES:
            return [("features", 0, self.n_features - 1)]
        names = [f"{array} {kind}" for kind in KINDS for array in ARRAYS]
        width = N_FEATURES // len(names)
        return [(name, width * index, width * (index + 1) - 1) for index, name in enumerate(names)]

    @property
    def seconds_per_frame(self) -> float:
        """From one frame to the next."""
        return self.run.patching.first_bin(1) * BIN_SECONDS

    @property
    def lookahead_seconds(self) -> float:
        """How much later than its bins a frame comes, because smoothing waits for the bins after it."""
        return SmoothingStream(self.run.smoothing, self.n_chosen).lookahead * BIN_SECONDS

    def bins_in(self, seconds: float) -> int:
        """Bins of so long a time."""
        return round(seconds / BIN_SECONDS)

    def seconds(self, frame: int) -> float:
        """When a frame begins, since the utterance's first bin."""
        return round(self.run.patching.first_bin(frame) * BIN_SECONDS, 3)

    @property
    def n_chosen(self) -> int:
        """Features that the model takes."""
        return int(self.model.arguments["neural_dim"])

    def chosen(self, features: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Bins as they come (bins, n_features) → the columns that the run was trained on."""
        return features if self._columns is None else features[:, self._columns]

    def day_layer(self, session: str) -> DayLayer:
        """The layer of a session, or where the run has none, that of its latest day."""
        known = session in self.run.sessions
        return DayLayer(*self.model.day_parameters(self.run.day_of(session if known else self.latest_session)))

    @property
    def latest_session(self) -> str:
        """The run's last day."""
        return self.run.sessions[-1]

    def stream(self, layer: DayLayer) -> EncoderStream:
        """Begin an utterance."""
        return EncoderStream(self, layer)


class EncoderStream:
    """One utterance; all its logits together are those of `Run.logits`.

    Args:
        encoder: shared by all.
        layer: of its day.
    """

    def __init__(self, encoder: LiveEncoder, layer: DayLayer) -> None:
        self._patching = encoder.run.patching
        self._smoothing = SmoothingStream(encoder.run.smoothing, layer.weight.shape[0])
        self._gru = GRUStream(encoder.streaming, layer)
        self._n_bins = 0
        self._n_frames = 0
        self._waiting: list[Floats] = []
        self._no_bins = np.zeros((0, layer.weight.shape[0]), dtype=np.float32)
        self._nothing = np.zeros((0, len(encoder.run.alphabet)), dtype=np.float32)

    @property
    def bins_to_next_frame(self) -> int:
        """How many bins more complete a frame."""
        span = max(self._patching.size, 1) + self._smoothing.lookahead
        return self._patching.first_bin(self._n_frames) + span - self._n_bins

    def push(self, features: Floats) -> Floats:
        """Chosen columns (bins, features) → logits (frames, classes) of the frames they complete."""
        completes = len(features) >= self.bins_to_next_frame
        self._n_bins += len(features)
        self._waiting.append(features)
        # Four bins together cost what one does, and nobody waits for them before the frame is complete.
        return self._encode(self._smoothing.push(self._taken())) if completes else self._nothing

    def finish(self) -> Floats:
        """Logits of the frames that waited for bins which will not come."""
        smoothed = [self._smoothing.push(self._taken()), self._smoothing.finish()]
        return self._encode(torch.cat(smoothed))

    def _taken(self) -> torch.Tensor:
        waiting, self._waiting = self._waiting, []
        return torch.from_numpy(np.concatenate([self._no_bins, *waiting], dtype=np.float32))

    def _encode(self, smoothed: torch.Tensor) -> Floats:
        logits = self._gru.push(smoothed)
        self._n_frames += len(logits)
        encoded: Floats = logits.float().numpy()
        return encoded
