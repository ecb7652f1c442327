"""Instruction-following language models that answer one question: a local one, or one behind an HTTP endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurolect.data.http import BACKOFF, TransientError, host_of, new_session, retrying
from neurolect.errors import ConfigError, DataError
from neurolect.language.causal_lm_loading import Precision, load_model_and_tokenizer

_TIMEOUT = (10.0, 300.0)  # seconds to connect, seconds until the answer


@dataclass(frozen=True)
class ChatEndpoint:
    """A model behind an interface like OpenAI's, which the user names; every question goes to that host.

    Args:
        url: up to the version, such as `http://localhost:8000/v1`.
        model: as the host knows it.
        key_variable: environment variable that holds the host's key; None sends none.
        most_tokens: of an answer.
        retries: failures in a row that are forgiven.
        backoff: seconds before the first retry.
    """

    url: str
    model: str
    key_variable: str | None = None
    most_tokens: int = 200
    retries: int = 3
    backoff: float = BACKOFF

    def __call__(self, question: str) -> str:
        """The answer, at temperature 0.

        Raises:
            ConfigError: the key is missing or refused, or the address is none.
            DataError: the host does not answer, or with something else.
        """
        return retrying(lambda: self._ask(question), retries=self.retries, backoff=self.backoff)

    def _ask(self, question: str) -> str:
        import requests

        host = host_of(self.url)
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": self.most_tokens,
        }
        try:
            with new_session() as session:
                address = f"{self.url.rstrip('/')}/chat/completions"
                # Redirected questions would go to a host that the user did not name.
                answer = session.post(address, json=body, headers=self._key(), timeout=_TIMEOUT, allow_redirects=False)
        except requests.Timeout:
            raise TransientError(f"{host}: does not answer") from None
        except requests.ConnectionError:
            raise TransientError(f"{host}: no connection") from None
        except (requests.RequestException, ValueError) as error:
            raise ConfigError(f"{self.url}: cannot ask there: {error}") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise TransientError(f"{host}: cannot answer now (status {answer.status_code})")
        if answer.status_code in (401, 403):
            raise ConfigError(f"{host}: refuses access; name an environment variable with its key as key_variable")
        if answer.status_code != 200:
            raise DataError(f"{host}: answered with status {answer.status_code}: {' '.join(answer.text.split())[:200]}")
        try:
            return str(answer.json()["choices"][0]["message"]["content"] or "")
        except (ValueError, KeyError, IndexError, TypeError):
            raise DataError(f"{host}: its answer is not that of a chat") from None

    def _key(self) -> dict[str, str]:
        if self.key_variable is None:
            return {}
        key = os.environ.get(self.key_variable)
        if not key:
            raise ConfigError(f"the environment variable {self.key_variable} is not set; it must hold the host's key")
        return {"Authorization": f"Bearer {key}"}


class LocalChat:
    """A model of `transformers` on this machine, which answers with its likeliest tokens.

    Args:
        model: with a language-model head, on its device.
        tokenizer: the model's own, with a template for chats.
        most_tokens: of an answer.

    Raises:
        ConfigError: the model has no template for chats, so it was not taught to follow instructions.
    """

    def __init__(self, model: Any, tokenizer: Any, most_tokens: int = 200) -> None:
        if not tokenizer.chat_template:
            raise ConfigError("llm: the model has no chat template; name one that follows instructions")
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.most_tokens = most_tokens

    def __call__(self, question: str) -> str:
        """The answer."""
        import torch

        messages = [{"role": "user", "content": question}]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        tokens = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        tokens = tokens.to(self.model.device)
        with torch.inference_mode():
            answered = self.model.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=self.most_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        return str(self.tokenizer.decode(answered[0, tokens.shape[1] :], skip_special_tokens=True))


def chat_model(
    llm: str | None,
    endpoint: str | None,
    model: str | None,
    key_variable: str | None = None,
    device: str = "auto",
    precision: Precision = "auto",
) -> Callable[[str], str]:
    """The model that settings name: one on this machine, or one behind an address, of which one must be given.

    Args:
        llm: model on this machine, named as for `load_causal_lm`.
        endpoint: address for a `ChatEndpoint`.
        model: the model's name there.
        key_variable: environment variable with the key for it.
        device: of a model on this machine.
        precision: of a model on this machine.

    Raises:
        ConfigError: neither is given or both are, or an endpoint without a model, or there is no such model here.
    """
    if (llm is None) == (endpoint is None):
        raise ConfigError("name either a model on this machine (llm) or an address (endpoint)")
    if endpoint is not None:
        if model is None:
            raise ConfigError("endpoint needs the name of the model there (model)")
        return ChatEndpoint(endpoint, model, key_variable)
    return LocalChat(*load_model_and_tokenizer(str(llm), device, precision))
