"""Latency of live decoding with the full-size model, from a bin's sending to the partial answer in a client's hands.

Redis, `neurolect serve live`, `neurolect replay` at the real rate and the client that reads are processes of their own.
The client's clock starts when the bin that completes a frame is sent; `decoder_…` is what the decoder says itself. Then
the rate is doubled until the decoder falls behind. Recordings are simulated; the model's logits are as doubtful as
speech (`full_size_run.py`).
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from redis import Redis

from full_size_run import N_DAYS, SESSION, write_recordings, write_run
from neurolect.data.t15 import BIN_SECONDS
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Partial
from neurolect.online.live_streams import LiveStreams
from neurolect.online.redis_server import RedisServer

BINS_PER_FRAME = 4
STEP_MS = 1000 * BIN_SECONDS * BINS_PER_FRAME
STREAMS = LiveStreams()
SETTLE_SECONDS = 3


def neurolect(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "neurolect", *map(str, arguments)]


@contextmanager
def live_server(run: Path, weights: str, server: RedisServer) -> Iterator[psutil.Process]:
    """A decoder that has said that it is ready, until the end of `with`."""
    arguments = ["--lm", "english", "--weights", weights, "--session", SESSION]
    process = subprocess.Popen(
        neurolect("serve", "live", run, *arguments, "--unix_socket", server.unix_socket), stdout=subprocess.DEVNULL
    )
    client = server.client()
    try:
        while not client.exists(STREAMS.status):
            if process.poll() is not None:
                raise SystemExit(f"serve live ended with status {process.returncode}")
            time.sleep(0.1)
        time.sleep(SETTLE_SECONDS)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def partials_of(replaying: subprocess.Popen[bytes], client: Redis) -> Iterator[tuple[Partial, float]]:
    """Partial answers and when they could be read, until all is sent and none comes any more."""
    newest = client.xrevrange(STREAMS.partials, count=1)
    last = newest[0][0] if newest else "0-0"
    while True:
        sent = replaying.poll() is not None
        found = client.xread({STREAMS.partials: last}, block=2000)
        now = time.time()
        if not found and sent:
            return
        entries = found[0][1] if found else []
        yield from ((Partial.from_fields(fields), now) for _, fields in entries)
        last = entries[-1][0] if entries else last


def measure(
    recordings: Path, n_bins: int, speed: float, server: RedisServer, decoder: psutil.Process
) -> dict[str, float]:
    """Replay at a speed and time every partial answer."""
    client = server.client()
    before = decoder.cpu_times()
    command = neurolect("replay", recordings, "--speed", speed, "--wait", "false", "--unix_socket", server.unix_socket)
    replaying = subprocess.Popen(command)
    timed = list(partials_of(replaying, client))
    if replaying.wait() or not timed:
        raise SystemExit(f"{len(timed)} partial answers; {' '.join(command)}: status {replaying.returncode}")
    after = decoder.cpu_times()
    latencies = 1000 * np.array([now - partial.sent for partial, now in timed])
    inside = [partial.latency_ms for partial, _ in timed]
    fifth = max(1, len(latencies) // 5)
    return {
        "speed": speed,
        "bins": n_bins,
        "partials": len(latencies),
        "p50_ms": round(float(np.quantile(latencies, 0.5)), 2),
        "p99_ms": round(float(np.quantile(latencies, 0.99)), 2),
        "max_ms": round(float(latencies.max()), 2),
        "p99_share_of_step": round(float(np.quantile(latencies, 0.99)) / STEP_MS, 3),
        "decoder_p50_ms": round(float(np.quantile(inside, 0.5)), 2),
        "decoder_p99_ms": round(float(np.quantile(inside, 0.99)), 2),
        "last_fifth_p50_ms": round(float(np.median(latencies[-fifth:])), 2),
        "cpu_seconds_per_second_of_speech": round(
            (after.user + after.system - before.user - before.system) / (n_bins * BIN_SECONDS), 4
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bins", type=int, default=10_000, help="at the real rate: 10,000 are 200 seconds")
    parser.add_argument("--fast_bins", type=int, default=4_000, help="at each higher rate")
    parser.add_argument("--weights", nargs="+", default=["float32", "int8"])
    parser.add_argument("--most", type=float, default=128, help="highest rate to try")
    options = parser.parse_args()
    # What is started here ends with `with`, also where this is terminated.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder, EmbeddedValkey() as valkey:
        run, recordings, short = (Path(folder) / name for name in ("run", "recordings", "short"))
        write_run(run)
        n_bins, n_fast = write_recordings(recordings, options.bins), write_recordings(short, options.fast_bins)
        for weights in options.weights:
            about = {"weights": weights, "days": N_DAYS, "lm": "english", "cores": psutil.cpu_count()}
            with live_server(run, weights, valkey.server) as decoder:
                row = measure(recordings, n_bins, 1, valkey.server, decoder)
                row["load"] = round(psutil.getloadavg()[0], 1)
                print(json.dumps({"benchmark": "live_latency", **about, **row}), flush=True)
                sustained, speed = 1.0, 2.0
                while speed <= options.most:
                    row = measure(short, n_fast, speed, valkey.server, decoder)
                    print(json.dumps({"benchmark": "live_rate", **about, **row}), flush=True)
                    if row["last_fifth_p50_ms"] > STEP_MS:
                        break
                    sustained, speed = speed, 2 * speed
                print(json.dumps({"benchmark": "live_highest_rate", **about, "times_real_time": sustained}), flush=True)
            valkey.server.client().flushall()


if __name__ == "__main__":
    main()
