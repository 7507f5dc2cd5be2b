"""What installed distributions bring to onnxlint: the entry points of its groups.

`importlib.metadata` finds them, too, and takes a tenth of a static run to load. Where a finder of
its own, or an archive, may hold distributions that are no folders on the path, it is asked.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from typing import Any

from msgspec import Struct

_OURS = b"[onnxlint."
_FIELD = re.compile(rb"^(Name|Version): *(.+?) *\r?$", re.MULTILINE)


class Brought(Struct, frozen=True, order=True):
    """An entry point, and the distribution that has it."""

    name: str
    value: str
    group: str
    distribution: str = ""
    version: str = ""

    def load(self) -> Any:
        """What it names."""
        module, _, attributes = self.value.partition("[")[0].strip().partition(":")
        found: Any = importlib.import_module(module)
        for attribute in filter(None, attributes.split(".")):
            found = getattr(found, attribute)
        return found


def brought(group: str) -> list[Brought]:
    """The entry points of a group, by name."""
    return sorted(each for each in everything() if each.group == group)


def everything() -> tuple[Brought, ...]:
    """The entry points of all groups of onnxlint's."""
    return _scanned(tuple(sys.path)) if _are_folders() else _asked()


def version(distribution: str) -> str | None:
    """The installed version of a distribution; None where it is not installed."""
    if not _are_folders():
        return _asked_version(distribution)
    info = _infos(tuple(sys.path)).get(_normal(distribution))
    return None if info is None else _facts(info).get("Version") or _asked_version(distribution)


def _are_folders() -> bool:
    finders = [each for each in sys.meta_path if hasattr(each, "find_distributions")]
    return finders == [PathFinder] and not any(map(os.path.isfile, sys.path))


def _asked_version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(distribution)
    except PackageNotFoundError:
        return None


def _asked() -> tuple[Brought, ...]:
    from importlib.metadata import entry_points

    every = (entry for group in entry_points().groups if group.startswith("onnxlint.")
             for entry in entry_points(group=group))  # fmt: skip
    return tuple(
        Brought(entry.name, entry.value, entry.group, entry.dist.name, entry.dist.version)
        if entry.dist else Brought(entry.name, entry.value, entry.group) for entry in every
    )  # fmt: skip


@cache
def _scanned(path: tuple[str, ...]) -> tuple[Brought, ...]:
    return tuple(entry for info in _infos(path).values() for entry in _entries(info))


@cache
def _infos(path: tuple[str, ...]) -> dict[str, str]:
    """What tells of each distribution, by its normal name; the first on the path is imported.

    They are hundreds: a `Path` for each takes as long as to look into it.
    """
    found: dict[str, str] = {}
    for folder in path:
        try:
            entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
        except OSError:
            continue
        for each in entries:
            if each.name.endswith((".dist-info", ".egg-info")):
                found.setdefault(_normal(each.name.partition("-")[0]), each.path)
    return found


def _entries(info: str) -> Iterator[Brought]:
    told = _content(info, "entry_points.txt")
    if _OURS not in told:
        return
    facts, group = _facts(info), ""
    for line in told.decode().splitlines():
        text = line.strip()
        if text.startswith("["):
            group = text.strip("[]").strip()
        elif group.startswith("onnxlint.") and "=" in text and not text.startswith("#"):
            key, _, value = text.partition("=")
            yield Brought(key.strip(), value.strip(), group, facts.get("Name", ""),
                          facts.get("Version", ""))  # fmt: skip


def _facts(info: str) -> dict[str, str]:
    head = (_content(info, "METADATA") or _content(info, "PKG-INFO"))[:4096]
    return {key.decode(): value.decode() for key, value in reversed(_FIELD.findall(head))}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _content(info: str, file: str) -> bytes:
    try:
        with open(f"{info}/{file}", "rb", buffering=0) as opened:  # noqa: PTH123
            return opened.readall()
    except OSError:
        return b""
