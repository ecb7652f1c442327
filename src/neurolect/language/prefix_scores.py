"""Log-probabilities of how one sentence may begin, asked for again and again while it grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurolect.errors import ConfigError, DataError
from neurolect.language.causal_lm import CausalLM, Scores, Tokens, if_memory_suffices, log_probabilities, shared_length
from neurolect.language.llm_text import text_for_llm

_MOST_KEPT = 4096
"""Tokens after the context that are kept; with more, all are forgotten and those still asked for are read again."""

_NOT_READ = -1


@dataclass
class _Node:
    """A token after those above it in the tree of all texts so far.

    Args:
        token: its number in the vocabulary.
        parent: the node before it; the first one is its own.
        position: in its texts.
        score: of the tokens up to it that were not given; not a number before it was computed.
        row: in the cache of keys and values.
    """

    token: int
    parent: int
    position: int
    score: float = math.nan
    row: int = _NOT_READ


class PrefixScores:
    """A causal language model that follows one sentence as a search finds it; what it has read it keeps.

    All texts are one tree of tokens. The model reads a token once, when something goes on from it for the first time,
    and again where later texts branch off it; all that came before it in its text is there from earlier. Scores are
    those of `CausalLM.score`. A model that cannot read trees, or forgets what is long ago, scores every text anew.

    Args:
        language_model: shared by all sentences; one of them at a time may ask.
        context: what was said before; where it is longer than half of what the model can take, the newest part counts.
    """

    def __init__(self, language_model: CausalLM, context: str = "") -> None:
        self._model = language_model
        self._context = context
        self._cut = 0  # tokens of the context that are left out, between the first one and the others
        self._given: Tokens = []
        self._nodes: list[_Node] = []
        self._children: dict[tuple[int, int], int] = {}
        self._cache: Any = None
        self._n_rows = 0
        self._keeps = language_model.can_read_trees()

    def score(self, sentences: Sequence[str]) -> Scores:
        """Natural log P(beginning | context) of each (sentences,), less the length penalty; no end is counted.

        Args:
            sentences: words between spaces.

        Raises:
            DataError: a sentence is longer than the model can take, or its score is not a number.
            ConfigError: the tokens do not fit into the device's memory.
        """
        if not sentences:
            return np.zeros(0)
        if not self._keeps:
            return self._model.score(sentences, self._context)
        texts = self._tokenised(sentences)
        ends = self._ends_of(texts)
        self._read_new()
        if not self._keeps:
            return self._model.score(sentences, self._context)
        scores = np.array([self._nodes[end].score for end in ends])
        if not np.isfinite(scores).all():
            worst = sentences[int(np.argmin(np.isfinite(scores)))]
            raise DataError(f"llm: the score of '{worst[:80]}' is not a number; try float32")
        n_scored = np.array([len(text) for text in texts]) - len(self._given)
        penalised: Scores = scores - self._model.length_penalty * n_scored
        return penalised

    def _tokenised(self, sentences: Sequence[str]) -> list[Tokens]:
        whole = [text_for_llm(sentence, self._context) for sentence in sentences]
        given = text_for_llm("", self._context)
        before, *texts = self._model.tokenizer([given, *whole], add_special_tokens=False)["input_ids"]
        longest = self._model.longest
        if not self._given:
            self._cut = max(0, len(before) - longest // 2) if longest else 0
        before, *texts = ([self._model.begin, *text[self._cut :]] for text in (before, *texts))
        if longest and max(map(len, texts)) > longest:
            worst = max(sentences, key=len)
            raise DataError(f"llm: the model takes {longest} tokens, too few for '{worst[:80]}…'")
        if not self._given:
            self._given = before[: shared_length([before, *texts])]
        return texts

    def _ends_of(self, texts: Sequence[Tokens]) -> list[int]:
        """The last node of each text, in a tree that begins anew where new ones would make it too large."""
        if not self._nodes:
            self._read_given()
        n_before, n_given = len(self._nodes), len(self._given)
        ends = [self._node_of(text) for text in texts]
        if n_given < n_before < len(self._nodes) and len(self._nodes) - n_given > _MOST_KEPT:
            self._nodes, self._children = [], {}
            self._read_given()
            ends = [self._node_of(text) for text in texts]
        return ends

    def _node_of(self, text: Tokens) -> int:
        node = 0
        for token in text[1:]:
            child = self._children.setdefault((node, token), len(self._nodes))
            if child == len(self._nodes):
                self._nodes.append(_Node(token, node, self._nodes[node].position + 1))
            node = child
        return node

    def _read_given(self) -> None:
        """Begin the tree with what all texts begin with; all but its last token is read at once."""
        self._nodes = [_Node(self._given[0], 0, 0, 0.0)]
        for node in range(self._node_of(self._given) + 1):
            self._nodes[node].score = 0.0
        self._n_rows = len(self._given) - 1
        self._cache = None
        if self._n_rows:
            tokens = torch.tensor([self._given[:-1]])
            self._cache = self._fitting(partial(self._model.forward, tokens, None, logits_to_keep=1)).past_key_values
        for row in range(self._n_rows):
            self._nodes[row].row = row

    def _read_new(self) -> None:
        """Score all nodes that have no score."""
        new: dict[int, list[int]] = {}
        for number, node in enumerate(self._nodes):
            if math.isnan(node.score):
                new.setdefault(node.parent, []).append(number)
        # Whose keys and values are there, but not what it predicts, comes last, since it is forgotten at once.
        unread = sorted(new, key=lambda number: (self._nodes[number].row != _NOT_READ, number))
        for first in range(0, len(unread), self._model.tokens_at_once):
            batch = unread[first : first + self._model.tokens_at_once]
            children = [child for parent in batch for child in new[parent]]
            for child, score in zip(children, self._fitting(partial(self._read, batch, new)).tolist(), strict=True):
                self._nodes[child].score = score
        for number in sorted(child for children in new.values() for child in children):
            self._nodes[number].score += self._nodes[self._nodes[number].parent].score

    def _read(self, batch: Sequence[int], new: dict[int, list[int]]) -> Tensor:
        """Log P of the children of each node of the batch, one after the other; the cache grows by what it lacked."""
        visible = torch.zeros(len(batch), self._n_rows + len(batch), dtype=torch.bool)
        n_before, n_again = self._n_rows, 0
        for place, number in enumerate(batch):
            node = self._nodes[number]
            if node.row == _NOT_READ:
                node.row = n_before + place
                self._n_rows += 1
            else:
                n_again += 1
            visible[place, n_before + place] = True
            visible[place, self._rows_above(node)] = True
        mask = torch.zeros(visible.shape, dtype=self._model.model.dtype)
        mask[~visible] = torch.finfo(mask.dtype).min
        answer = self._model.forward(
            torch.tensor([[self._nodes[number].token for number in batch]]),
            self._cache,
            attention_mask=mask[None, None].to(self._model.model.device),
            position_ids=torch.tensor([[self._nodes[number].position for number in batch]]).to(
                self._model.model.device
            ),
        )
        self._cache = answer.past_key_values
        if any(getattr(layer, "is_sliding", False) for layer in self._cache.layers):
            self._keeps = False
        elif n_again:
            self._cache.crop(-n_again)
        places = torch.tensor([place for place, number in enumerate(batch) for _ in new[number]])
        targets = torch.tensor([self._nodes[child].token for number in batch for child in new[number]])
        return log_probabilities(answer.logits[0], places, targets)

    def _rows_above(self, node: _Node) -> list[int]:
        rows = []
        while node.position:
            node = self._nodes[node.parent]
            rows.append(node.row)
        return rows

    def _fitting(self, compute: Any) -> Any:
        found = if_memory_suffices(compute)
        if found is None:
            raise ConfigError(
                f"llm: the sentences of a search do not fit into the memory of {self._model.model.device}"
            )
        return found
