"""The second pass over n-best lists: which models take part in it, and how the sentence is chosen."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from neurolect.decoding.candidate_augmentation import augment
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.minimum_risk import minimum_bayes_risk
from neurolect.decoding.options import LARGEST
from neurolect.decoding.rescoring import SentenceScorer, require_weight, rescore_with_llm, rescore_with_ngrams
from neurolect.errors import ConfigError
from neurolect.language.causal_lm_loading import Precision, load_causal_lm
from neurolect.language.ngram_model import NgramModel


@dataclass(frozen=True)
class Rescoring:
    """What is done with n-best lists after the search; by default nothing.

    Args:
        lm: n-gram model, such as a larger one, whose scores take the place of those of the search.
        graph_lm: n-gram model that the graph file was built of, where lists come from one and `lm` is given.
        language_model_weight: what the search multiplied n-gram scores by.
        augment: so many of the best sentences trade single words to give more (Card et al. 2024: 20); 0 gives none.
        augmentation_penalty: share of their scores that such sentences lose.
        llm: large language model: `smollm2`, the folder of a model of transformers, a GGUF file, or a name on the
            Hugging Face hub that is in this machine's cache.
        alpha: its share of the language model's weight; the n-grams keep the rest.
        length_penalty: taken off its score for every token.
        context: what was said before.
        device: for the large language model: `auto`, `cpu`, `cuda:0`, …
        precision: of the large language model; `auto` is bfloat16 on a GPU and float32 on the CPU.
        choose: the sentence of the highest total, or (`mbr`) the one with the fewest word errors to expect.
        posterior_scale: of the totals where these become probabilities, for `mbr`.

    Raises:
        ConfigError: a setting is out of its range, or decides nothing without another.
    """

    lm: Path | None = None
    graph_lm: Path | None = None
    language_model_weight: float = 1.0
    augment: int = 0
    augmentation_penalty: float = 0.01
    llm: str | None = None
    alpha: float = 0.5
    length_penalty: float = 0.0
    context: str = ""
    device: str = "auto"
    precision: Precision = "auto"
    choose: Literal["total", "mbr"] = "total"
    posterior_scale: float = 1.0

    def __post_init__(self) -> None:
        for name, allowed, range_ in (
            ("language_model_weight", 0 <= self.language_model_weight <= LARGEST, f"from 0 to {LARGEST:g}"),
            ("augment", self.augment >= 0, "at least 0"),
            ("augmentation_penalty", 0 <= self.augmentation_penalty <= LARGEST, f"from 0 to {LARGEST:g}"),
            ("alpha", 0 <= self.alpha <= 1, "from 0 to 1"),
            ("length_penalty", abs(self.length_penalty) <= LARGEST, f"at most {LARGEST:g} either way"),
            ("posterior_scale", 0 < self.posterior_scale < math.inf, "above 0"),
        ):
            if not allowed:
                raise ConfigError(f"rescoring: {name} is {getattr(self, name)}, it must be {range_}")
        if self.graph_lm is not None and self.lm is None:
            raise ConfigError("rescoring: graph_lm is what lm takes the place of; give lm too")
        for name in ("alpha", "length_penalty", "context"):
            if self.llm is None and getattr(self, name) != getattr(Rescoring, name):
                raise ConfigError(f"rescoring: {name} is for a large language model; name one as --rescoring.llm")


class SecondPass:
    """N-best lists rescored as settings say, with the models in memory; the settings' context may change any time.

    Args:
        rescoring: the settings.

    Raises:
        DataError: an n-gram model cannot be read.
        ConfigError: there is no such large language model on this machine.
    """

    def __init__(self, rescoring: Rescoring) -> None:
        self.rescoring = rescoring
        self._loaded = rescoring
        self._ngrams = None if rescoring.lm is None else NgramModel(rescoring.lm)
        self._replaced = None if rescoring.graph_lm is None else NgramModel(rescoring.graph_lm)
        self._llm: _PenalisingScorer | None = None
        self._parts = 1
        if rescoring.llm is not None:
            self._llm = load_causal_lm(rescoring.llm, rescoring.device, rescoring.precision, rescoring.length_penalty)

    def under(self, rescoring: Rescoring) -> SecondPass:
        """The same models in memory under other settings, which may leave models out.

        Raises:
            ConfigError: the settings name a model that is not in memory.
        """
        for name in ("lm", "graph_lm", "llm"):
            if getattr(rescoring, name) not in (None, getattr(self._loaded, name)):
                raise ConfigError(f"rescoring: {name} is not the model in memory; make another second pass with it")
        other = copy.copy(self)
        other.rescoring = rescoring
        if self._llm is not None:
            other._llm = copy.copy(self._llm)
            other._llm.length_penalty = rescoring.length_penalty
        return other

    def without_llm(self) -> SecondPass:
        """The same without the large language model's part."""
        kept = {name: getattr(Rescoring, name) for name in ("llm", "alpha", "length_penalty", "context")}
        return self.under(replace(self.rescoring, **kept))

    def in_parts(self, parts: int) -> SecondPass:
        """The same with the large language model given the sentences in so many parts, one after the other."""
        other = copy.copy(self)
        other._parts = parts
        return other

    def __call__(self, hypotheses: Sequence[Hypothesis], context: str | None = None) -> list[Hypothesis]:
        """One utterance's list of one model; as `of_models`."""
        return self.of_models([hypotheses], context)

    def of_models(self, lists: Sequence[Sequence[Hypothesis]], context: str | None = None) -> list[Hypothesis]:
        """One utterance's lists of several models, each rescored on its own.

        Args:
            lists: of n-best hypotheses, one or more.
            context: what was said before; None is the settings' context.

        Returns:
            Sentences in the order in which they are preferred.

        Raises:
            ConfigError: there are several lists, and the settings do not choose by minimum Bayes risk; or the totals of
                a list tell of another language_model_weight.
            DataError: a large language model has scored a list before and is to again.
        """
        rescored = [self._rescored(each, self.rescoring.context if context is None else context) for each in lists]
        if self.rescoring.choose == "mbr":
            return minimum_bayes_risk(rescored, self.rescoring.posterior_scale)
        if len(rescored) > 1:
            raise ConfigError("rescoring: several models' lists have no common totals; set choose to mbr")
        return rescored[0]

    def _rescored(self, hypotheses: Sequence[Hypothesis], context: str) -> list[Hypothesis]:
        settings = self.rescoring
        rescored = list(hypotheses)
        if settings.lm is not None or settings.llm is not None:
            require_weight(rescored, settings.language_model_weight)
        if settings.lm is not None and self._ngrams is not None:
            replaced = None if settings.graph_lm is None else self._replaced
            rescored = rescore_with_ngrams(rescored, self._ngrams, replaced, settings.language_model_weight)
        if settings.augment:
            rescored = augment(rescored, settings.augment, settings.augmentation_penalty)
        if settings.llm is not None and self._llm is not None:
            scorer = self._llm if self._parts == 1 else _InParts(self._llm, self._parts)
            weight = settings.language_model_weight
            rescored = rescore_with_llm(rescored, scorer, settings.alpha, weight, context)
        return rescored


class _PenalisingScorer(SentenceScorer, Protocol):
    """A `CausalLM`, whose module would import torch."""

    length_penalty: float


@dataclass(frozen=True)
class _InParts:
    """A scorer that is given a list in several parts; implements `SentenceScorer`."""

    scorer: SentenceScorer
    parts: int

    def score(self, sentences: Sequence[str], context: str = "") -> npt.NDArray[np.floating]:
        size = -(-len(sentences) // self.parts)
        starts = range(0, len(sentences), max(1, size))
        return np.concatenate([self.scorer.score(sentences[start : start + size], context) for start in starts])
