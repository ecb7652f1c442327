from __future__ import annotations

import pytest

from chat_host import running_host
from neurolect.errors import ConfigError, DataError
from neurolect.language.chat import ChatEndpoint, LocalChat, chat_model


@pytest.fixture
def host():
    with running_host() as host:
        yield host


def endpoint(host, **settings):
    return ChatEndpoint(host.url, "tiny", backoff=0.01, **settings)


def test_a_host_is_asked_once_and_its_answer_taken(host, monkeypatch):
    monkeypatch.setenv("CHAT_KEY", "secret")
    host.says("fine,\nthanks")
    assert endpoint(host, key_variable="CHAT_KEY", most_tokens=7)("how are you") == "fine,\nthanks"
    ((path, key, body),) = host.asked
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    messages = [{"role": "user", "content": "how are you"}]
    assert body == {"model": "tiny", "messages": messages, "temperature": 0, "max_tokens": 7}


def test_a_busy_host_is_asked_again(host):
    host.answers += [(503, ""), (429, "")]
    host.says("fine")
    assert endpoint(host)("how are you") == "fine"
    assert len(host.asked) == 3


@pytest.mark.parametrize(
    ("answers", "kind", "complaint"),
    [
        ([(500, "")] * 4, DataError, r"cannot answer now \(status 500\) \(attempts: 4\)"),
        ([(401, "")], ConfigError, "refuses access; name an environment variable"),
        ([(404, "no such\nmodel")], DataError, "answered with status 404: no such model"),
        ([(302, "")], DataError, "answered with status 302"),
        ([(200, "<html>")], DataError, "not that of a chat"),
        ([(200, '{"choices": []}')], DataError, "not that of a chat"),
    ],
)
def test_what_a_host_refuses_is_one_line(answers, kind, complaint, host):
    host.answers += answers
    with pytest.raises(kind, match=complaint) as raised:
        endpoint(host)("how are you")
    assert "\n" not in str(raised.value)


def test_a_host_that_is_not_there_and_a_key_that_is_not_set_are_errors(host, monkeypatch):
    monkeypatch.delenv("CHAT_KEY", raising=False)
    with pytest.raises(ConfigError, match="CHAT_KEY is not set"):
        endpoint(host, key_variable="CHAT_KEY")("how are you")
    with pytest.raises(DataError, match="no connection"):
        ChatEndpoint("http://127.0.0.1:1/v1", "tiny", retries=1, backoff=0.01)("how are you")
    with pytest.raises(ConfigError, match="cannot ask there"):
        ChatEndpoint("nowhere", "tiny")("how are you")
    assert host.asked == []


def test_one_model_must_be_named():
    for named in ((None, None, None), ("smollm2", "http://localhost", "x")):
        with pytest.raises(ConfigError, match="name either a model on this machine"):
            chat_model(*named)
    with pytest.raises(ConfigError, match="needs the name of the model there"):
        chat_model(None, "http://localhost", None)


def test_a_model_on_this_machine_answers():
    pytest.importorskip("transformers")
    from tiny_language_models import tiny_model, tiny_tokenizer

    tokenizer = tiny_tokenizer()
    with pytest.raises(ConfigError, match="no chat template"):
        LocalChat(tiny_model(), tokenizer)
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    chat = LocalChat(tiny_model(), tokenizer, most_tokens=5)
    answer = chat("i am going")
    assert answer == chat("i am going")
    assert 0 < len(tokenizer(answer)["input_ids"]) <= 10
