"""The corrector of n-best lists that settings name: a trained one, or a model that follows instructions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from neurolect.decoding.error_correction import MOST_CHANGED, N_BEST, correct
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.trained_correction import Corrector
from neurolect.errors import ConfigError
from neurolect.language.causal_lm_loading import Precision
from neurolect.language.chat import chat_model
from neurolect.language.correction_format import CorrectionFormat


def corrector_of(
    llm: str | None,
    endpoint: str | None,
    model: str | None,
    key_variable: str | None = None,
    n_best: int | None = None,
    most_changed: float | None = None,
    context: str = "",
    device: str = "auto",
    precision: Precision = "auto",
) -> Callable[[Sequence[Hypothesis]], str]:
    """What makes a sentence out of an n-best list.

    Args:
        llm: folder that `neurolect lm corrector` wrote, or a model that follows instructions, as for `chat_model`.
        endpoint: address of such a model, as for `chat_model`; so are the two after it.
        model: its name there.
        key_variable: environment variable with the key for it.
        n_best: how many candidates a model that follows instructions is shown; None is as for `correct`.
        most_changed: how much such a model may change; None is as for `correct`.
        context: what was said before, for such a model.
        device: of a model on this machine.
        precision: of a model on this machine.

    Raises:
        ConfigError: as `chat_model`; or a trained corrector is given what only the others take.
        DataError: the file that describes a trained corrector is damaged.
    """
    if llm is not None and endpoint is None and CorrectionFormat.is_in(Path(llm)):
        others = {"model": model, "key_variable": key_variable, "n_best": n_best, "most_changed": most_changed}
        unused = next((name for name, value in others.items() if value is not None), "context" if context else None)
        if unused is not None:
            raise ConfigError(f"{llm}: a trained corrector takes no {unused}; leave {unused} out")
        trained = Corrector.load(Path(llm), device, precision)
        return lambda hypotheses: trained(hypotheses)[0].text
    ask = chat_model(llm, endpoint, model, key_variable, device, precision)
    shown = N_BEST if n_best is None else n_best
    changed = MOST_CHANGED if most_changed is None else most_changed
    return lambda hypotheses: correct(hypotheses, ask, shown, context, changed)
