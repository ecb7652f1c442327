"""Error correction: a language model that follows instructions is shown an n-best list and asked what was said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rapidfuzz.distance import Levenshtein

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError
from neurolect.text.normalise import normalise_for_evaluation

N_BEST = 10
MOST_CHANGED = 0.34
_INSTRUCTIONS = """\
A brain-computer interface decoded what a person tried to say. It hears phonemes and takes words for others that sound \
alike. Below are its candidates for one sentence, the likeliest first. Answer with the sentence that the person most \
likely said: one of the candidates, or one put together from their words, changed only where a word that sounds alike \
makes sense and the candidates do not. Answer with that sentence alone, in lower case and without punctuation."""


def correction_prompt(hypotheses: Sequence[Hypothesis], n_best: int = N_BEST, context: str = "") -> str:
    """What the model is asked.

    Args:
        hypotheses: of one utterance, best first.
        n_best: how many of them it is shown.
        context: what was said before.
    """
    before = f"\n\nWhat was said before: {context.strip()}" if context.strip() else ""
    candidates = "\n".join(f"{number}. {each.text}" for number, each in enumerate(hypotheses[:n_best], start=1))
    return f"{_INSTRUCTIONS}{before}\n\nCandidates:\n{candidates}"


def correct(
    hypotheses: Sequence[Hypothesis],
    ask: Callable[[str], str],
    n_best: int = N_BEST,
    context: str = "",
    most_changed: float = MOST_CHANGED,
) -> str:
    """The sentence that a language model takes for the one that was said.

    An answer that has wandered off, too far from every candidate that the model was shown, is not taken.

    Args:
        hypotheses: of one utterance, best first.
        ask: answers a question, such as a `ChatEndpoint` or a `LocalChat`.
        n_best: how many candidates it is shown.
        context: what was said before.
        most_changed: of the words of the nearest candidate, the share that the answer may edit.

    Returns:
        The first line of the answer as the decoder writes sentences, or the best candidate.

    Raises:
        ConfigError: a setting is out of its range.
    """
    if n_best < 1 or most_changed < 0:
        raise ConfigError("correction: n_best must be at least 1, and most_changed at least 0")
    best = hypotheses[0].text
    if not best:
        return best
    answered = ask(correction_prompt(hypotheses, n_best, context))
    answer = next(filter(None, map(normalise_for_evaluation, answered.splitlines())), "").split()
    for candidate in hypotheses[:n_best]:
        if answer and Levenshtein.distance(answer, candidate.words) <= most_changed * len(candidate.words):
            return " ".join(answer)
    return best
