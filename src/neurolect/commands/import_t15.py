"""`neurolect import t15`."""

from __future__ import annotations

from pathlib import Path


def import_t15(path: Path, out: Path) -> None:
    """Turn a checkpoint of the brain-to-text reference into a run.

    Nothing in the checkpoint is executed; only tensors and numbers are read.

    Args:
        path: folder with `args.yaml` and `best_checkpoint`, or the folder above it.
        out: run folder to write.

    Examples:
        neurolect import t15 data/t15_pretrained_rnn_baseline --out runs/t15_reference
        neurolect evaluate runs/t15_reference --data data/hdf5_data_final --split val --protocol reference
    """
    from neurolect.errors import ConfigError
    from neurolect.training.import_t15 import read_t15_checkpoint
    from neurolect.training.run_files import DESCRIPTION
    from neurolect.training.runs import save_run

    if (out / DESCRIPTION).exists():
        raise ConfigError(f"{out} holds a run already")
    run = read_t15_checkpoint(path)
    save_run(out, run)
    n_parameters = sum(parameter.numel() for parameter in run.model.parameters())
    print(f"{out}: {n_parameters:,} parameters, {len(run.sessions)} sessions")
