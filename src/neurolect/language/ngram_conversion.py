"""N-gram models from one file format into another: others' into neurolect's own, and that into ARPA."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, BinaryIO, Literal

import numpy as np

from neurolect import _core
from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError, DataError
from neurolect.language.grammar_conversion import convert_grammar
from neurolect.language.kenlm_header import KENLM_MAGIC
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_target import SORTED_AT_ONCE, Bits, naming, target
from neurolect.language.pocketsphinx_trigram import ABSENT_WORD_LOG10, Trigram, read_pocketsphinx_trigram
from neurolect.text.text_lines import is_gzipped, lower_ascii

_OPENFST_MAGIC = (2125659606).to_bytes(4, "little")
_PIECE = 1 << 22


def convert(
    source: Path,
    out: Path,
    bits: Bits = 32,
    lower_case: bool = False,
    progress: Callable[[int], None] = lambda n_bytes: None,
) -> NgramModel | None:
    """Convert an n-gram model, by what the source holds and the name of the target.

    ARPA text (gzipped or not), a binary trie of KenLM, sphinxbase's binary trigram and the G.fst of Kaldi become a
    store; a store becomes ARPA text where the target ends in `.arpa` or `.arpa.gz`, otherwise a store again.

    Args:
        source: what to read.
        out: what to write; it appears whole or not at all.
        bits: of each stored value.
        lower_case: make ASCII letters of words small, as lexicons have them; those of a graph always are.
        progress: called with the bytes of the source read since the last call.

    Returns:
        The new store, or None where ARPA text was written.

    Raises:
        DataError: the source cannot be read or is not what it should be; for ARPA the message names the line.
        ConfigError: ARPA text is to be made of something else than a store, or with `bits` or `lower_case`.
    """
    kind = kind_of(source)
    if _is_arpa(out):
        if kind != "store":
            raise _no_store(source)
        if bits != 32 or lower_case:
            raise ConfigError(f"{out}: ARPA text is written as the store has it: bits and lower_case are of stores")
        write_arpa(NgramModel(source), out)
        progress(source.stat().st_size)
        return None
    if kind == "graph":
        model = convert_grammar(source, out, bits)
        progress(source.stat().st_size)
        return model
    with written_atomically(out) as partial, naming(source):
        if kind == "sphinx":
            _convert_sphinx(source, partial, bits, lower_case, progress)
        elif kind == "kenlm":
            _core.write_kenlm_trie(str(source), lower_case, target(partial, bits))
            progress(source.stat().st_size)
        elif kind == "arpa":
            _write_store(_pieces_of_arpa(source, progress), partial, bits, lower_case)
        else:
            _write_store(_pieces_of_store(NgramModel(source), progress), partial, bits, lower_case)
    return NgramModel(out)


def kind_of(path: Path) -> Literal["store", "sphinx", "graph", "kenlm", "arpa"]:
    """What sort of n-gram file this is, by its first bytes; anything that is not binary counts as ARPA.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(f"{path}: cannot read the language model: {error.strerror}") from None
    if start.startswith(KENLM_MAGIC):
        return "kenlm"
    if start.startswith(b"NLNGRAM\n"):
        return "store"
    if start.startswith(_OPENFST_MAGIC):
        return "graph"
    return "sphinx" if start.startswith(b"Trie Language Model") else "arpa"


def convert_arpa(file: IO[bytes], name: str, out: Path, bits: Bits = 32, lower_case: bool = False) -> NgramModel:
    """Convert ARPA text that can be read only once, such as a member of an archive.

    Args:
        file: the text, not gzipped.
        name: of the source, for messages.
        out: the store to write; it appears whole or not at all.
        bits: of each stored value.
        lower_case: make ASCII letters of words small.

    Raises:
        DataError: it is not ARPA text; the message names the line.
    """
    with written_atomically(out) as partial, naming(name):
        _write_store(iter(lambda: file.read(_PIECE), b""), partial, bits, lower_case)
    return NgramModel(out)


def write_arpa(model: NgramModel, out: Path) -> None:
    """Write a model as ARPA text, gzipped where the name ends in `.gz`."""
    writer = _core.ArpaWriter(model.store)
    with written_atomically(out) as partial:
        if out.suffix == ".gz":
            # Without the time, equal models give equal files.
            with partial.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
                _write_all(writer, file)
        else:
            with partial.open("wb") as plain:
                _write_all(writer, plain)


def write_english_trigram(out: Path, additions: Iterable[str] = (), bits: Bits = 32) -> NgramModel:
    """Write the trigram of the pocketsphinx wheel as a store, with unigrams for words that it lacks.

    Raises:
        ConfigError: the name is one of ARPA text, or the wheel is not installed.
    """
    if _is_arpa(out):
        raise _no_store("english")
    with written_atomically(out) as partial:
        write_trigram(read_pocketsphinx_trigram(additions=additions, addition_log10=ABSENT_WORD_LOG10), partial, bits)
    return NgramModel(out)


def write_trigram(trigram: Trigram, out: Path, bits: Bits = 32) -> None:
    """Write a trigram's arrays as a store.

    Raises:
        DataError: a word or an n-gram occurs twice.
    """
    builder = _core.NgramBuilder(order=3, folder=str(out.parent), buffer_bytes=SORTED_AT_ONCE)
    nats = np.float32(math.log(10))
    unigrams = zip(trigram.vocabulary, trigram.unigram / nats, trigram.unigram_back_off / nats, strict=True)
    for word, log10, back_off in unigrams:
        if not builder.add_word(word, min(0.0, float(log10)), float(back_off)):
            raise DataError(f"the word '{word}' occurs twice")
    for words, log10, back_off in trigram.ngrams():
        builder.add_ngrams(words, np.minimum(log10 / nats, 0), back_off / nats)
    builder.write(str(out), bits)


def _no_store(source: Path | str) -> ConfigError:
    return ConfigError(f"{source}: only a store is written as ARPA text, convert it to one first")


def _is_arpa(out: Path) -> bool:
    return out.name.endswith((".arpa", ".arpa.gz"))


def _convert_sphinx(source: Path, out: Path, bits: Bits, lower_case: bool, progress: Callable[[int], None]) -> None:
    trigram = read_pocketsphinx_trigram(source)
    progress(source.stat().st_size)
    if lower_case:
        trigram = replace(trigram, vocabulary=tuple(map(lower_ascii, trigram.vocabulary)))
    write_trigram(trigram, out, bits)


def _write_store(pieces_of_arpa: Iterable[bytes], out: Path, bits: Bits, lower_case: bool) -> None:
    reader = _core.ArpaReader(folder=str(out.parent), buffer_bytes=SORTED_AT_ONCE, lower_case=lower_case)
    for piece in pieces_of_arpa:
        reader.push(piece)
    reader.write(str(out), bits)


def _pieces_of_arpa(source: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    try:
        with source.open("rb") as raw:
            file: BinaryIO = gzip.GzipFile(fileobj=raw) if is_gzipped(raw) else raw  # type: ignore[assignment]
            read = 0
            while piece := file.read(_PIECE):
                yield piece
                progress(raw.tell() - read)
                read = raw.tell()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{source}: the gzip file is cut short or damaged") from None
    except OSError as error:
        raise DataError(f"{source}: cannot read the language model: {error.strerror or error}") from None


def _pieces_of_store(model: NgramModel, progress: Callable[[int], None]) -> Iterator[bytes]:
    yield from iter(_core.ArpaWriter(model.store).next, b"")
    progress(model.n_bytes)


def _write_all(writer: _core.ArpaWriter, file: BinaryIO | gzip.GzipFile) -> None:
    while piece := writer.next():
        file.write(piece)
