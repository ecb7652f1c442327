from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from neurolect.commands.main import main
from neurolect.errors import ConfigError
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_input import Bins, Event, read_input
from neurolect.online.live_streams import LiveStreams
from neurolect.online.lsl import bridge, find_stream, open_features, open_markers
from neurolect.online.sender import Sender

STREAMS = LiveStreams("lsl-test:")
N_FEATURES = 5
LOOPBACK_ONLY = """
[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
MachineAddresses = {127.0.0.1}
LinkAddresses = {}
SiteAddresses = {}
ListenAddress = 127.0.0.1
[lab]
KnownPeers = {127.0.0.1}
SessionID = neurolect-test
[log]
level = -3
"""


@pytest.fixture(scope="module")
def pylsl(tmp_path_factory):
    """The package, kept on the loopback interface: liblsl reads its settings once, at its first use."""
    settings = tmp_path_factory.mktemp("lsl") / "lsl_api.cfg"
    settings.write_text(LOOPBACK_ONLY)
    os.environ["LSLAPICFG"] = str(settings)
    yield pytest.importorskip("pylsl")
    del os.environ["LSLAPICFG"]


@pytest.fixture
def outlet(pylsl):
    """Make an outlet of a name of its own."""

    def make(name, rate=50.0, channels=N_FEATURES, form="float32", kind="Features"):
        return pylsl.StreamOutlet(pylsl.StreamInfo(name, kind, channels, rate, form, f"source of {name}"))

    return make


@pytest.fixture
def client():
    with EmbeddedValkey() as valkey:
        yield valkey.server.client()


def received(client):
    return [read_input(fields, N_FEATURES) for _, fields in client.xrange(STREAMS.input)]


def numbered(n):
    return np.full(N_FEATURES, n, dtype=np.float32)


def wait_until(true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def bridged(client):
    """Run the bridge in a thread until the test ends, and return what it says."""
    stop, threads = threading.Event(), []

    def begin(features, markers=None):
        said = []
        inlets = open_features(features), markers and open_markers(markers)
        for inlet in filter(None, inlets):
            inlet.open_stream(10)
        arguments = (*inlets, Sender(client, STREAMS), stop, said.append)
        threads.append(threading.Thread(target=bridge, args=arguments))
        threads[-1].start()
        return said

    yield begin
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_samples_become_numbered_bins_in_their_order(client, outlet, bridged):
    out = outlet("plain")
    bridged(find_stream("plain", seconds=10))
    wait_until(out.have_consumers)
    for n in range(100):
        out.push_sample(numbered(n))
    wait_until(lambda: sum(len(each.features) for each in received(client)) == 100)
    assert np.array_equal(np.concatenate([each.features for each in received(client)])[:, 0], np.arange(100))
    assert received(client)[-1].first + len(received(client)[-1].features) == 100


def test_markers_stand_at_their_times_among_the_bins_and_others_are_left_out(client, outlet, bridged, pylsl):
    out, markers = outlet("with markers"), outlet("task", 0.0, 1, "string", "Markers")
    bridged(find_stream("with markers", seconds=10), find_stream("task", seconds=10))
    wait_until(lambda: out.have_consumers() and markers.have_consumers())
    begin = pylsl.local_clock()
    for text, at in (
        ("session t99", -0.5), ("trigger 255", 0.0), ('utterance_start {"trial": 7}', 0.1), ("utterance_end", 0.5),
    ):  # fmt: skip
        markers.push_sample([text], begin + at)
    # The markers travel over a connection of their own.
    wait_until(lambda: len(received(client)) >= 3)
    assert [each.kind for each in received(client)] == ["session", "utterance_start", "utterance_end"]
    client.delete(STREAMS.input)
    markers.push_sample(["block 4"], begin + 1.05)
    for n in range(100):
        out.push_sample(numbered(n), begin + 1 + 0.02 * n)
    wait_until(lambda: sum(len(each.features) for each in received(client) if isinstance(each, Bins)) == 100)
    entries = received(client)
    assert [(each.kind, each.value) for each in entries if isinstance(each, Event)] == [("block", "4")]
    assert np.array_equal(
        np.concatenate([each.features for each in entries if isinstance(each, Bins)])[:, 0], np.arange(100)
    )


def test_a_gap_between_samples_is_said(client, outlet, bridged, pylsl):
    out = outlet("gaps")
    said = bridged(find_stream("gaps", seconds=10))
    wait_until(out.have_consumers)
    begin = pylsl.local_clock()
    out.push_sample(numbered(0), begin)
    wait_until(lambda: received(client))
    out.push_sample(numbered(1), begin + 3)
    wait_until(lambda: said)
    assert said[0].startswith("3.0")
    assert "missing" in said[0]


def test_a_stream_that_is_not_there_is_said_with_those_that_are(outlet):
    out = outlet("somewhere else")
    begin = time.monotonic()
    with pytest.raises(ConfigError) as raised:
        find_stream("nowhere", "Features", seconds=0.3)
    assert time.monotonic() - begin < 20
    assert "no stream 'nowhere' of type 'Features' within 0.3 s" in str(raised.value)
    assert "'somewhere else' of type 'Features'" in str(raised.value)
    assert out


def test_streams_of_the_same_name_are_told_apart_by_type(outlet, pylsl):
    outs = outlet("same"), outlet("same", kind="Other")
    wait_until(lambda: len(pylsl.resolve_byprop("name", "same", minimum=2, timeout=5)) == 2)
    assert find_stream("same", "Other", 5).type() == "Other"
    assert len(outs) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rate": 30000.0}, "30000 samples a second, 50 are needed"),
        ({"form": "string"}, "are text, features are needed"),
    ],
)
def test_a_stream_of_something_else_is_refused(settings, said, outlet):
    out = outlet("not features", **settings)
    with pytest.raises(ConfigError, match=said):
        open_features(find_stream("not features", seconds=10))
    assert out


def test_numbers_are_no_markers(outlet):
    out = outlet("numbers")
    with pytest.raises(ConfigError, match="not single texts"):
        open_markers(find_stream("numbers", seconds=10))
    assert out


def test_the_verb_says_what_is_missing_in_one_line(pylsl, capsys):
    assert main(["bridge", "lsl", "--name", "nowhere", "--timeout", "0.2"]) == 2
    error = capsys.readouterr().err
    assert "no stream 'nowhere' within 0.2 s" in error
    assert error.count("\n") == 1


def test_the_verb_passes_samples_on_until_it_is_interrupted(pylsl, outlet):
    out = outlet("by the verb")
    with EmbeddedValkey() as valkey:
        command = [sys.executable, "-m", "neurolect", "bridge", "lsl", "--name", "by the verb", "--timeout", "30"]
        command += ["--prefix", STREAMS.prefix, "--unix-socket", str(valkey.socket)]
        client = valkey.server.client()
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as bridging:
            wait_until(out.have_consumers)
            for n in range(10):
                out.push_sample(numbered(n))
            wait_until(lambda: sum(len(each.features) for each in received(client)) == 10)
            bridging.send_signal(signal.SIGINT)
            assert "passing 5 channels of 'by the verb' on" in bridging.stderr.read()
            assert bridging.wait(30) == 130
