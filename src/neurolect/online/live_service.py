"""A live decoder put together and served, with its status and its recorder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurolect.data.dataset import says_simulated
from neurolect.data.t15 import BIN_SECONDS
from neurolect.errors import NeurolectError
from neurolect.online.live_decoder import LiveDecoder
from neurolect.online.live_encoder import LiveEncoder
from neurolect.online.live_publisher import LivePublisher
from neurolect.online.live_server import LiveServer
from neurolect.online.live_state import Held, LiveState
from neurolect.online.live_status import LiveStatus
from neurolect.online.live_streams import LiveStreams
from neurolect.online.lost_connections import until_done
from neurolect.online.utterance_keeper import Tools

if TYPE_CHECKING:
    from redis import Redis

    from neurolect.training.runs import Run


def serve(
    client: Redis,
    streams: LiveStreams,
    tools: Tools,
    given: Held,
    say: Callable[[str], None],
    facts: Mapping[str, Any] | None = None,
    behind_seconds: float = 1.0,
    record: Path | None = None,
) -> None:
    """Serve a run under a prefix until an exception ends it, such as Ctrl-C's; goes on from the state that is there.

    Args:
        client: of the server.
        streams: the decoder's keys.
        tools: what utterances are decoded with.
        given: what holds at first, unless a state tells otherwise.
        say: is told everything a person should know.
        facts: more of what the status tells.
        behind_seconds: a lag of so much is said aloud.
        record: folder that gets a file of every utterance.

    Raises:
        ConfigError: another decoder serves the prefix or has taken over, another recorder keeps its utterances, or a
            key under it is of another type.
        DataError: the state under the prefix is something else.
    """
    encoder = tools.encoder
    until_done(lambda: streams.require_types(client), say)
    status = LiveStatus(client, streams, {**described(encoder), **(facts or {})})
    publisher = LivePublisher(client, streams, say)
    decoder = LiveDecoder(tools, (publisher.state or LiveState(given)).started(given, encoder.mark))
    server = LiveServer(client, streams, decoder, publisher, status, say, behind_seconds)
    with status, recording(client, streams, record, say):
        server.announce([*decoder.unknown_session(), *decoder.unknown_phrases()])
        say(f"ready: bins of {encoder.n_features} features at {streams.input}, session {decoder.session}")
        server.run()


@contextmanager
def recording(client: Redis, streams: LiveStreams, folder: Path | None, say: Callable[[str], None]) -> Iterator[None]:
    """Keep what is finished in a folder, from a thread of its own; None keeps nothing.

    Raises:
        ConfigError: another recorder does so.
    """
    if folder is None:
        yield
        return
    from neurolect.online.recording import Recorder
    from neurolect.online.sole_recorder import sole_recorder

    with sole_recorder(client, streams, say):
        recorder, ended = Recorder(client, streams, folder, say), threading.Event()

        def keep() -> None:
            try:
                recorder.run(ended)
            except (NeurolectError, OSError) as error:
                say(f"recording has ended: {error}")

        thread = threading.Thread(target=keep, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def described(encoder: LiveEncoder) -> dict[str, Any]:
    """What the status tells of a run."""
    run = encoder.run
    return {
        "simulated": _is_simulated(run),
        "n_features": encoder.n_features,
        "feature_arrays": encoder.feature_arrays,
        "symbols": run.alphabet.symbols,
        "blank": run.alphabet.blank,
        "silence": run.alphabet.silence,
        "seconds_per_bin": BIN_SECONDS,
        "seconds_per_frame": encoder.seconds_per_frame,
        "lookahead_seconds": encoder.lookahead_seconds,
        "weights": encoder.weights,
    }


def _is_simulated(run: Run) -> bool:
    """As the run says, or where it is too old to say so, as its recordings do, if they are still there."""
    if "simulated" not in run.data and isinstance(run.data.get("root"), str):
        return says_simulated(Path(run.data["root"]))
    return bool(run.data.get("simulated"))
