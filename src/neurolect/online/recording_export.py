"""From recorded utterances to trials that training reads, labelled with what persons said that they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.data.files import written_atomically
from neurolect.data.t15 import Split, write_split
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


def export_recordings(recordings: Path, out: Path, split: Split = "train", lexicon: Lexicon | None = None) -> int:
    """Write the utterances that a person corrected or confirmed, one file a session; returns how many.

    Their labels are the phonemes of the corrected sentence, numbers as they are said. Left out is what nobody looked
    at, what was corrected to nothing, and what lacks bins. What an earlier export wrote is replaced.

    Args:
        recordings: folder of a recorder.
        out: folder that gets one folder a session.
        split: which file of each session.
        lexicon: pronunciations; None is the English dictionary. Words that are not listed are pronounced from their
            letters.

    Raises:
        DataError: nothing was corrected, a file cannot be read, a sentence has no words, a session could be no folder,
            or `out` holds recordings that came from elsewhere.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / _MARK).is_file():
        raise DataError(f"{out}: holds something that was not exported from recordings; name another folder")
    sessions: dict[str, list[Path]] = {}
    simulated = False
    for path in recorded_files(recordings):
        recorded = read_recorded(path)
        if recorded.label and recorded.label.strip() and recorded.complete:
            sessions.setdefault(_folder_name(recorded.sentence.session, path), []).append(path)
            simulated |= recorded.simulated
    if not sessions:
        raise DataError(f"{recordings}: no utterance that a person corrected or confirmed")
    pronounce = listed_or_guessed(Lexicon.english() if lexicon is None else lexicon)
    marks = {_MARK: f"Exported by neurolect from {recordings}; an export replaces what is here.\n"}
    if simulated:
        marks[_SIMULATED] = "Recorded from a decoder that was trained on simulated recordings.\n"
    for name, text in marks.items():
        with written_atomically(out / name) as partial:
            partial.write_text(text, encoding="utf-8")
    for earlier in out.glob(f"*/data_{split}.hdf5"):
        if earlier.parent.name not in sessions:
            earlier.unlink()
    for session, paths in sessions.items():
        write_split(out / session / f"data_{split}.hdf5", _trials(session, paths, pronounce))
    return sum(map(len, sessions.values()))


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


def _folder_name(session: str, path: Path) -> str:
    if not session or session != Path(session).name or session.startswith("."):
        raise DataError(f"{path}: session '{session}' cannot be the name of a folder")
    return session
