"""From recorded utterances to trials that training reads, labelled with what persons said that they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.data.files import written_atomically
from neurolect.data.t15 import SPLITS, Split, can_be_session, features_digest, read_each, write_split
from neurolect.data.trial import Trial
from neurolect.errors import ConfigError, DataError
from neurolect.online.recorded_trials import read_recorded, recorded_files
from neurolect.text.alphabet import PHONEMES
from neurolect.text.cleaning import clean_sentences
from neurolect.text.grapheme_to_phoneme import listed_or_guessed
from neurolect.text.lexicon import SILENCE, Lexicon
from neurolect.text.pronunciation_file import Pronounce

_MARK = "RECORDED.txt"
_SIMULATED = "SIMULATED.txt"


def export_recordings(
    recordings: Path,
    out: Path,
    split: Split = "train",
    lexicon: Lexicon | None = None,
    validation_share: float = 0.0,
    warn: Callable[[str], None] = lambda _: None,
) -> Counter[Split]:
    """Write the utterances that a person corrected or confirmed, one file a session; returns how many by split.

    Their labels are the phonemes of the corrected sentence, numbers as they are said. Left out is what nobody looked
    at, what was corrected to nothing, what lacks bins, and what is of a session that could be no folder. What an
    earlier export wrote is replaced.

    Args:
        recordings: folder of a recorder.
        out: folder that gets one folder a session.
        split: which file of each session.
        lexicon: pronunciations; None is the English dictionary. Words that are not listed are pronounced from their
            letters.
        validation_share: of each session's utterances, as nearly as its last whole blocks, or where it has just one
            block its last utterances, come to it. They go to `val`, the rest to `train`. A lone utterance is for
            training.
        warn: is told what is left out because of its session's name.

    Raises:
        ConfigError: the share is no share, or is given for another split than `train`.
        DataError: nothing was corrected, a file cannot be read, a sentence has no words, another split of the export
            has one of the utterances, or `out` holds recordings that came from elsewhere.
    """
    if not 0 <= validation_share < 1:
        raise ConfigError(f"validation_share is {validation_share:g}, it must be at least 0 and less than 1")
    if validation_share and split != "train":
        raise ConfigError(f"validation_share divides into train and val; split is {split}")
    if out.is_dir() and any(out.iterdir()) and not (out / _MARK).is_file():
        raise DataError(f"{out}: holds something that was not exported from recordings; name another folder")
    sessions = _by_session(recordings, warn)
    parts = _divided(sessions, validation_share) if validation_share else {split: sessions}
    _refuse_shared(out, parts)
    pronounce = listed_or_guessed(Lexicon.english() if lexicon is None else lexicon)
    _mark(out, recordings, simulated=any(each.simulated for chosen in sessions.values() for each in chosen))
    for each, of_split in parts.items():
        for earlier in out.glob(f"*/data_{each}.hdf5"):
            # Where it divides, all go first: whenever it is killed, no utterance is left in both.
            if len(parts) > 1 or earlier.parent.name not in of_split:
                earlier.unlink()
    for each, of_split in parts.items():
        for session, chosen in of_split.items():
            write_split(out / session / f"data_{each}.hdf5", _trials(session, [one.path for one in chosen], pronounce))
    return Counter({each: sum(map(len, of_split.values())) for each, of_split in parts.items()})


@dataclass(frozen=True)
class _Chosen:
    """An utterance that becomes a trial."""

    path: Path
    block: int
    digest: str
    simulated: bool


_Sessions = dict[str, list[_Chosen]]


def _by_session(recordings: Path, warn: Callable[[str], None]) -> _Sessions:
    sessions: _Sessions = {}
    odd: dict[str, list[str]] = {}
    for path in recorded_files(recordings):
        recorded = read_recorded(path)
        if recorded.label and recorded.label.strip() and recorded.complete:
            session = recorded.sentence.session
            if not can_be_session(session):
                odd.setdefault(session, []).append(path.name)
                continue
            block, digest = recorded.sentence.block or 0, features_digest(recorded.features)
            chosen = _Chosen(path, block, digest, recorded.simulated)
            sessions.setdefault(session, []).append(chosen)
    for session, names in odd.items():
        warn(f"left out, since session {session!r} cannot be the name of a folder: {', '.join(names)}")
    if not sessions:
        raise DataError(f"{recordings}: no utterance that a person corrected or confirmed")
    return sessions


def _divided(sessions: _Sessions, share: float) -> dict[Split, _Sessions]:
    val = {session: last for session, chosen in sessions.items() if (last := _last(chosen, share))}
    # What was played twice is one recording, and is validated on.
    digests = {each.digest for last in val.values() for each in last}
    train = {session: [each for each in chosen if each.digest not in digests] for session, chosen in sessions.items()}
    train = {session: first for session, first in train.items() if first}
    return {"val": val, "train": train}


def _last(chosen: list[_Chosen], share: float) -> list[_Chosen]:
    """The last of one session, in time: whole blocks if there are two, so that no block is on both sides."""
    blocks = list(dict.fromkeys(each.block for each in chosen))
    wanted = share * len(chosen)
    if len(blocks) == 1:
        n_last = min(max(1, round(wanted)), len(chosen) - 1)
        return chosen[len(chosen) - n_last :]
    candidates = [[each for each in chosen if each.block in blocks[start:]] for start in range(len(blocks) - 1, 0, -1)]
    return min(candidates, key=lambda last: abs(len(last) - wanted))


def _refuse_shared(out: Path, parts: dict[Split, _Sessions]) -> None:
    """See that no utterance is in a file that is not written anew."""
    for split, sessions in parts.items():
        for session, chosen in sessions.items():
            paths = {each.digest: each.path for each in chosen}
            for other in (out / session / f"data_{each}.hdf5" for each in SPLITS if each not in parts):
                for name, trial in read_each(other, n_features=None) if other.is_file() else ():
                    shared = paths.get(features_digest(trial.features)) if isinstance(trial, Trial) else None
                    if shared is not None:
                        raise DataError(
                            f"{other.with_name(f'data_{split}.hdf5')}: would hold {shared.name}, which is {name} of "
                            f"{other} already; divide them with --validation_share, or remove that file"
                        )


def _mark(out: Path, recordings: Path, simulated: bool) -> None:
    marks = {_MARK: f"Exported by neurolect from {recordings}; an export replaces what is here.\n"}
    if simulated:
        marks[_SIMULATED] = (
            "Recorded from a decoder that was trained on simulated recordings, or while some were played.\n"
        )
    for name, text in marks.items():
        with written_atomically(out / name) as partial:
            partial.write_text(text, encoding="utf-8")


def _trials(session: str, paths: list[Path], pronounce: Pronounce) -> Iterator[Trial]:
    for path in paths:
        recorded = read_recorded(path)
        sentence = recorded.sentence
        label = (recorded.label or "").strip()
        number = sentence.notes.get("trial")
        yield Trial(
            session=session,
            block=sentence.block or 0,
            number=number if isinstance(number, int) else sentence.utterance,
            features=recorded.features,
            labels=_labels(label, pronounce, f"{path}: '{label}'"),
            sentence=label,
        )


def _labels(sentence: str, pronounce: Pronounce, where: str) -> npt.NDArray[np.int32]:
    words = " ".join(clean_sentences(sentence)).split()
    if not words:
        raise DataError(f"{where} has no word that can be pronounced")
    try:
        phonemes = [phoneme for word in words for phoneme in (*pronounce(word)[0], SILENCE)]
    except ConfigError as error:
        raise DataError(f"{where}: {error}") from None
    return np.array(PHONEMES.encode(phonemes), dtype=np.int32)
