"""`neurolect replay`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.t15 import MissingValues, Split
from neurolect.online.redis_server import RedisServer


def replay(
    dataset: Path,
    session: list[str] | None = None,
    split: Split = "val",
    speed: float = 1.0,
    block_bins: int = 1,
    trials: int | None = None,
    continuous: bool = False,
    pause: float | None = None,
    feature_blocks: list[str] | None = None,
    missing: MissingValues = "refuse",
    wait: bool = True,
    patience: float = 60.0,
    source: str | None = None,
    prefix: str = "neurolect:",
    redis: RedisServer = RedisServer(),
) -> None:
    """Play recordings to a live decoder as hardware would send them.

    A bin every 20 ms goes into the input stream of `neurolect serve live`, with the session, the block and where trials
    begin and end. Then the decoder's sentences are waited for and printed beside what was said.

    Args:
        dataset: folder of sessions in the T15 layout.
        session: names of the sessions to play, in this order; by default all that have the split.
        split: `train`, `val` or `test`.
        speed: 1 is as recorded, 20 twenty times as fast, 0 as fast as the server takes it.
        block_bins: bins in a message.
        trials: only the first so many.
        continuous: do not tell where trials begin and end: the decoder must hear the silence between them.
        pause: seconds of zeros after each trial; by default none, and 2 if continuous.
        feature_blocks: such as `55b spike power` or `area 4`, for a decoder that was trained on them.
        missing: refuse NaN and infinite features, or put zero in their place.
        wait: for the decoder's sentences.
        patience: seconds without a sentence after which waiting ends.
        source: name of what records; by default a new one.
        prefix: of the decoder's keys.
        redis: the server where the decoder is.

    Examples:
        neurolect replay data/hdf5_data_final --session t15.2023.08.13 --unix_socket streams/valkey.sock
        neurolect replay data/hdf5_data_final --split val --speed 0 --trials 20 --host 127.0.0.1
        neurolect replay data/hdf5_data_final --continuous --pause 3 --url redis://127.0.0.1:6379/0
    """
    from rich.progress import Progress

    from neurolect.commands.answer_tables import print_answers
    from neurolect.commands.plain_console import plain_console
    from neurolect.data.dataset import SpeechData
    from neurolect.errors import NeurolectError
    from neurolect.online.answers import Answers, beside, require_width, serving
    from neurolect.online.live_streams import LiveStreams
    from neurolect.online.redis_server import reached
    from neurolect.online.replay import Playback, play, trials_of
    from neurolect.online.sender import Sender

    playback = Playback(speed, block_bins, continuous, pause)
    data = SpeechData(dataset, session, feature_blocks, missing=missing)
    chosen = trials_of(data, split, trials)
    streams = LiveStreams(prefix)
    console = plain_console(stderr=True)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    with reached(redis, say) as client:
        status = serving(client, streams, say)
        if status is None:
            say(f"no decoder is at {prefix} yet; it will find what is sent in the stream")
        require_width(status, chosen[0].features.shape[1] if data.columns is None else len(data.columns))
        sender = Sender(client, streams, source, say)
        answers = Answers(client, streams, sender.source, say)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            n_bins = sum(trial.n_bins + playback.pause_bins for trial in chosen)
            playing = bar.add_task("playing", total=n_bins)
            played = list(
                play(chosen, sender, playback, data.columns, lambda n: bar.advance(playing, n), data.simulated)
            )
            sender.close()
            if not wait:
                return
            waiting = bar.add_task("waiting for sentences", total=len(played))
            answers.wait(len(played), patience, lambda n: bar.update(waiting, completed=n))
    answered = beside(played, answers.sentences)
    print_answers(answered, data.simulated, plain_console())
    if all(each.decoded is None for each in answered):
        raise NeurolectError(f"no trial was answered: see that a decoder serves {prefix} at this server")
