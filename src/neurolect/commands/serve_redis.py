"""`neurolect serve redis`."""

from __future__ import annotations

from pathlib import Path


def serve_redis(folder: Path = Path("streams")) -> None:
    """Run the Redis server that the online parts meet at.

    A Valkey server on a private socket, for this user on this machine, that outlives the decoder, the recorder and the
    monitor. It writes all it is told to its folder, so that it goes on where it was when it is killed or started again.
    Any other Redis ≥ 6.2 or Valkey does as well. Runs until Ctrl-C.

    Args:
        folder: where its socket and its data are.

    Examples:
        neurolect serve redis
        neurolect serve redis --folder /data/streams
    """
    from neurolect.commands.plain_console import plain_console
    from neurolect.online.embedded_valkey import EmbeddedValkey

    with EmbeddedValkey(folder) as valkey:
        console = plain_console()
        console.print(f"others reach it with --unix_socket {valkey.socket}", soft_wrap=True)
        console.print(f"or after: export REDIS_URL='{valkey.server.address}'", soft_wrap=True)
        valkey.wait()
