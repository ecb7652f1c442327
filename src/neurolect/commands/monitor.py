"""`neurolect monitor`."""

from __future__ import annotations

from pathlib import Path

from neurolect.online.redis_server import RedisServer


def monitor(
    port: int = 8050,
    bind: str = "127.0.0.1",
    prefix: str = "neurolect:",
    recordings: Path | None = None,
    token_env: str | None = None,
    allow_host: list[str] | None = None,
    redis: RedisServer = RedisServer(),
) -> None:
    """Show live decoding in a browser, and take corrections.

    One page shows features, phoneme probabilities, the growing sentence, how the decoder keeps up, and what was said
    before. Each past sentence can be confirmed or corrected, which is stored as its label. The page changes nothing
    else. Ctrl-C ends it.

    Args:
        port: of the page; 0 takes a free one.
        bind: address of the page. Another than a loopback address can be reached from other machines, and needs a
            token.
        prefix: of the decoder's keys.
        recordings: folder of the recorder; with it, the page can export to the T15 layout, into a folder of the same
            name and '-t15' beside it.
        token_env: environment variable that holds a token of 16 characters or more, which browsers are asked for.
        allow_host: names by which browsers may call the page, besides loopback names and the address itself.
        redis: the server that the decoder speaks to.

    Examples:
        neurolect monitor --unix_socket /run/valkey.sock
        neurolect monitor --url redis://127.0.0.1:6379 --recordings recordings
        neurolect monitor --bind 0.0.0.0 --token_env MONITOR_TOKEN --allow_host lab-pc --host 127.0.0.1
    """
    import os
    from functools import partial

    from neurolect.errors import ConfigError
    from neurolect.online.live_streams import LiveStreams
    from neurolect.online.redis_server import NEEDS_EXTRA, reached

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError:
        raise ConfigError(NEEDS_EXTRA) from None
    from neurolect.online.monitor.application import MonitorSettings
    from neurolect.online.monitor.guard import Token
    from neurolect.online.monitor.serving import listen, serve

    if token_env is not None and token_env not in os.environ:
        raise ConfigError(f"token_env names {token_env}, which is not set")
    token = None if token_env is None else Token(os.environ[token_env])
    settings = MonitorSettings(LiveStreams(prefix), recordings, token, (bind, *(allow_host or ())))
    say = partial(print, flush=True)

    def ready(url: str) -> None:
        say(f"monitor: {url}")
        if recordings is not None and not recordings.is_dir():
            say(f"note: {recordings}: there is no such folder yet, so nothing can be exported")

    with listen(bind, port, token is not None) as listener, reached(redis, say) as client:
        serve(client, listener, settings, ready)
