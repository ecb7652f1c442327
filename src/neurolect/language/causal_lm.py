"""Log-probabilities of candidate sentences under a large causal language model."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neurolect.errors import ConfigError, DataError
from neurolect.language.llm_text import text_for_llm

Scores = npt.NDArray[np.float64]

_FLOATS_AT_ONCE = 2**24
"""Logits that are taken to single precision at a time."""

_SHORTEST_IN_BATCH = 0.75
"""Length of the shortest text of a batch, in that of the longest: below it, padding costs more than another batch."""


class CausalLM:
    """A causal language model of `transformers`, as a judge of candidate sentences.

    What candidates begin with in common is computed once for all of them, the rest in batches of like lengths.
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
        self._begin = _first_token(tokenizer)
        self._longest: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
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
        n_shared = _shared(texts)
        total, cache, after = self._shared_part(texts[0][:n_shared], n_given)
        scores = np.full(len(texts), total)
        going_on = [number for number, text in enumerate(texts) if len(text) > n_shared]
        if going_on:
            firsts = torch.tensor([texts[number][n_shared] for number in going_on])
            scores[going_on] += after[firsts].numpy()
        rests = {number: texts[number][n_shared:] for number in going_on if len(texts[number]) > n_shared + 1}
        for number, score in self._rests(rests, cache):
            scores[number] += score
        if not np.isfinite(scores).all():
            worst = sentences[int(np.argmin(np.isfinite(scores)))]
            raise DataError(f"llm: in {self.model.dtype} the score of '{worst[:80]}' is not a number; try float32")
        penalised: Scores = scores - self.length_penalty * (np.array([len(text) for text in texts]) - n_given)
        return penalised

    def _tokenised(self, sentences: Sequence[str], context: str) -> tuple[list[list[int]], int]:
        """Tokens of every text, and how many at its front are given rather than to be scored."""
        whole = [text_for_llm(sentence, context) for sentence in sentences]
        given = text_for_llm("", context)
        encoded = self.tokenizer([given, *whole], add_special_tokens=False)["input_ids"]
        before, *texts = ([self._begin, *tokens] for tokens in encoded)
        n_given = _shared([before, *texts])
        excess = max(map(len, texts)) - (self._longest or max(map(len, texts)))
        if excess <= 0:
            return texts, n_given
        if excess >= n_given:
            longest = max(sentences, key=len)
            raise DataError(f"llm: the model takes {self._longest} tokens, too few for '{longest[:80]}…'")
        return [[self._begin, *text[1 + excess :]] for text in texts], n_given - excess

    def _shared_part(self, tokens: list[int], n_given: int) -> tuple[float, Any, Tensor]:
        """Score of the tokens that all texts begin with, what the model keeps of them, and log P of each next one."""
        answer = self._forward([tokens], None, logits_to_keep=len(tokens) - n_given + 1)
        if answer is None:
            raise ConfigError(f"llm: {len(tokens)} tokens do not fit into the memory of {self.model.device}")
        logits = answer.logits[0]
        scores = _log_probabilities(logits[:-1], torch.tensor(tokens[n_given:], device=logits.device))
        after = logits[-1].float().log_softmax(dim=-1).double().cpu()
        return float(scores.double().sum()), answer.past_key_values, after

    def _rests(self, rests: dict[int, list[int]], cache: Any) -> list[tuple[int, float]]:
        """Scores of the tokens of each text but its first, which the others are predicted from."""
        found: list[tuple[int, float]] = []
        waiting = sorted(rests, key=lambda number: len(rests[number]), reverse=True)
        while waiting:
            lengths = [len(rests[number]) - 1 for number in waiting]
            batch = waiting[: _n_in_batch(lengths, self.tokens_at_once)]
            answer = self._forward([rests[number][:-1] for number in batch], cache)
            if answer is None:
                self._shrink(len(batch), lengths[0])
                continue
            # Rows of padding are left out before anything is computed of them.
            rows = [place * lengths[0] + i for place, length in enumerate(lengths[: len(batch)]) for i in range(length)]
            targets = [token for number in batch for token in rests[number][1:]]
            device = answer.logits.device
            each = _log_probabilities(
                answer.logits.flatten(0, 1),
                torch.tensor(targets, device=device),
                torch.tensor(rows, device=device),
            )
            sums = [float(part.double().sum()) for part in torch.split(each.cpu(), lengths[: len(batch)])]
            found += zip(batch, sums, strict=True)
            waiting = waiting[len(batch) :]
        return found

    @torch.inference_mode()
    def _forward(self, texts: list[list[int]], cache: Any, **options: Any) -> Any:
        """The model's answer to texts that go on from a cache of one, or None where memory does not suffice."""
        # Padding comes last, where a causal model cannot see it; so no mask is needed.
        width = max(map(len, texts))
        tokens = torch.tensor([[*text, *[self._begin] * (width - len(text))] for text in texts])
        try:
            if cache is not None:
                cache = copy.deepcopy(cache)
                cache.reorder_cache(torch.zeros(len(texts), dtype=torch.long, device=self.model.device))
            return self.model(tokens.to(self.model.device), past_key_values=cache, use_cache=True, **options)
        except (RuntimeError, MemoryError) as error:
            if not _is_lack_of_memory(error):
                raise
        return None

    def _shrink(self, n_texts: int, n_tokens: int) -> None:
        if n_texts == 1:
            raise ConfigError(f"llm: not even one sentence fits into the memory of {self.model.device}")
        self.tokens_at_once = n_texts // 2 * n_tokens
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        if not self._has_shrunk:
            warnings.warn(
                f"llm: {n_texts} sentences at a time do not fit into the memory of {self.model.device}; "
                "going on with fewer, which takes longer",
                stacklevel=4,
            )
        self._has_shrunk = True


def _first_token(tokenizer: Any) -> int:
    """The token that every text begins with, which itself is not scored."""
    for token in (*tokenizer("")["input_ids"][:1], tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise ConfigError("llm: the tokenizer has no token for the beginning or the end of a text")


def _shared(texts: Sequence[list[int]]) -> int:
    """How many tokens all texts begin with in common."""
    first, last = min(texts), max(texts)
    return next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def _n_in_batch(lengths: Sequence[int], tokens_at_once: int) -> int:
    """How many of the texts, longest first, make the next batch."""
    fitting = lengths[: max(1, tokens_at_once // lengths[0])]
    return sum(length >= _SHORTEST_IN_BATCH * lengths[0] for length in fitting)


def _log_probabilities(logits: Tensor, targets: Tensor, rows: Tensor | None = None) -> Tensor:
    """Logits (all rows, tokens), targets (n,) of the rows (n,) → log P of each target (n,) in single precision."""
    rows = torch.arange(len(targets), device=logits.device) if rows is None else rows
    at_once = max(1, _FLOATS_AT_ONCE // logits.shape[-1])
    found = [torch.zeros(0, device=logits.device)]
    for chosen, wanted in zip(torch.split(rows, at_once), torch.split(targets, at_once), strict=True):
        scores = logits[chosen].float()
        found.append(scores.gather(1, wanted[:, None])[:, 0] - scores.logsumexp(dim=1))
    return torch.cat(found)


def _is_lack_of_memory(error: Exception) -> bool:
    # On the CPU, and inside some libraries, it is told from the message only.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        sign in str(error).lower() for sign in ("out of memory", "can't allocate memory", "not enough memory")
    )
