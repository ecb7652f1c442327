"""Which share a large language model should have, tried on lists that it has scored."""

from __future__ import annotations

from collections.abc import Sequence

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError
from neurolect.evaluation.sentences import word_error_rate
from neurolect.text.error_rates import ErrorRate

ALPHAS = tuple(number / 10 for number in range(11))


def word_error_rate_by_alpha(
    lists: Sequence[Sequence[Hypothesis]],
    spoken: Sequence[str],
    alpha: float,
    language_model_weight: float = 1.0,
    alphas: Sequence[float] = ALPHAS,
) -> dict[float, ErrorRate]:
    """Word error rates of the best totals, as they would be with other shares; no score is computed again.

    Args:
        lists: of every utterance, as a large language model rescored them; where none did, the totals stay.
        spoken: what was said in each.
        alpha: the share that the totals were made with.
        language_model_weight: what the search multiplied n-gram scores by.
        alphas: shares to try.

    Raises:
        ConfigError: there is nothing to try.
    """
    if not alphas:
        raise ConfigError("there is no alpha to try")

    return {
        share: word_error_rate(
            spoken, [best_with_alpha(each, alpha, share, language_model_weight).text for each in lists]
        )
        for share in alphas
    }


def best_with_alpha(
    hypotheses: Sequence[Hypothesis], alpha: float, new_alpha: float, language_model_weight: float = 1.0
) -> Hypothesis:
    """The hypothesis of an utterance that would have the best total with another share.

    Args:
        hypotheses: of one utterance, as a large language model rescored them; where none did, the totals stay.
        alpha: the share that the totals were made with.
        new_alpha: the share that it would have.
        language_model_weight: what the search multiplied n-gram scores by.
    """

    def total(each: Hypothesis) -> float:
        change = 0.0 if each.llm is None else language_model_weight * (new_alpha - alpha) * (each.llm - each.ngram)
        return each.total + change

    return max(hypotheses, key=total)
