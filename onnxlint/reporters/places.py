"""Where a finding is, as formats that know files and lines want to hear it."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from msgspec import Struct, field

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place

MOST_PARTS = 50
"""Parts of a path; what a hostile file calls a path is longer."""

_DRIVE = re.compile(r"[A-Za-z]:/")
_LINE = re.compile(r":(\d{1,9})$")


class Line(Struct, frozen=True):
    """A line of a file; `path` is relative to the working directory where the file lies in it."""

    path: str
    number: int

    @property
    def uri(self) -> str:
        """The path as a URI: a relative one, unless the file lies elsewhere."""
        return uri_of(self.path)


def uri_of(path: str) -> str:
    """A path as a URI reference, its odd characters percent-encoded."""
    if _DRIVE.match(path):
        return f"file:///{path[:2]}{quote(_encoded(path[2:]))}"
    return ("file://" if path.startswith("/") else "") + quote(_encoded(path))


def _encoded(path: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")  # as the system's bytes were
    except UnicodeEncodeError:
        return path.encode("utf-8", "backslashreplace")


class Files(Struct):
    """Files as they are called from one folder; what was once looked for is remembered."""

    folder: Path
    _sources: dict[str, str | None] = field(default_factory=dict)

    def model(self, path: str) -> Line:
        """A model, which has no lines: its first one."""
        return Line(self._named(path), 1)

    def source(self, place: Place) -> Line | None:
        """The line of the user's code that made a node; None where the file is not at hand.

        The model was perhaps exported on another machine: then the longest end of the file's path
        that there is below the folder is taken for it.
        """
        line = _LINE.search(place.source or "")
        if line is None or not place.source_path:
            return None
        written = place.source_path
        if written not in self._sources:
            self._sources[written] = self._found(written)
        path, number = self._sources[written], int(line[1])
        return None if path is None or number < 1 else Line(path, number)

    def _named(self, path: str) -> str:
        """A path from the folder, or the whole of it where the file lies elsewhere."""
        whole = os.path.normpath(self.folder / path)
        if whole == os.fspath(self.folder):
            return "."
        try:
            return PurePosixPath(Path(whole).relative_to(self.folder)).as_posix()
        except ValueError:
            return Path(whole).as_posix()

    def _found(self, written: str) -> str | None:
        parts = PurePosixPath(written.replace("\\", "/")).parts
        if "\0" in written or ".." in parts or len(parts) > MOST_PARTS:
            return None
        if written.startswith("/") and not (named := self._named(written)).startswith("/"):
            return named
        tails = ("/".join(parts[first:]) for first in range(len(parts)))
        return next((tail for tail in tails if self._is_file(tail)), None)

    def _is_file(self, relative: str) -> bool:
        try:
            return not relative.startswith("/") and (self.folder / relative).is_file()
        except (OSError, ValueError):  # too long, or no name that a file can have
            return False


def where(place: Place) -> str:
    """`Conv 'a' → 'b' (net.py:41): `, in front of a message; empty for the whole model."""
    if place == Place():
        return ""
    source = f" ({place.source})" if place.source else ""
    value = f" → {place.value!r}" if place.value and place.node_index is not None else ""
    return f"{place}{value}{source}: "


def identity(finding: Diagnostic) -> str:
    """The fingerprint that lasts longest: the one without names, where there is such a thing."""
    return finding.structural_fingerprint if finding.surroundings else finding.fingerprint
