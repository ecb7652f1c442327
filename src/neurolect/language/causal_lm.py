"""Log-probabilities of candidate sentences under a large causal language model."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neurolect.errors import ConfigError, DataError
from neurolect.language.llm_text import text_for_llm
from neurolect.language.text_batches import TextBatch, n_in_tree, n_padded, padded_batch, tree_batch

Scores = npt.NDArray[np.float64]
Tokens = list[int]
Result = TypeVar("Result")

_FLOATS_AT_ONCE = 2**24
"""Logits that are taken to single precision at a time."""


class CausalLM:
    """A causal language model of `transformers`, as a judge of candidate sentences.

    What all candidates begin with is computed once. What only some begin with is too, by models that can read
    candidates as a tree, which is tried out at the first use; the others take them in padded batches of like lengths.
    Log-probabilities are taken and summed in single precision, whatever the model computes in. A batch that does not
    fit into memory is halved, as are those after it.

    Args:
        model: a `PreTrainedModel` with a language-model head and a key-value cache, on its device.
        tokenizer: the model's own. A text begins with the token that it puts first, or else its token for beginnings,
            or else for ends.
        length_penalty: taken off for every token.
        tokens_at_once: of a batch, padding included.

    Raises:
        ConfigError: the tokenizer has no token to begin with, or no token fits into a batch.
    """

    def __init__(self, model: Any, tokenizer: Any, length_penalty: float = 0.0, tokens_at_once: int = 4096) -> None:
        if tokens_at_once < 1:
            raise ConfigError(f"llm: tokens_at_once is {tokens_at_once}, it must be at least 1")
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.length_penalty = length_penalty
        self.tokens_at_once = tokens_at_once
        config = model.config.get_text_config()
        self.begin = first_token(tokenizer)
        self.longest: int | None = getattr(config, "max_position_embeddings", None)
        self._window: int | None = getattr(config, "sliding_window", None)
        self.reads_trees: bool | None = None  # not known before the first use
        self._has_shrunk = False

    def score(self, sentences: Sequence[str], context: str = "") -> Scores:
        """Natural log P(sentence | context) of each sentence (sentences,), less the length penalty.

        The end of the sentence is not counted, nor is the context, whose oldest part is cut where the model cannot take
        it all. Card et al. 2024 count the context too, which adds the same to all candidates.

        Args:
            sentences: candidates; words between spaces.
            context: what was said before.

        Raises:
            DataError: a sentence is longer than the model can take, or its score is not a number.
            ConfigError: not even one sentence fits into the device's memory.
        """
        if not sentences:
            return np.zeros(0)
        texts, n_given = self._tokenised(sentences, context)
        scores = self._score_tokens(texts, n_given)
        if not np.isfinite(scores).all():
            worst = sentences[int(np.argmin(np.isfinite(scores)))]
            raise DataError(f"llm: in {self.model.dtype} the score of '{worst[:80]}' is not a number; try float32")
        penalised: Scores = scores - self.length_penalty * (np.array([len(text) for text in texts]) - n_given)
        return penalised

    def _tokenised(self, sentences: Sequence[str], context: str) -> tuple[list[Tokens], int]:
        """Tokens of every text, and how many at its front are given rather than to be scored."""
        whole = [text_for_llm(sentence, context) for sentence in sentences]
        given = text_for_llm("", context)
        encoded = self.tokenizer([given, *whole], add_special_tokens=False)["input_ids"]
        before, *texts = ([self.begin, *tokens] for tokens in encoded)
        n_given = shared_length([before, *texts])
        excess = max(map(len, texts)) - (self.longest or max(map(len, texts)))
        if excess <= 0:
            return texts, n_given
        if excess >= n_given:
            longest = max(sentences, key=len)
            raise DataError(f"llm: the model takes {self.longest} tokens, too few for '{longest[:80]}…'")
        return [[self.begin, *text[1 + excess :]] for text in texts], n_given - excess

    def _score_tokens(self, texts: list[Tokens], n_given: int) -> Scores:
        reads_trees = self.can_read_trees()
        n_shared = shared_length(texts)
        total, cache, after = self._shared_part(texts[0][:n_shared], n_given)
        scores = np.full(len(texts), total)
        for number, text in enumerate(texts):
            if len(text) > n_shared:
                scores[number] += float(after[text[n_shared]])
        rests = {number: text[n_shared:] for number, text in enumerate(texts) if len(text) > n_shared + 1}
        as_tree = reads_trees and max(map(len, texts)) <= (self._window or max(map(len, texts)))
        for number, score in self._rests(rests, cache, n_shared, as_tree):
            scores[number] += score
        return scores

    def _shared_part(self, tokens: Tokens, n_given: int) -> tuple[float, Any, Tensor]:
        """Score of the tokens that all texts begin with, what the model keeps of them, and log P of each next one."""

        def compute() -> tuple[float, Any, Tensor]:
            answer = self.forward(torch.tensor([tokens]), None, logits_to_keep=len(tokens) - n_given + 1)
            places, targets = torch.arange(len(tokens) - n_given), torch.tensor(tokens[n_given:], dtype=torch.long)
            scores = log_probabilities(answer.logits[0], places, targets)
            after = answer.logits[0, -1].float().log_softmax(dim=-1).double().cpu()
            return float(scores.double().sum()), answer.past_key_values, after

        try:
            found = if_memory_suffices(compute)
        except (TypeError, AttributeError) as error:
            raise ConfigError(f"llm: {type(self.model).__name__} has no cache of keys and values: {error}") from None
        if found is None:
            raise ConfigError(f"llm: {len(tokens)} tokens do not fit into the memory of {self.model.device}")
        return found

    def _rests(self, rests: dict[int, Tokens], cache: Any, n_cached: int, as_tree: bool) -> list[tuple[int, float]]:
        """Scores of the tokens of each text but its first, which the others are predicted from."""
        found: list[tuple[int, float]] = []
        waiting = sorted(rests, key=lambda number: rests[number] if as_tree else -len(rests[number]))
        while waiting:
            ahead = [rests[number] for number in waiting]
            n_texts = n_in_tree(ahead, self.tokens_at_once) if as_tree else n_padded(ahead, self.tokens_at_once)
            batch = tree_batch(ahead[:n_texts]) if as_tree else padded_batch(ahead[:n_texts], self.begin)
            each = if_memory_suffices(partial(self._batch_scores, batch, cache, n_cached))
            if each is None:
                self._shrink(n_texts, batch.tokens.numel())
                continue
            sums = [float(part.double().sum()) for part in torch.split(each, list(batch.lengths))]
            found += zip(waiting[:n_texts], sums, strict=True)
            waiting = waiting[n_texts:]
        return found

    def _batch_scores(self, batch: TextBatch, cache: Any, n_cached: int) -> Tensor:
        """Log P of every target of a batch whose texts all go on from a cache of one text."""
        options = {}
        if batch.visible is not None and batch.positions is not None:
            mask = torch.zeros(len(batch.visible), n_cached + len(batch.visible), dtype=self.model.dtype)
            mask[:, n_cached:][~batch.visible] = torch.finfo(self.model.dtype).min
            options["attention_mask"] = mask[None, None].to(self.model.device)
            options["position_ids"] = (n_cached + batch.positions).to(self.model.device)
        cache = copy.deepcopy(cache)
        cache.reorder_cache(torch.zeros(len(batch.tokens), dtype=torch.long, device=self.model.device))
        logits = self.forward(batch.tokens, cache, **options).logits
        return log_probabilities(logits.flatten(0, 1), batch.places, batch.targets)

    @torch.inference_mode()
    def forward(self, tokens: Tensor, cache: Any, **options: Any) -> Any:
        """The model's answer to tokens (texts, positions) that go on from a cache of keys and values, or from none."""
        return self.model(tokens.to(self.model.device), past_key_values=cache, use_cache=True, **options)

    def can_read_trees(self) -> bool:
        """Whether the model takes texts as a tree, which is tried out at the first call."""
        if self.reads_trees is None:
            self.reads_trees = self._understands_trees()
        return self.reads_trees

    def _understands_trees(self) -> bool:
        """Whether the model gives texts in a tree the scores that it gives them apart."""
        vocabulary = self.model.config.get_text_config().vocab_size
        shared, *rests = (
            [token % vocabulary for token in tokens]
            for tokens in ([self.begin, 7, 11], [13, 17, 19, 23], [13, 17, 29, 31, 37], [13, 41, 43], [47, 13, 17, 19])
        )
        _, cache, _ = self._shared_part(shared, 1)
        # A state that runs from token to token would run through the whole tree.
        if any(hasattr(layer, "recurrent_states") for layer in cache.layers):
            return False
        numbered = dict(enumerate(rests))
        apart = dict(self._rests(numbered, cache, len(shared), as_tree=False))
        try:
            together = dict(self._rests(numbered, cache, len(shared), as_tree=True))
        except (TypeError, ValueError, RuntimeError):
            return False
        tolerance = 1e-3 if self.model.dtype == torch.float32 else 2e-2
        return all(abs(together[number] - score) <= tolerance * abs(score) for number, score in apart.items())

    def _shrink(self, n_texts: int, n_tokens: int) -> None:
        if n_texts == 1:
            raise ConfigError(f"llm: not even one sentence fits into the memory of {self.model.device}")
        self.tokens_at_once = max(1, n_tokens // 2)
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        if not self._has_shrunk:
            warnings.warn(
                f"llm: {n_texts} sentences at a time do not fit into the memory of {self.model.device}; "
                "going on with fewer, which takes longer",
                stacklevel=2,
            )
        self._has_shrunk = True


def first_token(tokenizer: Any) -> int:
    """The token that every text begins with, which itself is not scored."""
    for token in (*tokenizer("")["input_ids"][:1], tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise ConfigError("llm: the tokenizer has no token for the beginning or the end of a text")


def shared_length(texts: Sequence[Tokens]) -> int:
    """How many tokens all texts begin with in common."""
    first, last = min(texts), max(texts)
    return next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def log_probabilities(logits: Tensor, places: Tensor, targets: Tensor) -> Tensor:
    """Logits (places, tokens) → log P of each target (n,) at its place (n,), in single precision on the CPU."""
    used, which = torch.unique(places.to(logits.device), return_inverse=True)
    at_once = max(1, _FLOATS_AT_ONCE // logits.shape[-1])
    parts = [logits[some].float().logsumexp(dim=-1) for some in torch.split(used, at_once)]
    normalisers = torch.cat([torch.zeros(0, device=logits.device), *parts])
    return (logits[used[which], targets.to(logits.device)].float() - normalisers[which]).cpu()


def if_memory_suffices(compute: Callable[[], Result]) -> Result | None:
    """What is computed, or None where the device's memory does not suffice for it."""
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        # On the CPU, and inside some libraries, it is told from the message only.
        signs = ("out of memory", "can't allocate memory", "not enough memory")
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and not any(
            sign in str(error).lower() for sign in signs
        ):
            raise
    # Only here is the exception gone, and with it what it held in memory.
    return None
