"""How reports name what was copied from a remote address: by the address."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_names: dict[str, str] = {}
"""Copies in the cache, and the addresses that they are of."""


def call(copy: Path, name: str) -> None:
    """From now on a copy is called by its address."""
    _names[str(copy)] = name


def renamed(told: Any) -> Any:
    """Plain data whose texts name addresses instead of copies."""
    if not _names:
        return told
    if isinstance(told, str):
        for copy, name in _names.items():
            told = told.replace(copy, name)
        return told
    if isinstance(told, dict):
        return {key: renamed(each) for key, each in told.items()}
    return [*map(renamed, told)] if isinstance(told, list | tuple) else told


def are_given() -> bool:
    """Whether something was copied."""
    return bool(_names)


def with_names(told: T) -> T:
    """The same of a report."""
    if not _names:
        return told
    return msgspec.convert(renamed(msgspec.to_builtins(told)), type(told))
