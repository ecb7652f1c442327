"""`neurolect simulate seeg`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def simulate_seeg(
    out: Path,
    subjects: int = 1,
    runs: int = 10,
    repetitions: int = 5,
    minutes: float = 30.0,
    channels: int | Literal["all"] = 12,
    words: Path | None = None,
    difficulty: float = 1.0,
    seed: int = 0,
    raw: bool = False,
) -> None:
    """Write simulated sEEG of spoken words, and of talk and rest, in the packed layout.

    A few channels of each subject lie in speech cortex and follow the articulation of the words; `regions` in the
    subject's `subject.json` tells which. The same seed gives the same recordings, and more subjects, runs, minutes or
    channels leave the first ones as they are. The default is one subject with 50 repetitions of 61 words: 520 MB.

    Args:
        out: folder to write, new or empty.
        subjects: how many.
        runs: of spoken words for each subject.
        repetitions: of each word in a run.
        minutes: of continuous recordings without labels for each subject.
        channels: bipolar channels to write for each subject, those of speech cortex first.
        words: CSV file with the columns word, initials, finals, tones; by default 61 everyday words of Mandarin.
        difficulty: at 2 the speech in the signals is half as large against the same noise.
        seed: of everything random.
        raw: also write each subject's first run as an amplifier would, every contact against the common reference, as
            EDF with the words as annotations, and a table of regions; for `data convert` to try on (extra `ieeg`). With
            the default words and repetitions 150 to 340 MB each.

    Examples:
        neurolect simulate seeg data/seeg
        neurolect simulate seeg data/small --subjects 2 --runs 2 --minutes 10
        neurolect simulate seeg data/whole --runs 2 --channels all --difficulty 1.5
    """
    from rich.progress import Progress

    from neurolect.commands.plain_console import plain_console
    from neurolect.data.seeg.mandarin import read_mandarin_words
    from neurolect.data.seeg.simulate import SeegSimulator
    from neurolect.data.seeg.simulated_subjects import n_sessions, write_simulated_seeg

    with Progress(transient=True) as progress:
        task = progress.add_task("simulating", total=n_sessions(subjects, runs, minutes, raw))
        write_simulated_seeg(
            out,
            subjects=subjects,
            runs=runs,
            repetitions=repetitions,
            minutes=minutes,
            channels=None if channels == "all" else channels,
            words=None if words is None else read_mandarin_words(words),
            simulator=SeegSimulator(seed=seed, difficulty=difficulty),
            raw=raw,
            on_session=lambda _: progress.advance(task),
        )
    plain_console().print(f"{subjects} simulated subjects: {out}", soft_wrap=True)
