"""The index of a pack: what its rules are and ask for, so that only those that run are loaded.

It lies beside the pack's modules as `rule_index.json`, and names the size of each: one that has
another size now is loaded as if there were no index. `onnxlint.indexing` writes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec
from msgspec import Struct

from onnxlint.rules.rule import Needs, Rule, Written
from onnxlint.severity import Severity, Stage

FILE = "rule_index.json"


class Entry(Struct, frozen=True):
    """A rule as an index has it; `function` is its name in its module."""

    code: str
    name: str
    severity: Severity
    function: str
    ops: frozenset[str]
    stages: frozenset[Stage]
    default: bool
    since: str
    preview: bool
    needs: Needs

    def rule(self, module: str) -> Rule:
        """The rule, not loaded yet: one object, whoever looks for it, as if its module were."""
        return _rule(self, module)


@cache
def _rule(entry: Entry, module: str) -> Rule:
    written = Written(module, entry.function, entry.needs)
    return Rule(entry.code, entry.name, entry.severity, written, entry.ops, entry.stages,
                default=entry.default, since=entry.since, preview=entry.preview)  # fmt: skip


class Module(Struct, frozen=True, omit_defaults=True):
    """A module of a pack: the bytes of its file, and its rules."""

    size: int
    rules: tuple[Entry, ...] = ()


Index = Mapping[str, Module]
"""Modules by their full names."""


def modules(package: str) -> Iterator[tuple[str, int]]:
    """The modules of a package, by full name, with the bytes of their files; without loading one.

    None where it is not a folder of files.
    """
    folder = _folder(package)
    if folder is not None:
        yield from _within(folder, package)


def index_of(package: str) -> Index:
    """The index of the pack that a package belongs to; empty where it has none that can be read."""
    folder = _folder(package.partition(".")[0])
    return {} if folder is None else _read(folder / FILE)


@lru_cache(maxsize=8)  # a pack has an entry for each family
def _read(file: Path) -> Index:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Module])
    except (OSError, msgspec.DecodeError):  # none, or of another version of onnxlint
        return {}


def _folder(package: str) -> Path | None:
    top, *rest = package.split(".")
    places = _places(top, tuple(sys.path))
    return Path(places[0], *rest) if len(places) == 1 else None


@lru_cache(maxsize=8)
def _places(package: str, _path: tuple[str, ...]) -> tuple[str, ...]:
    """Where its modules are, as the path has it that Python looks at."""
    found = PathFinder.find_spec(package)
    return tuple((found.submodule_search_locations or ()) if found is not None else ())


def _within(folder: Path, package: str) -> Iterator[tuple[str, int]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        stem, dot, suffix = entry.name.partition(".")
        if suffix == "py":
            name = package if stem == "__init__" else f"{package}.{stem}"
            yield name, entry.stat().st_size
        elif not dot and stem.isidentifier() and entry.is_dir():
            yield from _within(Path(entry.path), f"{package}.{stem}")
