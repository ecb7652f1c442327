"""`neurolect demo live`."""

from __future__ import annotations

from pathlib import Path


def demo_live(
    demo: Path = Path("demo"), trials: int = 20, speed: float = 1.0, port: int = 8050, stay: bool = True
) -> None:
    """Play the demo's validation recordings to a live decoder, and show it in a browser.

    Everything is done by the other verbs, and each is shown as you would type it: the decoder with its recorder, the
    monitor and the replay, which meet at a Valkey server of their own. The recordings are simulated.

    Args:
        demo: folder that `neurolect demo` wrote; utterances recorded there by an earlier demo are replaced, if any are
            recorded now.
        trials: sentences to play.
        speed: 1 is as recorded, 0 as fast as it goes.
        port: of the monitor's page; 0 takes a free one.
        stay: keep the page up until Ctrl-C, to look at it and to correct sentences.

    Examples:
        neurolect demo live
        neurolect demo live --speed 4 --trials 80
    """
    import shlex
    import time
    from contextlib import ExitStack

    from neurolect.commands.demo_folder import made_anew
    from neurolect.commands.main import call
    from neurolect.commands.plain_console import plain_console
    from neurolect.errors import ConfigError
    from neurolect.online.child_process import child
    from neurolect.online.embedded_valkey import EmbeddedValkey
    from neurolect.online.redis_server import NEEDS_EXTRA

    try:
        from neurolect.online.monitor.serving import listen
    except ImportError:
        raise ConfigError(NEEDS_EXTRA) from None

    run, recordings, recorded = demo / "run", demo / "recordings" / "hdf5_data_final", demo / "live"
    if not (run / "model.json").is_file() or not recordings.is_dir():
        raise ConfigError(f"{demo}: holds no demo yet; run 'neurolect demo --out {demo}' first")
    # Where it is taken, by a demo that runs perhaps, nothing is begun.
    listen("127.0.0.1", port, has_token=False).close()
    console = plain_console()

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    def shown(*words: str) -> list[str]:
        console.print(f"\n$ neurolect {shlex.join(words)}", style="bold", soft_wrap=True)
        return list(words)

    with made_anew(demo, recorded.name, "utterance_*.hdf5"), ExitStack() as running:
        server = f"--unix_socket={running.enter_context(EmbeddedValkey()).socket}"
        record = f"--record={recorded}"
        decoder = shown("serve", "live", str(run), "--decoder.acoustic_scale=0.7", record, server)
        look_after = [running.enter_context(child(decoder, ready="ready", say=say))]
        page = shown("monitor", f"--recordings={recorded}", f"--port={port}", server)
        look_after.append(running.enter_context(child(page, ready="monitor", say=say)))
        call(shown("replay", str(recordings), f"--trials={trials}", f"--speed={speed}", server))
        if stay:
            say("\nThe page stays until Ctrl-C.")
        while stay:
            time.sleep(1)
            for require_life in look_after:
                require_life()
