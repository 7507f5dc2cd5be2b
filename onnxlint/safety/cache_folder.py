"""The folder of what is kept from run to run."""

from __future__ import annotations

from pathlib import Path

CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Reports of onnxlint; safe to delete.\n"
"""Content of CACHEDIR.TAG, by which programs for backups know a cache."""


def prepared(folder: Path, key: str) -> Path:
    """The part of the folder that entries of a key lie in; it is made, for its owner alone."""
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o700)
        (folder / "CACHEDIR.TAG").write_text(CACHE_TAG, encoding="utf-8")
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    part = folder / key[:2]
    part.mkdir(mode=0o700, exist_ok=True)
    return part
