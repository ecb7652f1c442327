"""`neurolect lm corrector`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from neurolect.language.lora_recipe import LoRARecipe


def lm_corrector(
    hypotheses: list[Path],
    truth: list[Path],
    held_out: Path,
    held_out_truth: Path,
    out: Path,
    llm: str = "smollm2",
    n_best: int = 5,
    recipe: LoRARecipe = LoRARecipe(),
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
) -> None:
    """Teach a large language model to correct n-best lists.

    Low-rank adapters are trained to answer with what was said, and merged into the model. The held-out lists decide
    when training ends and what weight the corrector gets beside the totals of a list; word error rates on them are
    printed before and after. A run that was stopped goes on when it is begun again.

    Args:
        hypotheses: files of JSON lines that `neurolect decode` wrote, of utterances that the models of the search were
            not trained on.
        truth: for each of them a text file of what was said, one sentence a line.
        held_out: JSON lines of other utterances, like those that are to be corrected.
        held_out_truth: what was said in those.
        out: folder to write the corrector to, for `neurolect correct --llm`.
        llm: the model to teach, as for `neurolect rescore`.
        n_best: how many candidates it is shown.
        recipe: how to train; an epoch sees every list once.
        device: `auto`, `cpu`, `cuda:0`, …
        precision: of the model; `auto` is bfloat16 on a GPU and float32 on the CPU.

    Examples:
        neurolect lm corrector --hypotheses a.jsonl --truth a.txt --held_out b.jsonl --held_out_truth b.txt --out fixer
        neurolect lm corrector --hypotheses a.jsonl b.jsonl --truth a.txt b.txt --config held_out.yaml --out fixer
        neurolect correct decoded.jsonl --out corrected.txt --llm fixer
    """
    from dataclasses import replace

    from rich.progress import Progress, track

    from neurolect.commands.plain_console import plain_console
    from neurolect.decoding.trained_correction import Corrector, fit_weight, with_weight
    from neurolect.errors import ConfigError
    from neurolect.evaluation.sentences import read_lists_with_truth, word_error_rate
    from neurolect.language.adapter_training import save_merged, train_adapters
    from neurolect.language.causal_lm import CausalLM
    from neurolect.language.causal_lm_loading import load_model_and_tokenizer
    from neurolect.language.correction_format import CorrectionFormat
    from neurolect.language.corrector_training import correction_texts

    if out.exists():
        raise ConfigError(f"{out}: exists already; name another folder")
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    shown = CorrectionFormat(n_best)
    lists, spoken = read_lists_with_truth(hypotheses, truth)
    measured, said = read_lists_with_truth([held_out], [held_out_truth])
    model, tokenizer = load_model_and_tokenizer(llm, device, precision)
    learnt, watched = (
        correction_texts(tokenizer, [[one.text for one in each] for each in some], sentences, shown)
        for some, sentences in ((lists, spoken), (measured, said))
    )
    console = plain_console(stderr=True)
    with Progress(console=console) as bar:
        task = bar.add_task("training", total=None)
        model = train_adapters(
            model, learnt, recipe, checkpoint,
            lambda step, n_steps, loss: bar.update(
                task, completed=step, total=n_steps, description=f"training, {loss:.2f} nats a token"
            ),
            watched,
        )  # fmt: skip
    corrector = Corrector(CausalLM(model, tokenizer), shown)
    scored = [corrector.scored(each) for each in track(measured, "held-out lists", console=console)]
    weight, _ = fit_weight(scored, said)
    save_merged(model, tokenizer, out, checkpoint, replace(shown, weight=weight).write)
    print(f"{out}: {len(learnt):,} lists learnt; its scores get weight {weight:g}")
    print(f"word error rate on {len(measured):,} held-out lists, for which that weight was chosen:")
    print(f"  before: {word_error_rate(said, [each[0].text for each in measured])}")
    print(f"  after: {word_error_rate(said, [with_weight(each, weight)[0].text for each in scored])}")
