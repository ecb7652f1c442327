from __future__ import annotations

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from neurolect.online.monitor.hub import MAX_SENTENCES, Hub
from neurolect.online.monitor.outbox import MAX_DISPLAY_WAITING, MAX_WAITING, Outbox, Outgoing


def read_all(outbox: Outbox) -> list[str | bytes]:
    async def read() -> list[str | bytes]:
        return [await outbox.next() for _ in range(len(outbox))]

    return asyncio.run(read())


def sentence(utterance: int) -> dict:
    return {"type": "sentence", "id": f"{utterance}-0", "utterance": utterance, "text": "a", "correction": None}


KINDS = st.sampled_from(["sentence", "correction", "problem", "features", "phonemes", "partial", "status"])


@given(st.lists(KINDS, max_size=400))
def test_a_browser_that_does_not_read_has_few_messages_waiting(kinds):
    outbox = Outbox(lambda: "everything")
    assert read_all(outbox) == ["everything"]
    for number, kind in enumerate(kinds):
        outbox.put(Outgoing(kind, f"{kind} {number}"))
        assert len(outbox) <= MAX_WAITING + 2 * MAX_DISPLAY_WAITING + 3


def test_of_heat_maps_the_oldest_and_of_sentences_none_are_lost():
    outbox = Outbox(lambda: "everything")
    read_all(outbox)
    for number in range(MAX_WAITING):
        outbox.put(Outgoing("features", b"%d" % number))
        outbox.put(Outgoing("sentence", f"{number}"))
    received = read_all(outbox)
    assert [each for each in received if isinstance(each, str)] == [f"{number}" for number in range(MAX_WAITING)]
    newest = range(MAX_WAITING - MAX_DISPLAY_WAITING, MAX_WAITING)
    assert [each for each in received if isinstance(each, bytes)] == [b"%d" % number for number in newest]


def test_a_browser_that_lags_too_far_is_told_everything_as_it_then_is():
    hub = Hub()
    with hub.joined() as outbox:
        read_all(outbox)
        for utterance in range(1, 2 * MAX_WAITING):
            hub.take([sentence(utterance)])
        hub.take([{"type": "correction", "id": "x", "utterance": 2 * MAX_WAITING - 1, "text": "b"}])
        first, *later = (json.loads(each) for each in read_all(outbox))
        told = {each["utterance"]: each["correction"] for each in first["sentences"]}
        told |= {each["utterance"]: None for each in later if each["type"] == "sentence"}
        told |= {each["utterance"]: each["text"] for each in later if each["type"] == "correction"}
    assert sorted(told)[-MAX_SENTENCES:] == list(range(2 * MAX_WAITING - MAX_SENTENCES, 2 * MAX_WAITING))
    assert told[2 * MAX_WAITING - 1] == "b"


def test_a_partial_sentence_is_not_shown_after_its_sentence():
    hub = Hub()
    partial = {"type": "partial", "id": "1-0", "utterance": 1, "text": "a", "words": []}
    with hub.joined() as outbox:
        read_all(outbox)
        hub.take([partial, sentence(1), partial])
        assert [json.loads(each)["type"] for each in read_all(outbox)] == ["sentence"]
    assert json.loads(hub.snapshot())["partial"] is None


def test_partial_sentences_of_a_decoder_that_began_anew_are_shown():
    hub = Hub()
    hub.take([sentence(1), sentence(2), {"type": "partial", "id": "9-0", "utterance": 1, "text": "b", "words": []}])
    assert json.loads(hub.snapshot())["partial"]["text"] == "b"
