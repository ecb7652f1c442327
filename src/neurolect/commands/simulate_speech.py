"""`neurolect simulate speech`."""

from __future__ import annotations

from pathlib import Path


def simulate_speech(
    out: Path,
    sentences: Path | None = None,
    sessions: int = 10,
    trials_per_session: int = 50,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.0,
    difficulty: float = 1.0,
    seed: int = 0,
    lexicon: Path | None = None,
) -> None:
    """Write simulated intracortical recordings of sentences in the T15 layout.

    The tuning of 256 electrodes drifts from session to session. Sentences kept for validation or testing never occur
    in training. The same seed gives the same recordings, and more sessions leave the first ones as they are.

    Args:
        out: folder to write, new or empty.
        sentences: text file, one sentence a line; by default 640 everyday sentences that come with the package.
        sessions: recording days.
        trials_per_session: sentences a day, all splits together.
        validation_fraction: share of sentences and trials kept for validation.
        test_fraction: share kept for testing, written without labels.
        difficulty: at 2 the neural signal is half as large against the same noise.
        seed: of everything random.
        lexicon: file of extra words, in CMUdict form: `word P R AH N AH N S`.

    Examples:
        neurolect simulate speech data/simulated
        neurolect simulate speech data/long --sessions 30 --trials_per_session 100 --difficulty 1.5
        neurolect simulate speech data/mine --sentences sentences.txt --lexicon names.dict
    """
    from rich.progress import Progress

    from neurolect.commands.plain_console import plain_console
    from neurolect.data.simulate_speech import SpeechSimulator
    from neurolect.data.simulated_dataset import everyday_sentences, read_sentences, write_simulated_speech
    from neurolect.text.lexicon import Lexicon

    words = Lexicon.english()
    if lexicon is not None:
        words = words.with_words(Lexicon.read(lexicon))
    spoken = everyday_sentences() if sentences is None else read_sentences(sentences, words)
    with Progress(transient=True) as progress:
        task = progress.add_task("simulating", total=sessions)
        write_simulated_speech(
            out,
            spoken,
            words,
            sessions=sessions,
            trials_per_session=trials_per_session,
            validation_fraction=validation_fraction,
            test_fraction=test_fraction,
            simulator=SpeechSimulator(seed=seed, difficulty=difficulty),
            on_session=lambda _: progress.advance(task),
        )
    plain_console().print(
        f"{sessions} simulated sessions of {trials_per_session} trials: {out / 'hdf5_data_final'}", soft_wrap=True
    )
