"""Training of low-rank adapters (Hu et al. 2021) for a large language model, on texts of which a part is learnt."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neurolect.data.files import written_atomically
from neurolect.errors import DataError
from neurolect.language.lora_recipe import LoRARecipe

OnStep = Callable[[int, int, float], None]


@dataclass(frozen=True)
class TrainingText:
    """Tokens of a text, of which only those at its end are learnt.

    Args:
        tokens: of the whole text.
        n_given: how many at its front, at least one, are given and not learnt.
    """

    tokens: Sequence[int]
    n_given: int = 1


def train_adapters(
    model: Any,
    texts: Sequence[TrainingText],
    recipe: LoRARecipe,
    checkpoint: Path,
    on_step: OnStep = lambda step, n_steps, loss: None,
    held_out: Sequence[TrainingText] = (),
    on_held_out: Callable[[int, float], None] = lambda step, loss: None,
) -> Any:
    """Train adapters on the learnt part of texts, and merge them into the model.

    What a step draws depends on the seed and its number alone, and a run that was stopped goes on from its checkpoint:
    it ends in the same weights as an unbroken one. Where texts are held out, training ends early when they have been
    predicted worse for `recipe.patience` checkpoints in a row, and the adapters that predict them best are kept.

    Args:
        model: of `transformers`, on its device; it is changed.
        texts: to learn.
        recipe: how to train.
        checkpoint: file for what a stopped run goes on from; it stays, at the end too, until `save_merged` removes it.
        on_step: called after each step with its number, from 1, the number of all, and the loss in nats a token.
        held_out: texts to measure with at every checkpoint.
        on_held_out: called after each such measurement with the number of steps done and the loss in nats a token.

    Returns:
        The model with its new weights.

    Raises:
        DataError: there is no text, or the checkpoint is of another run or damaged.
    """
    if not texts:
        raise DataError("finetune: there is no sentence to learn from")
    training = _Training(model, texts, held_out, recipe, checkpoint)
    n_steps = recipe.epochs * training.steps_in_epoch
    last = n_steps if recipe.most_steps is None else min(n_steps, recipe.most_steps)
    while training.done < last and training.n_worse < recipe.patience:
        loss = training.step(n_steps)
        if training.done % recipe.checkpoint_every == 0 or training.done == last:
            if held_out:
                on_held_out(training.done, training.measure())
            training.keep()
        on_step(training.done, n_steps, loss)
    return training.finish()


def save_merged(
    model: Any,
    tokenizer: Any,
    folder: Path,
    checkpoint: Path,
    write_beside: Callable[[Path], None] = lambda partial: None,
) -> None:
    """Write a model that adapters were merged into; only then remove the checkpoint of its training.

    Args:
        model: as `train_adapters` returns it.
        tokenizer: the model's own.
        folder: where to write; it must not exist, or be empty.
        checkpoint: that of the training.
        write_beside: puts what else belongs to the model into the folder, which it is given under a temporary name.

    Raises:
        OSError: the folder holds something or cannot be written; the checkpoint is still there.
    """
    with written_atomically(folder) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_beside(partial)
    checkpoint.unlink(missing_ok=True)


class _Training:
    """Adapters on their way, and the best of them so far."""

    def __init__(
        self,
        model: Any,
        texts: Sequence[TrainingText],
        held_out: Sequence[TrainingText],
        recipe: LoRARecipe,
        checkpoint: Path,
    ) -> None:
        from peft import LoraConfig, get_peft_model

        self.texts, self.held_out, self.recipe, self.checkpoint = texts, held_out, recipe, checkpoint
        self.steps_in_epoch = math.ceil(len(texts) / recipe.batch_size)
        with _own_randomness(recipe.seed):
            adapters = LoraConfig(
                r=recipe.rank,
                lora_alpha=recipe.scale,
                lora_dropout=recipe.dropout,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            )
            self.adapted = get_peft_model(model, adapters).train()
        self.trained = {name: each for name, each in self.adapted.named_parameters() if each.requires_grad}
        self.optimiser = torch.optim.AdamW(self.trained.values(), lr=recipe.lr, weight_decay=0.0)
        self.done, self.n_worse, self.least = 0, 0, math.inf
        self.best: dict[str, Tensor] = {}
        self.run = {
            "n_texts": len(texts),
            "n_tokens": sum(len(each.tokens) for each in texts),
            "n_held_out": len(held_out),
            **asdict(recipe),
        }
        if checkpoint.is_file():
            self._resume()

    def step(self, n_steps: int) -> float:
        """Learn from one batch; returns its loss."""
        recipe = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.lr * _share_of_rate(self.done, n_steps)
        epoch, place = divmod(self.done, self.steps_in_epoch)
        order = torch.randperm(len(self.texts), generator=torch.Generator().manual_seed(recipe.seed + epoch)).tolist()
        numbers = order[place * recipe.batch_size : (place + 1) * recipe.batch_size]
        with _own_randomness(recipe.seed + self.done):
            loss = self._losses([self.texts[number] for number in numbers]).mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self.optimiser.step()
        self.done += 1
        return loss.item()

    def measure(self) -> float:
        """The loss of what is held out; the adapters are kept if none did better."""
        loss = self._held_out_loss()
        self.n_worse += 1
        if loss < self.least:
            self.least, self.n_worse = loss, 0
            self.best = {name: each.detach().clone() for name, each in self.trained.items()}
        return loss

    def keep(self) -> None:
        """Write the checkpoint."""
        state = {
            "run": self.run,
            "progress": (self.done, self.n_worse, self.least),
            "adapters": dict(self.trained),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
        }
        with written_atomically(self.checkpoint) as partial:
            torch.save(state, partial)

    def finish(self) -> Any:
        """The model with the best adapters merged into it."""
        self._put(self.best)
        return self.adapted.eval().merge_and_unload()

    @torch.inference_mode()
    def _held_out_loss(self) -> float:
        self.adapted.eval()
        size = self.recipe.batch_size
        batches = [self.held_out[start : start + size] for start in range(0, len(self.held_out), size)]
        losses = torch.cat([self._losses(batch) for batch in batches])
        self.adapted.train()
        return float(losses.double().mean())

    def _losses(self, texts: Sequence[TrainingText]) -> Tensor:
        with torch.autocast(self.adapted.device.type, torch.bfloat16, enabled=self.recipe.mixed_precision):
            return _losses(self.adapted, texts)

    def _put(self, adapters: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, values in adapters.items():
                self.trained[name].copy_(values)

    def _resume(self) -> None:
        """Put back what the checkpoint holds."""
        path = self.checkpoint
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            found, progress = state["run"], state["progress"]
        except Exception:  # what torch raises depends on the kind of damage
            raise DataError(f"{path}: not a checkpoint; remove it to begin anew") from None
        if found != self.run:
            other = next((name for name in self.run if found.get(name) != self.run[name]), "run")
            raise DataError(f"{path}: is of a run with another {other}; remove it, or finish that run")
        self.done, self.n_worse, self.least = progress
        self.best = state["best"]
        self._put(state["adapters"])
        self.optimiser.load_state_dict(state["optimiser"])


def _losses(model: Any, texts: Sequence[TrainingText]) -> Tensor:
    """−log P of every learnt token (n,)."""
    width = max(len(text.tokens) for text in texts)
    first = min(text.n_given for text in texts) - 1
    # Padding stands at the end, where a causal model cannot see it.
    tokens = torch.tensor([[*text.tokens, *[0] * (width - len(text.tokens))] for text in texts], device=model.device)
    places = torch.arange(first + 1, width)
    learnt = torch.stack([(places >= text.n_given) & (places < len(text.tokens)) for text in texts]).to(model.device)
    # Logits of so many words as a large model knows cost much: only what is learnt needs them.
    logits = model(tokens, use_cache=False, logits_to_keep=places - 1).logits
    return torch.nn.functional.cross_entropy(logits[learnt].float(), tokens[:, first + 1 :][learnt], reduction="none")


def _share_of_rate(step: int, n_steps: int) -> float:
    warmup = max(1, n_steps // 20)
    return min((step + 1) / warmup, (n_steps - step) / max(1, n_steps - warmup))


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
