"""Decoded sentences as JSON lines with everything about them, and as a table with the best of each."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from neurolect.data.files import require_replaceable, written_atomically
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError, DataError
from neurolect.text.text_lines import read_lines

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


def read_hypotheses(path: Path) -> list[list[Hypothesis]]:
    """N-best lists from the JSON lines that `write_hypotheses` writes, one an utterance.

    Raises:
        DataError: the file cannot be read, or a line is not such an utterance; the message names the line.
    """
    decoded: list[list[Hypothesis]] = []
    for number, line in enumerate(read_lines(path, "n-best lists"), start=1):
        try:
            utterance = json.loads(line)
            if utterance["utterance"] != len(decoded):
                raise DataError(f"{path}: line {number} is utterance {utterance['utterance']}, not {len(decoded)}")
            decoded.append([_hypothesis(each) for each in utterance["n_best"]])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(f"{path}: line {number} is no n-best list as 'neurolect decode' writes them") from None
        if not decoded[-1]:
            raise DataError(f"{path}: line {number} has no sentence")
    if not decoded:
        raise DataError(f"{path}: has no utterance")
    return decoded


def read_models_hypotheses(paths: Sequence[Path]) -> list[list[list[Hypothesis]]]:
    """N-best lists of the same utterances by several models: for each utterance a list per model.

    Raises:
        DataError: a file cannot be read, or has another number of utterances than the first.
    """
    models = [read_hypotheses(path) for path in paths]
    for path, lists in zip(paths, models, strict=True):
        if len(lists) != len(models[0]):
            raise DataError(f"{path}: has {len(lists)} utterances, {paths[0]} has {len(models[0])}")
    return [list(lists) for lists in zip(*models, strict=True)]


def _hypothesis(described: Mapping[str, Any]) -> Hypothesis:
    timed = described["words"]
    # Only an utterance without any sentence has no total; it has all other scores.
    scores = {name: float(described[name]) for name in ("acoustic", "ngram", "lexicon", "bonus")}
    return Hypothesis(
        words=tuple(described["sentence"].split()),
        **scores,
        total=-math.inf if described["total"] is None else float(described["total"]),
        times=tuple((int(word["start"]), int(word["end"])) for word in timed),
        confidence=tuple(float(word["confidence"]) for word in timed),
        llm=None if described["llm"] is None else float(described["llm"]),
    )


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
