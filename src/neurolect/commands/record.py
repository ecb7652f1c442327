"""`neurolect record`."""

from __future__ import annotations

from pathlib import Path

from neurolect.online.redis_server import RedisServer


def record(folder: Path, prefix: str = "neurolect:", redis: RedisServer = RedisServer()) -> None:
    """Keep every utterance that a live decoder finished, with its features, in a file of its own.

    The server keeps what is not on the disk yet: nothing is lost when this, the decoder or the server is killed, or the
    disk is full. Corrections of the monitor are stored with their utterance. Runs until Ctrl-C. A decoder needs one, or
    does the same itself with `serve live --record`.

    Args:
        folder: gets one HDF5 file an utterance.
        prefix: of the decoder's keys.
        redis: the server where the decoder is.

    Examples:
        neurolect record recorded --unix_socket streams/valkey.sock
        neurolect record recorded --host 127.0.0.1
        neurolect export recordings recorded --out data/recorded --validation_share 0.2
    """
    import threading

    from neurolect.commands.plain_console import plain_console
    from neurolect.online.live_streams import LiveStreams
    from neurolect.online.recording import Recorder
    from neurolect.online.redis_server import reached
    from neurolect.online.sole_recorder import sole_recorder

    console = plain_console(stderr=True)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    streams = LiveStreams(prefix)
    with reached(redis, say) as client, sole_recorder(client, streams, say):
        recorder = Recorder(client, streams, folder, say)
        say(f"recording to {folder}")
        recorder.run(threading.Event())
