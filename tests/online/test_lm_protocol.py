from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring
from neurolect.errors import ConfigError, DataError
from neurolect.online.lm_parameters import LmParameters
from neurolect.online.lm_protocol import LmStreams, from_final, is_id, read_logits, to_final, write_logits
from neurolect.online.lm_store import BEGINNING, SessionState

STARTED = LmParameters.of("english", DecoderOptions(), Rescoring(augment=20), rescore=False)
SCORE = st.floats(-1e6, 1e6)
WORDS = st.lists(st.text("abc'ü", min_size=1, max_size=4), max_size=3).map(tuple)


def received(fields: dict) -> dict[bytes, bytes]:
    return {name.encode(): each if isinstance(each, bytes) else str(each).encode() for name, each in fields.items()}


@given(
    st.lists(
        st.builds(Hypothesis, WORDS, SCORE, SCORE, SCORE, SCORE, SCORE, llm=st.none() | SCORE), min_size=1, max_size=5
    )
)
def test_a_list_comes_back_as_it_was_sent(hypotheses):
    sent = received(to_final(hypotheses, "before"))
    assert from_final(sent) == hypotheses
    del sent[b"hypotheses"]
    best = max(each.total for each in hypotheses)
    told = from_final(sent)
    assert told[0].total == best
    assert {each.words for each in told} == {each.words for each in hypotheses}


def test_no_sentence_is_an_empty_answer_in_plain_json():
    nothing = [Hypothesis((), 0.0, 0.0, 0.0, 0.0, -math.inf)]
    sent = to_final(nothing, "")
    assert (sent["lm_response_final"], sent["scoring"], sent["confidence"]) == ("", "", "0.0")
    json.loads(sent["hypotheses"], parse_constant=pytest.fail)
    assert from_final(received(sent)) == nothing
    assert from_final({b"lm_response_final": b"", b"scoring": b""}) == nothing


@pytest.mark.parametrize(
    "fields",
    [{b"scoring": b"a;1;x;3;4"}, {b"hypotheses": b"[1]"}, {b"hypotheses": b"{"}, {b"scoring": b"\xff;1;1;1;1"}],
)
def test_answers_of_another_format_are_refused(fields):
    with pytest.raises(DataError, match="not in the language-model server's format"):
        from_final(fields)


@given(st.binary(max_size=700))
def test_any_bytes_are_logits_or_refused(raw):
    try:
        logits = read_logits({b"logits": raw})
    except DataError:
        assert not raw or len(raw) % 164
    else:
        assert write_logits(logits) == raw


def test_keys_are_the_references_behind_the_prefix():
    streams = LmStreams("bed1:", final_output_stream="answers")
    assert streams.request("finalize") == "bed1:remote_lm_finalize"
    assert streams.answer("update") == "bed1:remote_lm_done_updating_params"
    assert streams.final == "bed1:answers"
    assert all(key.startswith("bed1:") for key in streams.all)
    assert len(set(streams.all)) == 12


def test_parameters_come_back_from_what_is_published_and_kept():
    changed, unknown = STARTED.updated(received({**STARTED.to_fields(), "nbest": 7, "request": "x", "oops": 1}))
    assert changed.nbest == 7
    assert unknown == ["lm_path", "oops"]
    assert LmParameters.from_json(changed.to_json()) == changed
    assert changed.options(DecoderOptions(word_bonus=0.5)) == DecoderOptions(word_bonus=0.5, n_best=7)
    with pytest.raises(ValueError, match="unexpected"):
        LmParameters.from_json('{"of": "another version"}')


@given(st.sampled_from(sorted({*STARTED.to_fields()} - {"lm_path"})), st.binary(max_size=8))
def test_any_value_is_taken_as_a_number_or_refused_by_its_name(name, value):
    try:
        number = float(value)
        changed, _ = STARTED.updated({name.encode(): value})
        assert getattr(changed, name) == number or number != number
    except (ValueError, ConfigError):
        with pytest.raises(ConfigError, match=f"^{name} is"):
            STARTED.updated({name.encode(): value})


def test_frames_are_rows_in_little_endian_order():
    logits = np.arange(82, dtype=np.float64).reshape(2, 41)
    np.testing.assert_array_equal(read_logits({b"logits": write_logits(logits)}), logits)


@pytest.mark.parametrize("text", ["5-", "-5", "٣", "1-٣", "", "1-2-3", " 1", "1\n", str(2**64), f"1-{2**64}", "9" * 30])
def test_what_redis_takes_for_no_id_is_none(text):
    assert not is_id(text)


@pytest.mark.parametrize("text", ["0", "5-0", f"{2**64 - 1}-{2**64 - 1}"])
def test_what_redis_takes_for_an_id_is_one(text):
    assert is_id(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input", "abc"),
        ("begin", "5-"),
        ("utterances", "x"),
        ("parameters", b"\xff"),
        ("parameters", json.dumps({**asdict(STARTED), "beam": "wide"})),
        ("searched_with", "[" * 9999),
    ],
)
def test_a_session_that_no_server_of_this_version_wrote_is_begun_anew(name, value):
    kept = SessionState.of_new(STARTED, BEGINNING)
    assert SessionState.from_fields(received(kept.to_fields())) == kept
    assert SessionState.from_fields(received({**kept.to_fields(), name: value})) is None
