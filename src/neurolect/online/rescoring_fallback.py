"""A second pass that gives an answer even where its large language model fails."""

from __future__ import annotations

from collections.abc import Sequence

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.second_pass import SecondPass
from neurolect.errors import NeurolectError, in_a_line

PARTS = 5
"""How many parts a list is scored in when it fails as a whole, as Card et al. 2024 do."""

_FAILURES = (RuntimeError, MemoryError, NeurolectError)


def rescored(
    second_pass: SecondPass, hypotheses: Sequence[Hypothesis], context: str | None = None
) -> tuple[list[Hypothesis], str | None]:
    """An n-best list after the second pass; where that fails, in parts, then without the large language model.

    Without it the n-grams keep their whole weight, where the reference's server goes on with their share of it.

    Args:
        second_pass: the models and their settings.
        hypotheses: n-best list of one utterance.
        context: what was said before; None is the settings' context.

    Returns:
        The list, and what went wrong, in one line; None where nothing did.
    """
    try:
        return second_pass(hypotheses, context), None
    except _FAILURES as error:
        said = in_a_line(error)
    # Only here is the exception gone, and with it what it held in memory.
    for other, done in (
        (second_pass.in_parts(PARTS), f"scored in {PARTS} parts"),
        (second_pass.without_llm(), "went on without the large language model"),
    ):
        if second_pass.rescoring.llm is not None:
            try:
                return other(hypotheses, context), f"second pass: {said}; {done}"
            except _FAILURES as error:
                said = in_a_line(error)
    return list(hypotheses), f"second pass: {said}; went on without it"
