"""`neurolect lm finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from neurolect.language.lora_recipe import LoRARecipe


def lm_finetune(
    text: Path,
    out: Path,
    llm: str = "smollm2",
    held_out: Path | None = None,
    recipe: LoRARecipe = LoRARecipe(),
    as_written: bool = False,
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
) -> None:
    """Adapt a large language model to transcripts.

    Low-rank adapters are trained and merged into the model, and its perplexity on held-out sentences is printed before
    and after. A run that was stopped goes on when it is begun again.

    Args:
        text: transcripts, one sentence a line.
        out: folder to write the adapted model to, for `--rescoring.llm`.
        llm: the model to adapt, as for `neurolect rescore`.
        held_out: sentences to measure with; by default the last twentieth of the text, which is then not learnt from.
        recipe: how to train.
        as_written: keep capitals and punctuation; otherwise sentences become what the decoder writes.
        device: `auto`, `cpu`, `cuda:0`, …
        precision: of the model; `auto` is bfloat16 on a GPU and float32 on the CPU.

    Examples:
        neurolect lm finetune transcripts.txt --out adapted --recipe.epochs 2
        neurolect rescore decoded.jsonl --out rescored.jsonl --rescoring.llm adapted
    """
    from rich.progress import Progress

    from neurolect.commands.plain_console import plain_console
    from neurolect.errors import ConfigError
    from neurolect.language.adapter_training import save_merged
    from neurolect.language.causal_lm import CausalLM
    from neurolect.language.causal_lm_loading import load_model_and_tokenizer
    from neurolect.language.finetuning import finetune, word_perplexity
    from neurolect.language.transcripts import read_transcripts

    if out.exists():
        raise ConfigError(f"{out}: exists already; name another folder")
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    sentences, measured = read_transcripts(text, held_out, as_written)
    model, tokenizer = load_model_and_tokenizer(llm, device, precision)
    console = plain_console(stderr=True)
    before = word_perplexity(CausalLM(model, tokenizer), measured)
    with Progress(console=console) as bar:
        task = bar.add_task("training", total=None)
        model = finetune(
            model, tokenizer, sentences, recipe, checkpoint,
            lambda step, n_steps, loss: bar.update(
                task, completed=step, total=n_steps, description=f"training, {loss:.2f} nats a token"
            ),
        )  # fmt: skip
    after = word_perplexity(CausalLM(model, tokenizer), measured)
    save_merged(model, tokenizer, out, checkpoint)
    print(f"{out}: {len(sentences):,} sentences learnt")
    print(f"perplexity of a word on {len(measured):,} held-out sentences: {before:.5g} before, {after:.5g} after")
