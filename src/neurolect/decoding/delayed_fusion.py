"""A large language model that takes part in the search: every so many frames it scores the sentences that live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from threading import Lock
from typing import Protocol

import numpy as np
import numpy.typing as npt

from neurolect import _core
from neurolect.decoding.decoder import Decoder, DecoderStream
from neurolect.decoding.guidance import Guidance
from neurolect.decoding.hypotheses import Hypothesis, Logits
from neurolect.decoding.lattice_rescoring import LatticeRescoring
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import LARGEST
from neurolect.decoding.second_pass import Rescoring
from neurolect.errors import ConfigError
from neurolect.language.causal_lm_loading import Precision, load_causal_lm
from neurolect.text.alphabet import Alphabet


@dataclass(frozen=True)
class DelayedFusion:
    """Whether and how a large language model takes part in the search; by default it does not.

    Args:
        llm: large language model, named as for `neurolect rescore`.
        alpha: its share of the language model's weight; the n-grams keep the rest.
        every: so many frames lie between one time that it is asked and the next.
        most: how many word sequences it scores at a time, the best first; what these begin with comes for nothing. At
            the end of the utterance it scores all sentences to be listed.
        length_penalty: taken off its score for every token.
        context: what was said before.
        device: `auto`, `cpu`, `cuda:0`, …
        precision: `auto` is bfloat16 on a GPU and float32 on the CPU.

    Raises:
        ConfigError: a setting is out of its range.
    """

    llm: str | None = None
    alpha: float = 0.5
    every: int = 25
    most: int = 30
    length_penalty: float = 0.0
    context: str = ""
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name, allowed, range_ in (
            ("alpha", 0 <= self.alpha <= 1, "from 0 to 1"),
            ("every", self.every >= 1, "at least 1"),
            ("most", 1 <= self.most < 2**31, "at least 1"),
            ("length_penalty", abs(self.length_penalty) <= LARGEST, f"at most {LARGEST:g} either way"),
        ):
            if not allowed:
                raise ConfigError(f"fusion: {name} is {getattr(self, name)}, it must be {range_}")


class PrefixScorer(Protocol):
    """What can judge how the sentence of one utterance may begin, such as a `PrefixScores`."""

    def score(self, sentences: Sequence[str]) -> npt.NDArray[np.floating]:
        """Natural log P of each beginning (sentences,); asked again and again while they grow."""
        ...


def with_fusion(decoder: Decoder, fusion: DelayedFusion, rescoring: Rescoring = Rescoring()) -> Decoder:
    """The decoder that a verb's settings name: the same one, or one in whose search a large language model takes part.

    Args:
        decoder: over a lexicon network.
        fusion: the settings.
        rescoring: what is to be done with the lists afterwards.

    Raises:
        ConfigError: a setting decides nothing without a model, there is no such model on this machine, the search
            cannot take its scores, as for `FusedDecoder`, or the second pass would score again what the large language
            model has scored.
    """
    if fusion.llm is None:
        for name in _differing(fusion, DelayedFusion()):
            raise ConfigError(f"fusion: {name} decides nothing without a large language model; name one as fusion.llm")
        return decoder
    for name in ("llm", "lm", "augment"):
        if getattr(rescoring, name):
            raise ConfigError(f"fusion has scored the sentences already: leave out rescoring.{name} or fusion.llm")
    _fused_network(decoder, fusion.alpha)  # refuses what it must before the model is loaded
    from neurolect.language.prefix_scores import PrefixScores

    model = load_causal_lm(fusion.llm, fusion.device, fusion.precision, fusion.length_penalty)
    return FusedDecoder(decoder, fusion, lambda context: PrefixScores(model, context))


class FusedDecoder(Decoder):
    """A decoder whose search a large language model takes part in; streams and batches are as a `Decoder`'s.

    Every `fusion.every` frames the live word sequences are scored, and their totals become those that rescoring would
    give them: the scores of words since then are the n-gram model's alone. At the end the sentences to be listed are
    scored, so that their totals are those of `rescore_with_llm`. Word sequences are kept apart in the search, which a
    larger `max_active` makes up for.

    Args:
        decoder: with the network, the options, the alphabet and the threads.
        fusion: settings; assign to `fusion` to change `context`, `every` or `most`, for streams that begin later.
        scorer: given what was said before, begins the scoring of an utterance.

    Raises:
        ConfigError: the search is over a graph file, whose weights do not tell what the n-grams' part in them is, or
            with back-off as in a graph, or n-grams over the lattice have the last word.
    """

    def __init__(self, decoder: Decoder, fusion: DelayedFusion, scorer: Callable[[str], PrefixScorer]) -> None:
        network = _fused_network(decoder, fusion.alpha)
        super().__init__(network, decoder.options, decoder.alphabet, decoder.threads)
        self._fusion = fusion
        self._scorer = scorer
        self._asking = Lock()

    @property
    def fusion(self) -> DelayedFusion:
        """The settings; those assigned may differ in `context`, `every` and `most`.

        Raises:
            ConfigError: what is assigned differs in another setting, which takes another decoder.
        """
        return self._fusion

    @fusion.setter
    def fusion(self, fusion: DelayedFusion) -> None:
        fixed = replace(fusion, context=self._fusion.context, every=self._fusion.every, most=self._fusion.most)
        for name in _differing(fixed, self._fusion):
            raise ConfigError(f"fusion: {name} cannot change later; make another decoder with it")
        self._fusion = fusion

    def stream(self, guidance: Guidance | None = None) -> FusedStream:
        """Begin an utterance whose logits arrive in pieces; as `Decoder.stream`."""
        return FusedStream(self, guidance)

    def _begin_scoring(self) -> Callable[[Sequence[str]], npt.NDArray[np.floating]]:
        """What scores the beginnings of an utterance, for one of all streams at a time."""
        with self._asking:  # a new scorer may try the model out
            scorer = self._scorer(self.fusion.context)

        def score(sentences: Sequence[str]) -> npt.NDArray[np.floating]:
            with self._asking:
                return scorer.score(sentences)

        return score


class FusedStream(DecoderStream):
    """One utterance whose live word sequences are scored every so many of its frames, however these are cut.

    Args:
        decoder: shared by all streams.
        guidance: what is known about this utterance beforehand.
    """

    def __init__(self, decoder: FusedDecoder, guidance: Guidance | None = None) -> None:
        super().__init__(decoder, guidance)
        self._fusion = decoder.fusion
        self._score = decoder._begin_scoring()
        self._n_frames = 0

    def push(self, logits: Logits) -> None:
        """Take the next logits; as `DecoderStream.push`."""
        frames = self._decoder._prepare(logits)
        self._running()
        if not np.isfinite(frames.max(axis=1)).all():
            super().push(logits)  # refuses them all, before any of them is searched
            return
        logits, every = np.asarray(logits), self._fusion.every
        begin = 0
        while begin < len(logits):
            end = min(len(logits), begin + every - self._n_frames % every)
            super().push(logits[begin:end])
            self._n_frames += end - begin
            begin = end
            if self._n_frames % every == 0:
                self._take_scores(self._fused().unscored(self._fusion.most))

    def finish(self) -> list[Hypothesis]:
        """The distinct sentences if the utterance ends here; as `DecoderStream.finish`.

        A sentence without words is listed only where there is no other, since the model has nothing to say of it.
        """
        self._take_scores(self._fused().unscored_sentences(self._core_options))
        found = super().finish()
        return [each for each in found if each.words] or found

    def _take_scores(self, sequences: Sequence[_core.WordSequence]) -> None:
        if not sequences:
            return
        searcher, words = self._fused(), self._decoder.network.words
        # A search without these scores must not go on: ended unless they come.
        self._searcher = None
        scores = self._score([" ".join(words[number] for number in each.words) for each in sequences])
        searcher.score([each.history for each in sequences], scores.tolist())
        self._searcher = searcher

    def _fused(self) -> _core.FusedSearcher:
        searcher = self._running()
        assert isinstance(searcher, _core.FusedSearcher)
        return searcher


@dataclass(frozen=True)
class _FusedNetwork:
    """A lexicon network whose searches take a large language model's scores; implements `Network`."""

    network: LexiconNetwork
    alpha: float

    @property
    def alphabet(self) -> Alphabet:
        return self.network.alphabet

    @property
    def words(self) -> tuple[str, ...]:
        return self.network.words

    def searcher(self, guidance: Guidance | None, models: _core.LatticeModels | None = None) -> _core.FusedSearcher:
        return self.network.fused_searcher(guidance, self.alpha)

    def lattice_models(self, lattice_rescoring: LatticeRescoring) -> _core.LatticeModels:
        raise ConfigError("fusion has scored the sentences already: leave out lattice_lm or fusion.llm")


def _differing(one: DelayedFusion, other: DelayedFusion) -> list[str]:
    return [field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name)]


def _fused_network(decoder: Decoder, alpha: float) -> _FusedNetwork:
    if not isinstance(decoder.network, LexiconNetwork):
        raise ConfigError(
            "fusion: a graph file does not tell what the n-grams' part of its weights is; leave out graph"
        )
    network = _FusedNetwork(decoder.network, alpha)
    network.searcher(None)  # refuses back-off as in a graph now rather than at the first utterance
    if decoder.lattice_rescoring is not None:
        network.lattice_models(decoder.lattice_rescoring)  # refuses it
    return network
