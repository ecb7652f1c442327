"""`neurolect bridge lsl`."""

from __future__ import annotations

from neurolect.online.redis_server import RedisServer


def bridge_lsl(
    name: str,
    type: str | None = None,
    markers: str | None = None,
    timeout: float = 10.0,
    source: str | None = None,
    prefix: str = "neurolect:",
    redis: RedisServer = RedisServer(),
) -> None:
    """Pass a LabStreamingLayer stream of features on to a live decoder.

    Every sample is a bin of 20 ms. Runs until Ctrl-C; a stream that pauses is waited for (extra `lsl`).

    Args:
        name: of the stream.
        type: its type, where several have the name.
        markers: name of a stream of texts whose samples `utterance_start`, `utterance_end`, `session NAME`,
            `block NUMBER`, `context TEXT` and `phrases JSON` are passed on too, each at its time.
        timeout: seconds to look for each stream.
        source: name of what records; a bridge that was broken off is gone on with under its name. By default a new one.
        prefix: of the decoder's keys.
        redis: the server where the decoder is.

    Examples:
        neurolect bridge lsl --name Features --unix_socket streams/valkey.sock
        neurolect bridge lsl --name Features --type SpikePower --markers Task --host 127.0.0.1
    """
    import threading

    from neurolect.commands.plain_console import plain_console
    from neurolect.errors import require_at_least
    from neurolect.online.answers import require_width, serving
    from neurolect.online.live_streams import LiveStreams
    from neurolect.online.lsl import bridge, find_stream, open_features, open_markers
    from neurolect.online.redis_server import reached
    from neurolect.online.sender import Sender

    require_at_least(0, "timeout", timeout)
    streams = LiveStreams(prefix)
    console = plain_console(stderr=True)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    features = find_stream(name, type, timeout)
    inlets = open_features(features), None if markers is None else open_markers(find_stream(markers, None, timeout))
    with reached(redis, say) as client:
        require_width(serving(client, streams, say), features.channel_count())
        say(f"passing {features.channel_count()} channels of '{name}' on")
        with Sender(client, streams, source, say) as sender:
            bridge(*inlets, sender, threading.Event(), say)
