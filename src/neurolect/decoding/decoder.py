"""From logits to sentences, a whole utterance at once or as it is being said."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import overload

import numpy as np
import numpy.typing as npt

from neurolect import _core
from neurolect.decoding.guidance import Guidance
from neurolect.decoding.hypotheses import Hypothesis, Logits
from neurolect.decoding.lattice_rescoring import LatticeRescoring
from neurolect.decoding.logits_file import LogitsFile
from neurolect.decoding.networks import Network
from neurolect.decoding.options import DecoderOptions
from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import PHONEMES, Alphabet


class Decoder:
    """Beam search for the best sentences: Viterbi token passing with a lattice, in compiled code.

    A whole utterance is a stream that is pushed once, so that any chunking gives the same answer, bit for bit. One
    decoder serves any number of streams and threads at a time.

    Args:
        network: what is searched: a `LexiconNetwork` or a `GraphNetwork`.
        options: settings of the search; assign to `decoder.options` to change them, for streams that begin later.
        alphabet: classes of the logits, in the order in which they come.
        threads: utterances of a batch that are decoded at a time.
        lattice_rescoring: n-grams that take the place of the network's at the end of each utterance, over the whole
            lattice.

    Raises:
        ConfigError: the alphabet has other symbols than the network's, or there are no threads, or the lattice
            rescoring is not for such a network.
    """

    def __init__(
        self,
        network: Network,
        options: DecoderOptions = DecoderOptions(),
        alphabet: Alphabet = PHONEMES,
        threads: int = 1,
        lattice_rescoring: LatticeRescoring | None = None,
    ) -> None:
        if threads < 1:
            raise ConfigError(f"decoder: threads is {threads}, it must be at least 1")
        self.network = network
        self.options = options
        self.alphabet = alphabet
        self.threads = threads
        columns = alphabet.columns_of(network.alphabet)
        self._lattice_rescoring = lattice_rescoring
        self._lattice_models = None if lattice_rescoring is None else network.lattice_models(lattice_rescoring)
        self._columns = None if (columns == np.arange(len(columns))).all() else columns
        # Enough to go to and fro between two guidances, which take 3 ms to prepare; more would only fill memory.
        self._idle: deque[tuple[Guidance | None, _core.Searcher]] = deque(maxlen=2 * threads)
        self._lock = Lock()

    @property
    def lattice_rescoring(self) -> LatticeRescoring | None:
        """N-grams that have the last word; for others make another decoder."""
        return self._lattice_rescoring

    def stream(self, guidance: Guidance | None = None) -> DecoderStream:
        """Begin an utterance whose logits arrive in pieces.

        Args:
            guidance: what is known about this utterance beforehand.
        """
        return DecoderStream(self, guidance)

    @overload
    def decode(self, logits: Logits, lengths: None = None, guidance: Guidance | None = None) -> list[Hypothesis]: ...

    @overload
    def decode(
        self, logits: Logits, lengths: Sequence[int] | npt.NDArray[np.integer], guidance: Guidance | None = None
    ) -> list[list[Hypothesis]]: ...

    def decode(
        self,
        logits: Logits,
        lengths: Sequence[int] | npt.NDArray[np.integer] | None = None,
        guidance: Guidance | None = None,
    ) -> list[Hypothesis] | list[list[Hypothesis]]:
        """Sentences of one utterance, or of a batch.

        Args:
            logits: one utterance (frames, classes); with lengths a padded batch (batch, frames, classes), or utterances
                one after the other (frames of all, classes).
            lengths: frames of each utterance.
            guidance: what is known about the utterances beforehand.

        Returns:
            Distinct sentences, best first, at least one; no frames give the empty sentence. With lengths, one such
            list per utterance.

        Raises:
            DataError: shapes or lengths do not fit, or a frame is not numbers.
        """
        logits = np.asarray(logits)
        if lengths is None:
            return self._decode_one(logits, guidance)
        padded = logits.ndim == 3
        utterances = LogitsFile.of_padded(logits, lengths) if padded else LogitsFile(logits, np.asarray(lengths))
        return list(self.decode_each(utterances, guidance))

    def decode_each(self, utterances: Iterable[Logits], guidance: Guidance | None = None) -> Iterator[list[Hypothesis]]:
        """Sentences of each utterance (frames, classes) in turn, `threads` of them being decoded at a time.

        Raises:
            DataError: as by `decode`; the message names the utterance, counted from 0.
        """
        if self.threads == 1:
            for number, logits in enumerate(utterances):
                yield self._decode_numbered(number, logits, guidance)
            return
        running: deque[Future[list[Hypothesis]]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            for number, logits in enumerate(utterances):
                running.append(pool.submit(self._decode_numbered, number, logits, guidance))
                if len(running) > 2 * self.threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()

    def _decode_numbered(self, number: int, logits: Logits, guidance: Guidance | None) -> list[Hypothesis]:
        try:
            return self._decode_one(logits, guidance)
        except DataError as error:
            raise DataError(f"utterance {number}: {error}") from None

    def _decode_one(self, logits: Logits, guidance: Guidance | None) -> list[Hypothesis]:
        stream = self.stream(guidance)
        stream.push(logits)
        return stream.finish()

    def _prepare(self, logits: Logits) -> npt.NDArray[np.float32]:
        """Logits (frames, classes) as the search takes them: in its order of classes and in its precision."""
        logits = np.asarray(logits)
        if logits.shape[:1] == (0,):
            return np.zeros((0, len(self.alphabet)), dtype=np.float32)
        if logits.dtype.kind not in "biuf":
            raise DataError(f"logits are of the type {logits.dtype}, the decoder takes numbers")
        if logits.ndim != 2 or logits.shape[1] != len(self.alphabet):
            raise DataError(
                f"logits have the shape {logits.shape}, the decoder takes (frames, {len(self.alphabet)} classes)"
            )
        if self._columns is not None:
            logits = logits[:, self._columns]
        with np.errstate(over="ignore"):  # The search refuses what is infinite, and says in which frame.
            return np.ascontiguousarray(logits, dtype=np.float32)

    def _take_searcher(self, guidance: Guidance | None) -> _core.Searcher:
        """A searcher that no stream is using; `_return_searcher` lets its memory serve again."""
        with self._lock:
            for place, (idle_guidance, searcher) in enumerate(self._idle):
                if idle_guidance == guidance:
                    del self._idle[place]
                    return searcher
        return self.network.searcher(guidance, self._lattice_models)

    def _return_searcher(self, guidance: Guidance | None, searcher: _core.Searcher) -> None:
        """Give back a searcher whose utterance has ended; of several idle ones, those used last are kept."""
        with self._lock:
            self._idle.append((guidance, searcher))


class DecoderStream:
    """One utterance that is being decoded; however its frames are cut into chunks, the answer is the same.

    A stream is used by one thread at a time.

    Args:
        decoder: shared by all streams.
        guidance: what is known about this utterance beforehand.
    """

    def __init__(self, decoder: Decoder, guidance: Guidance | None = None) -> None:
        self._decoder = decoder
        self._guidance = guidance
        self._options = decoder.options
        self._core_options = self._options.for_core()
        self._searcher: _core.Searcher | None = decoder._take_searcher(guidance)
        self._searcher.begin(self._core_options)

    @property
    def options(self) -> DecoderOptions:
        """Settings from the next frame on; may be assigned to at any time."""
        return self._options

    @options.setter
    def options(self, options: DecoderOptions) -> None:
        self._options = options
        self._core_options = options.for_core()

    def push(self, logits: Logits) -> None:
        """Take the next logits (frames, classes); no frames is allowed.

        Logits that are refused leave the stream as it was; any other failure ends the utterance.

        Raises:
            DataError: another number of classes, a frame with NaN or +∞ or nothing finite, or a damaged graph file.
            ConfigError: the utterance has ended.
        """
        frames = self._decoder._prepare(logits)
        searcher = self._running()
        try:
            searcher.push(frames, self._core_options)
        except BaseException:
            # Frames are refused before any of them is searched; whatever else fails leaves the search half done.
            if np.isfinite(frames.max(axis=1)).all():
                self._searcher = None
            raise

    def partial(self) -> Hypothesis:
        """The words of the path that is best so far, which later frames may still change.

        Raises:
            ConfigError: the utterance has ended.
        """
        return self._hypothesis(self._running().partial())

    def finish(self) -> list[Hypothesis]:
        """The distinct sentences if the utterance ends here, best first, at least one.

        Raises:
            ConfigError: the utterance has ended already.
            DataError: the graph file is damaged.
        """
        searcher = self._running()
        # Ended whatever comes: a search that failed must not serve another utterance.
        self._searcher = None
        found = [self._hypothesis(each) for each in searcher.finish(self._core_options)]
        self._decoder._return_searcher(self._guidance, searcher)
        nothing = Hypothesis(words=(), acoustic=0.0, ngram=0.0, lexicon=0.0, bonus=0.0, total=float("-inf"))
        return found or [nothing]

    def _running(self) -> _core.Searcher:
        if self._searcher is None:
            raise ConfigError("decoder: this utterance has ended; begin another with decoder.stream()")
        return self._searcher

    def _hypothesis(self, found: _core.Hypothesis) -> Hypothesis:
        words = self._decoder.network.words
        return Hypothesis(
            words=tuple(words[number] for number in found.words),
            acoustic=found.acoustic,
            ngram=found.ngram,
            lexicon=found.lexicon,
            bonus=found.bonus,
            total=found.total,
            llm=None if math.isnan(found.llm) else found.llm,
            times=tuple(zip(found.starts, found.ends, strict=True)),
            confidence=tuple(found.confidences),
        )
