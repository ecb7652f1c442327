from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from neurolect.commands.main import main
from neurolect.decoding.error_correction import correct, correction_prompt
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.hypothesis_files import write_hypotheses
from neurolect.errors import ConfigError, DataError
from neurolect.language.chat import ChatEndpoint, LocalChat, chat_model


def listed(*sentences):
    scores = {"acoustic": 0.0, "ngram": 0.0, "lexicon": 0.0, "bonus": 0.0}
    split = [tuple(each.split()) for each in sentences]
    return [
        Hypothesis(words, **scores, total=-float(n), times=((0, 1),) * len(words), confidence=(1.0,) * len(words))
        for n, words in enumerate(split)
    ]


CANDIDATES = listed("i can sea you now", "i can see you know")


class Host(ThreadingHTTPServer):
    """Answers chats with what is in `answers`, each a status and a body, and keeps what it was asked."""

    def __init__(self):
        self.answers, self.asked = [], []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def says(self, text):
        self.answers.append((200, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})))


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers.get("Authorization"), body))
        status, text = self.server.answers.pop(0)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def host():
    with Host() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def endpoint(host, **settings):
    return ChatEndpoint(host.url, "tiny", backoff=0.01, **settings)


def test_a_host_is_asked_once_with_the_candidates_and_its_answer_taken(host, monkeypatch):
    monkeypatch.setenv("CHAT_KEY", "secret")
    host.says('  "I can see you now."  \nThat is because of ...')
    assert correct(CANDIDATES, endpoint(host, key_variable="CHAT_KEY"), context="hello") == "i can see you now"
    ((path, key, body),) = host.asked
    assert (path, key, body["model"], body["temperature"]) == ("/v1/chat/completions", "Bearer secret", "tiny", 0)
    assert body["messages"] == [{"role": "user", "content": correction_prompt(CANDIDATES, context="hello")}]


def test_only_so_many_candidates_are_shown():
    prompt = correction_prompt(listed("one", "two", "three"), n_best=2)
    assert prompt.endswith("Candidates:\n1. one\n2. two")
    assert "said before" not in prompt
    assert "What was said before: hello there" in correction_prompt(CANDIDATES, context=" hello there ")


@pytest.mark.parametrize(
    "answer",
    ["", "\n\n", "As a language model I cannot know what the person said.", "i", "...", "no no no no no"],
)
def test_an_answer_that_wandered_off_is_not_taken(answer):
    assert correct(CANDIDATES, lambda question: answer) == CANDIDATES[0].text


def test_without_a_word_nothing_is_asked():
    def refuse(question):
        raise AssertionError(question)

    assert correct(listed(""), refuse) == ""


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


def test_the_verb_writes_sentences_and_error_rates(host, tmp_path, capsys):
    write_hypotheses(tmp_path / "lists.jsonl", [CANDIDATES, listed("")])
    (tmp_path / "truth.txt").write_text("I can see you now.\n\n")
    host.says("I can see you now.")
    arguments = ["correct", tmp_path / "lists.jsonl", "--out", tmp_path / "corrected.txt"]
    settings = ["--endpoint", host.url, "--model", "tiny", "--truth", tmp_path / "truth.txt"]
    assert main([str(each) for each in (*arguments, *settings)]) == 0
    assert (tmp_path / "corrected.txt").read_text() == "i can see you now\n\n"
    shown = capsys.readouterr().out
    assert "2 sentences, 1 of them changed" in " ".join(shown.split())
    assert "word error rate before: 20.00 %" in shown
    assert "word error rate after: 0.00 %" in shown
    # A model must be named: none is ever asked by default.
    assert main([str(each) for each in arguments]) == 2


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
