"""The SHA-256 of a file or folder, as metadata and records hold it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from onnxlint.model.file.mapped_files import opened


def sha256_of(path: Path) -> str:
    """Of a file, the hash of its bytes; of a folder, that of a list of its files.

    The list has a line `HASH  NAME` for each file below it, in the order of the names, as
    `sha256sum` writes it; so a file that is renamed counts, and the order of the disk does not.

    Raises:
        OSError: a file cannot be read, or is none.
    """
    if not path.is_dir():
        return _file(path)
    listing = hashlib.sha256()
    names = {file.relative_to(path).as_posix(): file for file in path.rglob("*")
             if not file.is_dir()}  # fmt: skip
    for name in sorted(names):
        listing.update(f"{_file(names[name])}  {name}\n".encode("utf-8", "surrogateescape"))
    return listing.hexdigest()


def _file(path: Path) -> str:
    with opened(path.resolve()) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
