"""Which recordings a path holds: a file of an amplifier, an NWB file, or the runs of a BIDS dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurolect.data.seeg.bids_recordings import bids_files, entities, open_bids
from neurolect.data.seeg.duin_release import is_duin_subject
from neurolect.data.seeg.layout import SUBJECT
from neurolect.data.seeg.mne_recordings import ENDINGS, open_mne
from neurolect.data.seeg.nwb_recordings import open_nwb
from neurolect.data.seeg.raw_recording import RawRecording
from neurolect.errors import ConfigError, DataError


@dataclass(frozen=True)
class SourceSettings:
    """What a source needs to be told where it leaves a choice.

    Args:
        text_column: of events.tsv, or of an NWB file's trials, that holds the word.
        onset_column: of the same table, that holds the time in seconds; by default `onset`, or `start_time`.
        series: name of an NWB file's electrical series.
    """

    text_column: str | None = None
    onset_column: str | None = None
    series: str | None = None


def open_sources(
    sources: Sequence[Path], subject: str | None = None, settings: SourceSettings | None = None
) -> dict[str, list[RawRecording]]:
    """Open recordings, by subject.

    Args:
        sources: files, or BIDS folders.
        subject: whose files these are; in a BIDS folder, the one participant to take, None for all.
        settings: where a source leaves a choice.

    Raises:
        ConfigError: files without a subject's name, or one that cannot be a folder's.
        DataError: a source cannot be read, two runs have one name, or the subject is not there.
    """
    if subject is not None and (Path(subject).name != subject or subject in ("", "..")):
        raise ConfigError(f"subject '{subject}' cannot be the name of a folder")
    settings = settings or SourceSettings()
    found: dict[str, list[RawRecording]] = {}
    for source in sources:
        if source.is_dir():
            for name, raws in _participants(source, subject, settings).items():
                found.setdefault(name, []).extend(raws)
        elif subject is None:
            raise ConfigError(f"{source}: does not say whose it is: give the subject a name (--subject)")
        else:
            found.setdefault(subject, []).append(_open_file(source, settings))
    for name, raws in found.items():
        _require_other_names(name, raws)
    return found


def _open_file(path: Path, settings: SourceSettings) -> RawRecording:
    if path.suffix.lower() == ".nwb":
        return open_nwb(path, settings.series, settings.text_column, settings.onset_column or "start_time")
    if path.name.lower().endswith(ENDINGS):
        return open_mne(path)
    raise DataError(f"{path}: its ending is none of {', '.join((*ENDINGS, '.nwb'))}")


def _participants(root: Path, wanted: str | None, settings: SourceSettings) -> dict[str, list[RawRecording]]:
    _require_no_other_layout(root)
    files = bids_files(root)
    wanted = wanted.removeprefix("sub-") if wanted is not None else None
    there = sorted({name for name, _ in files})
    if wanted is not None and wanted not in there:
        raise DataError(f"{root}: has no participant '{wanted}', it has {', '.join(there)}")
    participants = {}
    for name in there if wanted is None else [wanted]:
        raws = [
            open_bids(path, root, settings.text_column, settings.onset_column or "onset")
            for each, path in files
            if each == name
        ]
        participants.update(_by_montage(name, raws))
    return participants


def _require_no_other_layout(root: Path) -> None:
    if (root / SUBJECT).exists() or any(root.glob(f"*/{SUBJECT}")):
        raise DataError(f"{root}: is in the packed layout already: there is nothing to convert")
    if is_duin_subject(root):
        folder = root.absolute()
        raise DataError(
            f"{root}: is one subject of Du-IN's release: give the folder that it lies in, {folder.parent}, and "
            f"--subject {folder.name}"
        )


def _by_montage(name: str, raws: list[RawRecording]) -> dict[str, list[RawRecording]]:
    """Runs that share no contact cannot be one subject's rows; they become subjects of their own."""
    groups: list[tuple[set[str], list[RawRecording]]] = []
    for raw in raws:
        contacts = {raw.channels[row] for row in raw.contact_rows()}
        for shared, members in groups:
            if shared & contacts:
                shared &= contacts
                members.append(raw)
                break
        else:
            groups.append((contacts, [raw]))
    if len(groups) == 1:
        return {name: raws}
    labels = list(_telling(groups))
    return {f"{name}_{label}": members for label, (_, members) in zip(labels, groups, strict=True)}


def _telling(groups: Sequence[tuple[set[str], list[RawRecording]]]) -> Iterator[str]:
    """The value of the first entity that tells the groups apart, else their numbers."""
    for key in ("ses", "task", "acq", "run"):
        values = [{entities(raw.path).get(key, "") for raw in members} for _, members in groups]
        if all(len(each) == 1 and "" not in each for each in values) and len(set.union(*values)) == len(groups):
            return iter([next(iter(each)) for each in values])
    return iter([str(number) for number in range(1, len(groups) + 1)])


def _require_other_names(subject: str, raws: Sequence[RawRecording]) -> None:
    paths: dict[str, Path] = {}
    for raw in raws:
        if raw.name in paths:
            raise DataError(f"{raw.path}: subject {subject} has a run '{raw.name}' already, {paths[raw.name]}")
        paths[raw.name] = raw.path
