"""The text of a candidate sentence as a large language model is given it."""

from __future__ import annotations

import re

_SPACE_BEFORE_POINT = re.compile(r" (?=[,.?])")


def text_for_llm(sentence: str, context: str = "") -> str:
    """The context and the sentence, cleaned as the server of Card et al. 2024 cleans them.

    `>` goes, each double space becomes a single one, and no space stays before a comma, a point or a question mark.

    Args:
        sentence: words between spaces.
        context: what was said before; without a word in it the sentence stands alone.
    """
    text = f"{context} {sentence.strip()}" if context.split() else sentence.strip()
    return _SPACE_BEFORE_POINT.sub("", text.replace(">", "").replace("  ", " "))
