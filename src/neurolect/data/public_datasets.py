"""Public datasets by name: which files they consist of, where those are, and the folder they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from neurolect.data.archives import extract_zip
from neurolect.data.download import bytes_here
from neurolect.data.dryad import DRYAD, dryad_files, fetch_from_dryad, token_session
from neurolect.data.http import RETRIES
from neurolect.data.remote_file import RemoteFile
from neurolect.errors import ConfigError

FileProgress = Callable[[RemoteFile, int], None]

_NEVER_FETCHED = ("README.md",)


@dataclass(frozen=True)
class Dataset:
    """A public dataset.

    Args:
        title: one line for people.
        doi: its DOI on Dryad; all its files but `README.md` belong to the dataset.
        extras: file name → DOI on Dryad, for files that are fetched only when named.
        folders: zip archive → the folder it unpacks to; an archive whose folder exists is not fetched.
    """

    title: str
    doi: str
    extras: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)


DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        "t15": Dataset(
            title="Brain-to-Text '25: participant T15, 45 sessions, 10,948 sentences (Card et al., NEJM 2024)",
            doi="10.5061/dryad.dncjsxm85",
            extras={
                "languageModel.tar.gz": "10.5061/dryad.x69p8czpq",
                "languageModel_5gram.tar.gz": "10.5061/dryad.x69p8czpq",
            },
            folders={
                "t15_copyTask_neuralData.zip": "hdf5_data_final",
                "t15_pretrained_rnn_baseline.zip": "t15_pretrained_rnn_baseline",
            },
        ),
    }
)


def select_files(
    name: str, include: Iterable[str] | None = None, *, base_url: str = DRYAD, retries: int = RETRIES
) -> list[RemoteFile]:
    """List the files to fetch.

    Args:
        name: a key of `DATASETS`.
        include: names of the files; by default all but the extras.
        base_url: a mirror with Dryad's API.
        retries: how many failures in a row are forgiven.

    Raises:
        ConfigError: there is no such dataset, or no such file in it.
        DataError: the listing cannot be fetched.
    """
    files = [
        file for file in dryad_files(_dataset(name).doi, base_url, retries=retries) if file.path not in _NEVER_FETCHED
    ]
    if include is None:
        return files
    wanted = list(dict.fromkeys(include))
    if any(path in _dataset(name).extras for path in wanted):
        files += extra_files(name, base_url=base_url, retries=retries)
    by_path = {file.path: file for file in files}
    unknown = [path for path in wanted if path not in by_path]
    if unknown:
        known = ", ".join(dict.fromkeys([*by_path, *_dataset(name).extras]))
        raise ConfigError(f"dataset {name} has no file '{unknown[0]}'; it has {known}")
    return [by_path[path] for path in wanted]


def extra_files(name: str, *, base_url: str = DRYAD, retries: int = RETRIES) -> list[RemoteFile]:
    """List the files that are fetched only when named.

    Raises:
        ConfigError: there is no such dataset.
        DataError: the listing cannot be fetched.
    """
    extras = _dataset(name).extras
    return [
        file
        for doi in dict.fromkeys(extras.values())
        for file in dryad_files(doi, base_url, retries=retries)
        if extras.get(file.path) == doi
    ]


def fetch_files(
    name: str,
    files: Iterable[RemoteFile],
    to: Path | str,
    *,
    base_url: str = DRYAD,
    token: str | None = None,
    keep_zip: bool = True,
    retries: int = RETRIES,
    progress: FileProgress | None = None,
) -> list[Path]:
    """Download the files into the folder `to` and unpack zip archives there, continuing what a killed call left.

    Args:
        name: a key of `DATASETS`.
        files: as listed by `select_files`.
        to: the folder; it is made if need be.
        base_url: the host that may see the token.
        token: Dryad API token, where Dryad asks for one.
        keep_zip: keep the zip archives once they are unpacked.
        retries: how many failures in a row, each without a new byte, are forgiven.
        progress: called with a file and the number of its bytes that are here.

    Returns:
        The files, with whatever a zip archive unpacked to in place of the archive.

    Raises:
        ConfigError: there is no such dataset.
        DataError: a file cannot be fetched, is not the right one or cannot be unpacked.
    """
    paths: list[Path] = []
    with token_session(base_url, token) as session:
        for file in files:
            folder = _unpacked(name, file, Path(to))
            if folder is not None:
                paths.append(folder)
                continue
            report = progress and partial(progress, file)
            path = fetch_from_dryad(file, Path(to), session, retries=retries, progress=report)
            if file.mime_type != "application/zip" and path.suffix != ".zip":
                paths.append(path)
                continue
            paths += extract_zip(path, to)
            if not keep_zip:
                path.unlink()
    return paths


def bytes_missing(name: str, file: RemoteFile, to: Path | str) -> int:
    """How many bytes of a file are still to be downloaded, going by sizes alone.

    Raises:
        ConfigError: there is no such dataset.
    """
    if _unpacked(name, file, Path(to)) is not None:
        return 0
    here = bytes_here(Path(to) / file.path)
    return file.size - here if here <= file.size else file.size


def _unpacked(name: str, file: RemoteFile, to: Path) -> Path | None:
    """The folder that a zip archive unpacks to, where it is there already."""
    folder = _dataset(name).folders.get(file.path)
    return to / folder if folder and (to / folder).is_dir() else None


def _dataset(name: str) -> Dataset:
    if name not in DATASETS:
        raise ConfigError(f"there is no dataset '{name}'; there are {', '.join(DATASETS)}")
    return DATASETS[name]
