"""Checksums of files, written as `<algorithm>:<hexadecimal digits>`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from neurolect.errors import ConfigError

GIT_BLOB = "git-blob"
"""The name under which Git knows a file's content: SHA-1 of `blob `, the length, a null byte and the content."""


def checksum_fault(path: Path, digest: str) -> str | None:
    """What is wrong with the file, in words that continue "the file …"; None where its checksum is right.

    Raises:
        ConfigError: the digest names an unknown algorithm.
        OSError: the file cannot be read.
    """
    algorithm, _, expected = digest.partition(":")
    hashing = new_hash(digest)
    if algorithm == GIT_BLOB:
        hashing.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashing).hexdigest()
    return None if found == expected.lower() else f"has the {algorithm} checksum {found} instead of {expected}"


def new_hash(digest: str) -> hashlib._Hash:
    """`sha-256:…` → an empty SHA-256.

    Raises:
        ConfigError: the digest names an unknown algorithm.
    """
    name = digest.partition(":")[0].lower().replace("-", "")
    if name == GIT_BLOB.replace("-", ""):
        return hashlib.sha1()
    if name not in ("md5", "sha1", "sha256", "sha384", "sha512"):
        raise ConfigError(f"'{digest}' is not a checksum of the form md5:… or sha-256:…")
    return hashlib.new(name)
