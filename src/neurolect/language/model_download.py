"""Public n-gram models, fetched and made ready for a search."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from gzip import GzipFile
from pathlib import Path
from typing import IO, cast

from neurolect.data.download import bytes_here, require_space
from neurolect.data.dryad import DRYAD, fetch_from_dryad, token_session
from neurolect.data.http import RETRIES
from neurolect.data.remote_file import RemoteFile, fetch_file, first_bytes
from neurolect.data.tar_stream import visit_tar
from neurolect.errors import DataError
from neurolect.language.grammar_conversion import WORDS, convert_grammar
from neurolect.language.kenlm_header import HEADER_BYTES, require_convertible
from neurolect.language.ngram_conversion import convert, convert_arpa
from neurolect.language.ngram_target import Bits
from neurolect.language.ready_models import (
    GRAMMARS,
    GRAPH,
    DryadArchive,
    Form,
    GitHubFolder,
    KenlmFile,
    Source,
    download_name,
    ready_file,
    source_of,
    store_of,
)

Progress = Callable[[RemoteFile, str, int], None]
"""A file, what is done with it (`fetching` or `unpacking`), and the number of its bytes that this is done with."""

_UNUSED_GRAPHS = (*GRAMMARS.values(), "L.fst", "T.fst")
_BLOCK = 1 << 20
_STORE_AND_SORTING = 5
"""A store and the sorting of its n-grams take about this many times a gzipped ARPA file or a trie of KenLM, or less."""


def space_needed(name: str, files: Sequence[RemoteFile], to: Path, form: Form = "graph") -> tuple[int, int]:
    """Bytes that are still to be fetched, and bytes that making the model ready takes, 0 where that is not known.

    Args:
        name: a key of `READY_MODELS`.
        files: as `remote_files` lists them.
        to: the folder for the model.
        form: in which it is wanted.

    Raises:
        ConfigError: there is no model of that name.
    """
    source = source_of(name)
    here = to / name if isinstance(source, GitHubFolder) else to
    missing = sum(max(0, file.size - bytes_here(here / file.path)) for file in files)
    if isinstance(source, DryadArchive):
        return missing, source.unpacked if form == "graph" else 0
    if isinstance(source, GitHubFolder):
        return missing, 0
    return missing, _STORE_AND_SORTING * sum(file.size for file in files)


def ready_model(name: str, to: Path, form: Form = "graph", *, keep_archive: bool = False) -> Path | None:
    """The file that a search uses, if the model is here already; what a killed call left beside it goes.

    Args:
        name: a key of `READY_MODELS`.
        to: the folder for the model.
        form: in which it is wanted.
        keep_archive: do not delete what was downloaded.

    Raises:
        ConfigError: there is no model of that name, or not in that form.
    """
    ready = ready_file(name, to, form)
    if ready is None:
        return None
    shutil.rmtree(_unpacking_beside(ready), ignore_errors=True)
    downloaded = download_name(source_of(name))
    if downloaded is not None and not keep_archive:
        (to / downloaded).unlink(missing_ok=True)
    return ready


def fetch_model(
    name: str,
    files: Sequence[RemoteFile],
    to: Path,
    *,
    form: Form = "graph",
    base_url: str | None = None,
    token: str | None = None,
    keep_archive: bool = False,
    bits: Bits = 32,
    retries: int = RETRIES,
    progress: Progress = lambda file, action, n_bytes: None,
) -> Path:
    """Download a model and make it ready, continuing what a killed call left.

    An archive is unpacked as a stream, straight from its file to the disk, and only what is needed of it; what is ARPA
    text becomes a store on the way, words in lower case. Then the archive goes.

    Args:
        name: a key of `READY_MODELS`.
        files: as `remote_files` lists them.
        to: the folder for the model; it is made if need be.
        form: of an archive, its graph of sounds and words, or a store made from one of its graphs of n-grams.
        base_url: the host that may see the token, where it is a mirror.
        token: Dryad API token, where Dryad asks for one.
        keep_archive: do not delete what was downloaded.
        bits: of each stored value, where a store is written.
        retries: how many failures in a row, each without a new byte, are forgiven.
        progress: see `Progress`.

    Returns:
        The graph or the store that a search uses.

    Raises:
        ConfigError: there is no model of that name, or not in that form.
        DataError: a file cannot be fetched, is not the right one or not what it should be, or does not fit on the disk.
    """
    ready = ready_model(name, to, form, keep_archive=keep_archive)
    if ready is not None:
        return ready
    source = source_of(name)
    if isinstance(source, DryadArchive) and form == "graph" and _holds_something(to / name):
        raise DataError(f"{to / name}: is there and has no {GRAPH}; remove it, or name another folder")
    to.mkdir(parents=True, exist_ok=True)
    require_space(to / name, sum(space_needed(name, files, to, form)))
    with token_session(base_url or DRYAD, token if isinstance(source, DryadArchive) else None) as session:
        if isinstance(source, KenlmFile):
            for file in files:
                require_convertible(first_bytes(file, HEADER_BYTES, session, retries=retries), file.path)
        fetch = fetch_from_dryad if isinstance(source, DryadArchive) else fetch_file
        here = to / name if isinstance(source, GitHubFolder) else to
        paths = [
            fetch(file, here, session, retries=retries, progress=partial(progress, file, "fetching")) for file in files
        ]
    for file, path in zip(files, paths, strict=True):
        if isinstance(source, GitHubFolder):
            continue
        _make_ready(source, path, to / name, form, bits, _Sum(partial(progress, file, "unpacking")))
        if not keep_archive:
            path.unlink()
    found = ready_file(name, to, form)
    if found is None:
        raise DataError(f"{to / name}: has no {GRAPH}")
    return found


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _make_ready(
    source: Source, path: Path, target: Path, form: Form, bits: Bits, progress: Callable[[int], None]
) -> None:
    if not isinstance(source, DryadArchive):
        convert(path, store_of(target, form), bits, lower_case=True, progress=progress)
    elif form == "graph":
        _unpack_graph(path, target, bits, progress)
    else:
        _make_store(path, GRAMMARS[form], store_of(target, form), bits, progress)


def _unpack_graph(archive: Path, folder: Path, bits: Bits, progress: Callable[[int], None]) -> None:
    """All but the graphs that a search with this one does not use."""
    with _unpacked(archive, folder, lambda name: name not in _UNUSED_GRAPHS, bits, progress) as unpacking:
        _the_only(unpacking, GRAPH, archive)
        unpacking.rename(folder)


def _make_store(archive: Path, grammar: str, store: Path, bits: Bits, progress: Callable[[int], None]) -> None:
    with _unpacked(archive, store, lambda name: name in (grammar, WORDS), bits, progress) as unpacking:
        convert_grammar(_the_only(unpacking, grammar, archive), store, bits)


@contextmanager
def _unpacked(
    archive: Path, beside: Path, wanted: Callable[[str], bool], bits: Bits, progress: Callable[[int], None]
) -> Iterator[Path]:
    """A folder with the wanted files of an archive, which is gone afterwards unless it was renamed."""
    unpacking = _unpacking_beside(beside)
    shutil.rmtree(unpacking, ignore_errors=True)

    def visit(member: str, n_bytes: int, content: IO[bytes]) -> None:
        target = unpacking / member
        if not wanted(target.name):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.name.endswith((".arpa", ".arpa.gz")):
            text = cast("IO[bytes]", GzipFile(fileobj=content)) if target.suffix == ".gz" else content
            store = target.with_name(target.name.removesuffix(".gz").removesuffix(".arpa") + ".nlm")
            convert_arpa(text, f"{archive}: {member}", store, bits, lower_case=True)
            return
        require_space(target, n_bytes)
        with target.open("xb") as file:
            shutil.copyfileobj(content, file, _BLOCK)

    try:
        visit_tar(archive, visit, progress)
        yield unpacking
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)


def _unpacking_beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.unpacking")


def _the_only(folder: Path, name: str, archive: Path) -> Path:
    found = list(folder.rglob(name))
    if len(found) != 1:
        raise DataError(f"{archive}: the archive has {len(found) or 'no'} {name}, it should have one")
    return found[0]


class _Sum:
    """Turns steps into how far one has come."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._total = 0

    def __call__(self, step: int) -> None:
        self._total += step
        self._report(self._total)
