"""What error correction by a trained language model gains on real trials, beside rescoring by one that was adapted.

The peer is the same model, adapted to the same sentences without their lists (`neurolect lm finetune`).

The trials and their halves are those of `real_trials.py`: sessions 1, 3, 5, … tune, the others report. The search is
the same for all lists, see `correction_lists.py`. Of the tuning half every second session is learnt from, the others
are held out: they end the training and choose all weights, but for their random words, which are no sentences.

Most lists to learn from are simulated: prompts of the training recordings, their phonemes corrupted with the errors of
the tuning half and decoded as real trials are. Prompts that any real trial has too are left out. The trigram was built
from none of all these sentences, so that folds are not needed.

    python benchmarks/error_correction.py --work folder              # trains, and prints what the held-out lists tell
    python benchmarks/error_correction.py --work folder --report     # then the other half, once

All stages are kept in the folder; a run that was stopped goes on. `--most_steps 150` ends the training of the
corrector where it was stopped for the committed figures, after 150 of 203 steps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from correction_lists import Trial, decode, sentences_to_learn, simulate
from neurolect.data.files import written_atomically
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.hypothesis_files import read_hypotheses, write_hypotheses
from neurolect.decoding.rescoring import rescore_with_llm
from neurolect.decoding.trained_correction import Corrector, candidates, fit_weight, with_weight
from neurolect.evaluation.alphas import best_with_alpha, word_error_rate_by_alpha
from neurolect.language.adapter_training import save_merged, train_adapters
from neurolect.language.causal_lm import CausalLM
from neurolect.language.causal_lm_loading import load_causal_lm, load_model_and_tokenizer
from neurolect.language.correction_format import CorrectionFormat
from neurolect.language.corrector_training import correction_texts
from neurolect.language.finetuning import finetune
from neurolect.language.lora_recipe import LoRARecipe
from neurolect.text.error_rates import ErrorCounts, count_word_errors, error_rate, error_rate_by
from neurolect.text.normalise import normalise_for_evaluation
from real_trials import CONFUSIONS, PROMPTS, TRIALS, fewer_errors, halves, read_halves
from training_log import TrainingLog

RESULTS = Path(__file__).parent / "results" / "error_correction.json"
RECIPE = LoRARecipe(lr=5e-4, dropout=0.0, mixed_precision=True)
LLM = "smollm2"

Lists = list[list[Hypothesis]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--real", type=Path, default=TRIALS.parent, help="folder with the trials, which are no part of neurolect"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for lists, models and scores")
    parser.add_argument("--simulated", type=int, default=3000, help="simulated lists to learn from")
    parser.add_argument("--most_steps", type=int, help="steps after which the training of the corrector ends")
    parser.add_argument("--report", action="store_true", help="decode and score the half that nothing was tuned on")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    rows = read_halves(arguments.real / TRIALS.name)
    tuning, reported = (list(map(Trial.of, half)) for half in rows.values())
    learnt, held_out = (list(map(Trial.of, half)) for half in halves(rows["tuning"]).values())
    prompts, left_out = sentences_to_learn(arguments.real / PROMPTS, rows)
    chosen = np.random.default_rng(0).permutation(len(prompts))[: arguments.simulated]
    simulated = simulate([prompts[number] for number in chosen], tuning)
    confusions = arguments.real / CONFUSIONS
    train(work, [("simulated", simulated), ("learnt", learnt)], held_out, confusions, arguments.most_steps)

    settings = tune(work, held_out)
    figures: dict[str, Any] = {
        "benchmark": "error_correction",
        "model": LLM,
        "lists": {
            "simulated": len(chosen),
            "learnt": len(learnt),
            "held out": len(held_out),
            "reported": len(reported),
        },
        "prompts left out, since a real trial has them": left_out,
        "training": json.loads((work / "training.json").read_text()),
        "held out": settings,
    }
    if arguments.report:
        figures["reported"] = report(work, reported, lists_of(work, "reported", reported, confusions), settings)
    Console().print_json(json.dumps(figures))
    with written_atomically(arguments.json) as partial:
        partial.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def lists_of(work: Path, name: str, trials: Sequence[Trial], confusions: Path) -> Lists:
    path = work / f"{name}.jsonl"
    if not path.is_file():
        write_hypotheses(path, decode(trials, confusions))
    return read_hypotheses(path)


def train(
    work: Path,
    parts: list[tuple[str, Any]],
    held_out: Sequence[Trial],
    confusions: Path,
    most_steps: int | None,
) -> None:
    """The corrector, and the same model adapted to the same sentences alone."""
    lists, spoken = [], []
    for name, trials in parts:
        trials = list(trials)
        lists += lists_of(work, name, trials, confusions)
        spoken += [each.sentence for each in trials]
    measured = lists_of(work, "held_out", held_out, confusions)
    shown = CorrectionFormat()
    facts = json.loads((work / "training.json").read_text()) if (work / "training.json").is_file() else {}
    for name in ("corrector", "adapted"):
        if (work / name).is_dir():
            continue
        model, tokenizer = load_model_and_tokenizer(LLM, "cpu", "float32")
        checkpoint = work / f"{name}.checkpoint"
        log = TrainingLog(work / f"{name}.log.jsonl", checkpoint)
        if name == "corrector":
            recipe = replace(RECIPE, most_steps=most_steps)
            learnt, watched = (
                correction_texts(tokenizer, [[one.text for one in each] for each in some], said, shown)
                for some, said in ((lists, spoken), (measured, [each.sentence for each in held_out]))
            )
            model = train_adapters(model, learnt, recipe, checkpoint, log.on_step, watched, log.on_held_out)
        else:
            recipe = RECIPE
            model = finetune(model, tokenizer, spoken, recipe, checkpoint, log.on_step)
        facts[name] = log.facts(recipe)
        (work / "training.json").write_text(json.dumps(facts))
        save_merged(model, tokenizer, work / name, checkpoint)


def scored(work: Path, model: str, name: str, lists: Lists) -> tuple[Lists, float]:
    """Candidates with a model's scores, their totals as before, and CPU seconds a list."""
    path = work / f"{name}.{model}.jsonl"
    times = path.with_suffix(".seconds")
    if not path.is_file():
        scorer = load_causal_lm(str(work / model), "cpu", "float32")
        corrector = Corrector(scorer, CorrectionFormat())
        started = time.process_time()
        if model == "corrector":
            answers = [corrector.scored(each) for each in track(lists, f"{model}, {name}")]
        else:
            answers = [rescore_with_llm(candidates(each), scorer, 0.0) for each in track(lists, f"{model}, {name}")]
        times.write_text(str((time.process_time() - started) / len(lists)))
        write_hypotheses(path, answers)
    return read_hypotheses(path), round(float(times.read_text()), 3)


def generated(work: Path, name: str, lists: Lists) -> tuple[list[str], float]:
    """What the corrector writes when it is not held to the candidates, and CPU seconds a list."""
    path = work / f"{name}.generated.json"
    if not path.is_file():
        scorer = load_causal_lm(str(work / "corrector"), "cpu", "float32")
        started = time.process_time()
        sentences = [answer(scorer, each) for each in track(lists, f"generating, {name}")]
        path.write_text(json.dumps([sentences, (time.process_time() - started) / len(lists)]))
    sentences, seconds = json.loads(path.read_text())
    return sentences, round(seconds, 3)


def answer(scorer: CausalLM, hypotheses: list[Hypothesis]) -> str:
    if not hypotheses[0].words:
        return ""
    tokenizer = scorer.tokenizer
    prompt = CorrectionFormat().prompt([each.text for each in hypotheses if each.words])
    tokens = tokenizer(tokenizer.bos_token + prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        written = scorer.model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=50, do_sample=False,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.eos_token_id,
        )  # fmt: skip
    return normalise_for_evaluation(tokenizer.decode(written[0, tokens.shape[1] :], skip_special_tokens=True))


def tune(work: Path, trials: Sequence[Trial]) -> dict[str, Any]:
    """Weights of every model with the fewest errors on held-out lists, and the rates."""
    lists = read_hypotheses(work / "held_out.jsonl")
    kept = [number for number, each in enumerate(trials) if each.corpus != "Random"]
    said = [trials[number].sentence for number in kept]
    found: dict[str, Any] = {"trials": len(kept), "nothing": rate(said, [lists[number][0].text for number in kept])}
    answers, seconds = scored(work, "adapted", "held_out", lists)
    rates = word_error_rate_by_alpha([answers[number] for number in kept], said, 0.0)
    best = [alpha for alpha, each in rates.items() if each.rate == min(other.rate for other in rates.values())]
    tried = {f"{alpha:g}": percent(each.rate) for alpha, each in rates.items()}
    found["adapted"] = {"alpha": best[len(best) // 2], "CPU s a list": seconds, "word errors, %": tried}
    answers, seconds = scored(work, "corrector", "held_out", lists)
    weight, each_rate = fit_weight([answers[number] for number in kept], said)
    tried = {f"{each:g}": percent(value) for each, value in each_rate.items()}
    found["corrector"] = {"weight": weight, "CPU s a list": seconds, "word errors, %": tried}
    some = kept[::3]
    said = [trials[number].sentence for number in some]
    sentences, seconds = generated(work, "held_out", [lists[number] for number in some])
    found["every third list"] = {
        "word errors, nothing": rate(said, [lists[number][0].text for number in some]),
        "word errors, choosing": rate(said, [with_weight(answers[number], weight)[0].text for number in some]),
        "word errors, generating": rate(said, sentences),
        "CPU s a list, generating": seconds,
    }
    return found


def report(work: Path, trials: Sequence[Trial], lists: Lists, settings: dict[str, Any]) -> dict[str, Any]:
    """Error rates with intervals, of the whole half and by corpus, and the differences to the search alone."""
    said = [each.sentence for each in trials]
    corpora = [each.corpus for each in trials]
    answers = {"nothing": [each[0].text for each in lists]}
    seconds = {}
    judged, seconds["adapted"] = scored(work, "adapted", "reported", lists)
    answers["adapted"] = [best_with_alpha(each, 0.0, settings["adapted"]["alpha"]).text for each in judged]
    judged, seconds["corrector"] = scored(work, "corrector", "reported", lists)
    answers["corrector"] = [with_weight(each, settings["corrector"]["weight"])[0].text for each in judged]
    counts = {
        name: count_word_errors(said, list(map(normalise_for_evaluation, each))) for name, each in answers.items()
    }
    return {
        "trials": len(trials),
        "word errors": {name: interval(each) for name, each in counts.items()},
        "less than nothing": {name: interval(fewer_errors(counts["nothing"], each)) for name, each in counts.items()},
        "corrector less than adapted": interval(fewer_errors(counts["adapted"], counts["corrector"])),
        "by corpus": {
            name: {corpus: str(value) for corpus, value in error_rate_by(each, corpora).items()}
            for name, each in counts.items()
        },
        "sentences changed": {
            name: sum(one != other for one, other in zip(answers["nothing"], each, strict=True))
            for name, each in answers.items()
        },
        "CPU s a list": seconds,
        "counts": {name: asdict(error_rate(each)) for name, each in counts.items()},
    }


def rate(said: list[str], sentences: list[str]) -> str:
    return interval(count_word_errors(said, list(map(normalise_for_evaluation, sentences))))


def interval(counts: ErrorCounts) -> str:
    return str(error_rate(counts))


def percent(value: float) -> float:
    return round(100 * value, 2)


if __name__ == "__main__":
    main()
