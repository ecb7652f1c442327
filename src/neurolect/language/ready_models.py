"""Public n-gram models by name: where their files are, and which file of theirs a search uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Literal
from urllib.parse import urljoin, urlsplit

from neurolect.data.dryad import DRYAD, dryad_files
from neurolect.data.github import GITHUB, github_files
from neurolect.data.http import RETRIES
from neurolect.data.hugging_face import HUGGING_FACE, hugging_face_file
from neurolect.data.remote_file import RemoteFile
from neurolect.data.web_file import web_file
from neurolect.errors import ConfigError, DataError

GRAPH = "TLG.fst"


@dataclass(frozen=True)
class DryadArchive:
    """A `.tar.gz` of a graph among the files of a dataset on Dryad.

    Args:
        doi: of the dataset.
        file: the archive.
        unpacked: bytes of its graph, about; 0 where nobody has said.
    """

    doi: str
    file: str
    unpacked: int = 0


@dataclass(frozen=True)
class GitHubFolder:
    """A graph in the folder of a repository on GitHub.

    Args:
        repository: `owner/name`.
        folder: its path there.
        files: those to fetch.
    """

    repository: str
    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class ArpaFile:
    """A gzipped ARPA file on the web, which becomes a store.

    Args:
        url: where it is.
        digest: its checksum.
    """

    url: str
    digest: str


@dataclass(frozen=True)
class KenlmFile:
    """A binary file of KenLM on Hugging Face, which becomes a store.

    Args:
        repository: `owner/name`.
        file: its name there.
    """

    repository: str
    file: str


Form = Literal["graph", "store", "unpruned_store"]
"""A graph of sounds and words, n-grams alone, to which a search brings its own lexicon, or the n-grams from before the
model was pruned, for a second pass."""

GRAMMARS: Mapping[Form, str] = MappingProxyType({"store": "G.fst", "unpruned_store": "G_no_prune.fst"})
"""The graph of n-grams that each store is made of."""

Source = DryadArchive | GitHubFolder | ArpaFile | KenlmFile

_REFERENCE = "Neuroprosthetics-Lab/nejm-brain-to-text"
_REFERENCE_1GRAM = "language_model/pretrained_language_models/openwebtext_1gram_lm_sil"
_SPEECH_BCI = "10.5061/dryad.x69p8czpq"
_LAB = "nckcard/phoneme-lm-5gram"
_OPENSLR = "https://www.openslr.org/resources/11"

READY_MODELS: Mapping[str, Source] = MappingProxyType(
    {
        "reference_1gram": GitHubFolder(_REFERENCE, _REFERENCE_1GRAM, (GRAPH, "words.txt")),
        "reference_3gram": DryadArchive(_SPEECH_BCI, "languageModel.tar.gz"),
        "reference_5gram": DryadArchive(_SPEECH_BCI, "languageModel_5gram.tar.gz", unpacked=42_000_000_000),
        "lab_5gram": KenlmFile(_LAB, "5gram_unpruned.bin"),
        "lab_5gram_pruned": KenlmFile(_LAB, "5gram_pruned.bin"),
        "librispeech_3gram": ArpaFile(
            f"{_OPENSLR}/3-gram.pruned.1e-7.arpa.gz",
            "sha-256:71dd880667cb6ea3942bb1982988c91fb1208839a21911eeec7e31c857c4bdfb",
        ),
        "librispeech_4gram": ArpaFile(
            f"{_OPENSLR}/4-gram.arpa.gz",
            "sha-256:f2b2d1507637ddf459d3579159f7e8099ed7d77452ff1059aeeeaea33d274613",
        ),
    }
)


def source_of(name: str) -> Source:
    """Where a model comes from.

    Raises:
        ConfigError: there is no model of that name.
    """
    if name not in READY_MODELS:
        raise ConfigError(f"there is no model '{name}'; there are {', '.join(READY_MODELS)}")
    return READY_MODELS[name]


def remote_files(source: Source, base_url: str | None = None, *, retries: int = RETRIES) -> list[RemoteFile]:
    """The files to download, with their sizes and checksums as the host has them.

    Args:
        source: of a model.
        base_url: a mirror that answers as the model's own host does.
        retries: how many failures in a row are forgiven.

    Raises:
        DataError: a file is not there, or its host cannot be reached.
    """
    if isinstance(source, GitHubFolder):
        return github_files(source.repository, source.folder, source.files, base_url or GITHUB, retries=retries)
    if isinstance(source, ArpaFile):
        url = urljoin(base_url, urlsplit(source.url).path) if base_url else source.url
        return [web_file(url, source.digest, retries=retries)]
    if isinstance(source, KenlmFile):
        return [hugging_face_file(source.repository, source.file, base_url or HUGGING_FACE, retries=retries)]
    found = [file for file in dryad_files(source.doi, base_url or DRYAD, retries=retries) if file.path == source.file]
    if not found:
        raise DataError(f"doi:{source.doi}: there is no file '{source.file}'")
    return found


def ready_file(name: str, to: Path, form: Form = "graph") -> Path | None:
    """The file that a search uses, if the model is in the folder `to` already.

    Raises:
        ConfigError: there is no model of that name, or not in that form.
    """
    source = source_of(name)
    if form != "graph" and isinstance(source, GitHubFolder):
        raise ConfigError(f"{name}: its n-grams are published only inside a graph of sounds, so there is no store")
    if form == "unpruned_store" and not isinstance(source, DryadArchive):
        raise ConfigError(f"{name}: is not published both pruned and unpruned; leave out the form")
    if form != "graph" or isinstance(source, ArpaFile | KenlmFile):
        store = store_of(to / name, form)
        return store if store.is_file() else None
    wanted = source.files if isinstance(source, GitHubFolder) else (GRAPH,)
    if any(next((to / name).rglob(file), None) is None for file in wanted):
        return None
    return next((to / name).rglob(GRAPH))


def store_of(folder: Path, form: Form) -> Path:
    """Where a model's n-gram store stands: beside the folder that is the place of its graph."""
    return folder.with_name(f"{folder.name}{'_unpruned' if form == 'unpruned_store' else ''}.nlm")


def download_name(source: Source) -> str | None:
    """The name of the file that is fetched and goes once the model is made of it; None where what is fetched stays."""
    if isinstance(source, GitHubFolder):
        return None
    return PurePosixPath(urlsplit(source.url).path).name if isinstance(source, ArpaFile) else source.file
