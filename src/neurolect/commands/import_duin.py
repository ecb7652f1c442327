"""`neurolect import duin`."""

from __future__ import annotations

from pathlib import Path


def import_duin(
    path: Path,
    out: Path,
    subjects: list[str] | None = None,
    channels: dict[str, list[str]] | None = None,
    words: list[str] | None = None,
) -> None:
    """Turn a checkpoint of the Du-IN reference into a run.

    Nothing in the checkpoint is executed; only tensors and numbers are read. What it is follows from the names and
    shapes in it. Its signals are taken to be z-scored already, since it keeps no statistics.

    Args:
        path: `checkpoint-*.pth`; its `save/params` is read where it is there.
        out: run folder to write.
        subjects: whose it is, in order; unless `save/params` or the folder's name says so.
        channels: subject → its channels in order; those of Du-IN's subjects 001 to 012 are known.
        words: a classifier's words in order; numbers unless given.

    Examples:
        neurolect import duin pretrains/duin/001/mae/model/checkpoint-399.pth --out runs/001/mae
        neurolect import duin checkpoint-199.pth --subjects '[s1]' --channels '{s1: [A1, A2]}' --out runs/s1
    """
    from neurolect.errors import ConfigError
    from neurolect.training.import_duin import import_duin_run
    from neurolect.training.run_files import DESCRIPTION
    from neurolect.training.segment_runs import save_segment_run

    if (out / DESCRIPTION).exists():
        raise ConfigError(f"{out} holds a run already")
    run = import_duin_run(path, subjects, channels, words)
    save_segment_run(out, run)
    n_parameters = sum(parameter.numel() for parameter in run.model.parameters())
    print(f"{out}: {type(run.model).__name__}, {n_parameters:,} parameters, subjects {', '.join(run.subjects)}")
