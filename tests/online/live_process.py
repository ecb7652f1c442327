"""Serves a run whose features spell phonemes, in a process of its own: `live_process.py SOCKET events|silence`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from spelling_runs import SESSIONS, search, spelling_run

from neurolect.online.end_of_speech import EndOfSpeech
from neurolect.online.live_encoder import LiveEncoder
from neurolect.online.live_service import serve
from neurolect.online.live_settings import LiveSettings
from neurolect.online.live_state import Held
from neurolect.online.live_streams import LiveStreams
from neurolect.online.redis_server import RedisServer
from neurolect.online.utterance_keeper import Tools


def main() -> None:
    """Serve until killed."""
    torch.set_num_threads(1)
    socket, boundaries = sys.argv[1:]
    settings = LiveSettings(boundaries=boundaries, end_of_speech=EndOfSpeech(silence_seconds=0.6))
    client = RedisServer(unix_socket=Path(socket)).client()
    tools = Tools(LiveEncoder(spelling_run(memory=0.2), "float32"), search(), settings)
    serve(client, LiveStreams(), tools, Held(SESSIONS[0]), lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
