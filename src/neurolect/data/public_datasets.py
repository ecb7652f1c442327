"""Public datasets by name: which files they consist of, where those are, and the folder they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from neurolect.data.archives import extract_zip
from neurolect.data.download import bytes_here
from neurolect.data.dryad import DRYAD, dryad_files, fetch_from_dryad, token_session
from neurolect.data.http import RETRIES
from neurolect.data.hugging_face import HUGGING_FACE, hugging_face_dataset_files
from neurolect.data.remote_file import RemoteFile, fetch_file
from neurolect.errors import ConfigError

FileProgress = Callable[[RemoteFile, int], None]

_NEVER_FETCHED = ("README.md", ".gitattributes")


@dataclass(frozen=True)
class Dataset:
    """A public dataset.

    Args:
        title: one line for people.
        doi: its DOI, where it is on Dryad; all its files but `README.md` belong to the dataset.
        repository: `owner/name`, where it is on Hugging Face; all its files but `README.md` belong to the dataset.
        extras: file name → DOI on Dryad, for files that are fetched only when named.
        folders: zip archive → the folder it unpacks to; an archive whose folder exists is not fetched.
    """

    title: str
    doi: str = ""
    repository: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Address of the host that publishes it."""
        return HUGGING_FACE if self.repository else DRYAD

    @property
    def token_variable(self) -> str:
        """Environment variable that may hold a token for the host."""
        return "HF_TOKEN" if self.repository else "DRYAD_TOKEN"


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
        "duin": Dataset(
            title="Du-IN: 12 subjects with stereo-EEG read 61 words aloud (Zheng et al., NeurIPS 2024)",
            repository="liulab-repository/Du-IN",
        ),
    }
)


def select_files(
    name: str,
    include: Iterable[str] | None = None,
    subjects: Iterable[str] | None = None,
    *,
    base_url: str | None = None,
    retries: int = RETRIES,
) -> list[RemoteFile]:
    """List the files to fetch.

    Args:
        name: a key of `DATASETS`.
        include: names of the files; by default all but the extras.
        subjects: of the files, only those of these subjects, which have a folder of their name.
        base_url: a mirror with the API of the dataset's host.
        retries: how many failures in a row are forgiven.

    Raises:
        ConfigError: there is no such dataset, or no such file or subject in it.
        DataError: the listing cannot be fetched.
    """
    dataset = _dataset(name)
    base_url = base_url or dataset.host
    if dataset.repository:
        listed = hugging_face_dataset_files(dataset.repository, base_url, retries=retries)
    else:
        listed = dryad_files(dataset.doi, base_url, retries=retries)
    files = [file for file in listed if file.path not in _NEVER_FETCHED]
    if include is not None:
        files = _named(name, files, include, base_url, retries)
    return files if subjects is None else _of_subjects(name, files, subjects)


def _named(name: str, files: list[RemoteFile], include: Iterable[str], base_url: str, retries: int) -> list[RemoteFile]:
    wanted = list(dict.fromkeys(include))
    if any(path in _dataset(name).extras for path in wanted):
        files += extra_files(name, base_url=base_url, retries=retries)
    by_path = {file.path: file for file in files}
    unknown = [path for path in wanted if path not in by_path]
    if unknown:
        known = ", ".join(dict.fromkeys([*by_path, *_dataset(name).extras]))
        raise ConfigError(f"dataset {name} has no file '{unknown[0]}'; it has {known}")
    return [by_path[path] for path in wanted]


def _of_subjects(name: str, files: list[RemoteFile], subjects: Iterable[str]) -> list[RemoteFile]:
    """The files in folders that are called like a subject, or that are: `001/run1/data`, `001.zip`."""
    places = [{part.partition(".")[0] for part in PurePosixPath(file.path).parts} for file in files]
    wanted = set(subjects)
    there = sorted(place for place in set().union(*places) if place.isdigit())
    unknown = sorted(wanted - set(there))
    if unknown:
        known = f"it has {', '.join(there)}" if there else "its files are not told apart by subject"
        raise ConfigError(f"dataset {name} has no subject '{unknown[0]}'; {known}")
    return [file for file, place in zip(files, places, strict=True) if place & wanted]


def extra_files(name: str, *, base_url: str | None = None, retries: int = RETRIES) -> list[RemoteFile]:
    """List the files that are fetched only when named.

    Raises:
        ConfigError: there is no such dataset.
        DataError: the listing cannot be fetched.
    """
    extras, base_url = _dataset(name).extras, base_url or _dataset(name).host
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
    base_url: str | None = None,
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
        base_url: the host that may see the token; by default the dataset's own.
        token: API token, where the host asks for one.
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
    fetch = fetch_file if _dataset(name).repository else fetch_from_dryad
    with token_session(base_url or _dataset(name).host, token) as session:
        for file in files:
            folder = _unpacked(name, file, Path(to))
            if folder is not None:
                paths.append(folder)
                continue
            report = progress and partial(progress, file)
            path = fetch(file, Path(to), session, retries=retries, progress=report)
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
