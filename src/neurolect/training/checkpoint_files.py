"""How a run's checkpoints get to disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from neurolect.data.files import written_atomically
from neurolect.training.torch_files import read_torch_file


class CheckpointFiles(TorchCheckpointIO):
    """Checkpoints that are whole or not there: Lightning's own go through the machine's temporary folder.

    Where that is another disk, they are copied over the last checkpoint, and a run killed in between has none.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Put the checkpoint in the place of an older one."""
        with written_atomically(Path(path)) as partial, partial.open("wb") as file:
            torch.save(checkpoint, file)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """The checkpoint, on the CPU.

        Raises:
            DataError: the file is damaged, or holds more than a checkpoint does.
        """
        return read_torch_file(Path(path))
