"""Decoded sentences as JSON lines with everything about them, and as a table with the best of each."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from neurolect.data.files import require_replaceable, written_atomically
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError

_SCORES = ("acoustic", "ngram", "llm", "lexicon", "bonus", "total")


def write_hypotheses(out: Path, decoded: Iterable[list[Hypothesis]]) -> Path:
    """Write one JSON line an utterance to `out`, and the best sentences to a CSV file beside it, as they come.

    A line holds `utterance` (its number, from 0), `sentence`, and `n_best`: for each hypothesis its `sentence`, scores,
    and `words`, each with its first frame, the frame after its last, and its confidence.

    Returns:
        Path of the CSV file.

    Raises:
        ConfigError: `out` has the name of the CSV file.
        OSError: one of them is a folder or a device, or cannot be written.
    """
    table = out.with_suffix(".csv")
    if out == table:
        raise ConfigError(f"{out}: give the JSON lines another ending, such as .jsonl; .csv is the table beside them")
    for path in (out, table):
        require_replaceable(path)
    with ExitStack() as stack:
        lines = stack.enter_context(stack.enter_context(written_atomically(out)).open("w", encoding="utf-8"))
        rows = stack.enter_context(
            stack.enter_context(written_atomically(table)).open("w", encoding="utf-8", newline="")
        )
        writer = csv.writer(rows)
        writer.writerow(("utterance", "sentence", *_SCORES, "least_confidence"))
        for number, hypotheses in enumerate(decoded):
            best = hypotheses[0]
            scores = (_number(getattr(best, name)) for name in _SCORES)
            writer.writerow((number, best.text, *scores, min(best.confidence, default="")))
            line = {"utterance": number, "sentence": best.text, "n_best": [_described(each) for each in hypotheses]}
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
    return table


def _described(hypothesis: Hypothesis) -> dict[str, Any]:
    timed = zip(hypothesis.words, hypothesis.times, hypothesis.confidence, strict=True)
    return {
        "sentence": hypothesis.text,
        **{name: _number(getattr(hypothesis, name)) for name in _SCORES},
        "words": [
            {"word": word, "start": start, "end": end, "confidence": round(confidence, 4)}
            for word, (start, end), confidence in timed
        ],
    }


def _number(score: float | None) -> float | None:
    # JSON has no infinity; only an utterance without any sentence has one.
    return None if score is None or math.isinf(score) else round(score, 4)
