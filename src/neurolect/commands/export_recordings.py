"""`neurolect export recordings`."""

from __future__ import annotations

from pathlib import Path

from neurolect.data.t15 import SPLITS, Split


def export_recordings(
    recordings: Path,
    out: Path,
    split: Split = "train",
    lexicon: Path | None = None,
    validation_share: float = 0.0,
) -> None:
    """Turn recorded utterances that a person corrected or confirmed into trials for training.

    Writes one file a session in the T15 layout, which `data check` and `train` read. What an earlier export wrote there
    is replaced; a folder that holds anything else is refused.

    Args:
        recordings: folder of `neurolect record`.
        out: folder that gets one folder a session.
        split: `train`, `val` or `test`: which file of each session.
        lexicon: file of further words, `word PH PH …` a line; words that neither it nor the English dictionary lists
            are pronounced from their letters.
        validation_share: of each session, about so much goes to `val` and the rest to `train`: its last whole blocks,
            or its last utterances where it has just one block.

    Examples:
        neurolect export recordings recorded --out data/recorded --validation_share 0.2
        neurolect export recordings recorded --out data/recorded --split val --lexicon names.dict
    """
    from neurolect.commands.plain_console import plain_console
    from neurolect.decoding.words import read_lexicon
    from neurolect.online.recording_export import export_recordings
    from neurolect.text.alphabet import PHONEMES

    console = plain_console()
    counts = export_recordings(
        recordings,
        out,
        split,
        read_lexicon(lexicon, PHONEMES),
        validation_share,
        warn=lambda line: console.print(f"note: {line}", soft_wrap=True),
    )
    named = ", ".join(f"{counts[each]} {each}" for each in SPLITS if each in counts)
    console.print(f"{counts.total()} trials ({named}): {out}", soft_wrap=True)
