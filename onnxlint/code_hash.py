"""The code that a report is made by, as a hash: ours, that of packs, and versions of libraries."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path

from onnxlint.installed import everything, version
from onnxlint.safety.writing import placed

LIBRARIES = (
    "cryptography", "model-signing",
    "numpy", "onnx", "onnx-ir", "onnxruntime", "onnxruntime-directml", "onnxruntime-gpu",
    "onnxruntime-openvino", "onnxslim", "pillow", "pyarrow", "scikit-learn", "sympy",
)  # fmt: skip
"""Packages whose version may change what is found."""

FILE = "codes"
"""The file in a cache that remembers hashes of code."""

MOST_KNOWN = 16
"""Installations, or states of one that is worked on, whose hash is remembered; a choice."""

_LINE = re.compile("^([0-9a-f]{64}) ([0-9a-f]{64})$", re.MULTILINE)


@cache
def own_code() -> str:
    """A hash of our code and that of packs, whose files change under one version while made."""
    digest = hashlib.sha256()
    for file, size, _ in _code_files():
        digest.update(f"{Path(file).name} {size} ".encode("utf-8", "replace"))
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


@cache
def code_state() -> str:
    """A hash of where that code lies, and when each file was changed: a tenth of the work."""
    told = "\n".join(f"{file} {size} {changed}" for file, size, changed in _code_files())
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


@cache
def installed(code: str) -> str:
    """The same, with the versions of libraries, of Python and of the platform."""
    told = [code, sys.version, platform.platform()]
    told += [f"{name} {version(name) or ''}" for name in LIBRARIES]
    told += sorted(
        f"{each.group} {each.name}={each.value} {each.distribution} {each.version}"
        for each in everything()
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@cache
def _code_files() -> tuple[tuple[str, int, int], ...]:
    """The files of our package and of packs: path, bytes, and when each was changed."""
    packages = {entry.value.partition(":")[0].partition(".")[0] for entry in everything()}
    specs = filter(None, map(find_spec, sorted({"onnxlint", *packages})))
    return tuple(each for spec in specs for each in _files_of(spec))


def _files_of(spec: ModuleSpec) -> Iterator[tuple[str, int, int]]:
    for folder in spec.submodule_search_locations or ():
        yield from _files_in(folder)
    if spec.submodule_search_locations is None and spec.origin is not None:
        status = Path(spec.origin).stat()
        yield spec.origin, status.st_size, status.st_mtime_ns


def _files_in(folder: str) -> Iterator[tuple[str, int, int]]:
    for entry in sorted(os.scandir(folder), key=attrgetter("name")):
        if entry.name == "__pycache__":  # others write there, and what they write is not code
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(entry.path)
        elif not entry.name.endswith(".pyc") and entry.is_file():
            status = entry.stat()
            yield entry.path, status.st_size, status.st_mtime_ns


def known_code(folder: Path) -> str:
    """The hash of our code, as a cache remembers it for the state that its files are in."""
    return _known(folder).get(code_state()) or own_code()


def remember_code(folder: Path) -> None:
    """Keeps that hash in the folder of a cache."""
    known = _known(folder)
    if code_state() in known:
        return
    kept = [*[*known.items()][1 - MOST_KNOWN :], (code_state(), own_code())]
    with contextlib.suppress(OSError), placed(folder / FILE, 0o600) as stream:
        stream.write("".join(f"{state} {code}\n" for state, code in kept).encode())


def _known(folder: Path) -> dict[str, str]:
    try:
        told = (folder / FILE).read_text("ascii")
    except (OSError, ValueError):
        return {}
    return {found[1]: found[2] for found in _LINE.finditer(told)}
