"""TOML tables that people write: read, and refused with the key and a suggestion."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from onnxlint.nearest import nearest

T = TypeVar("T", bound=msgspec.Struct)

TABLE: Any = {"rename": "kebab", "forbid_unknown_fields": True, "kw_only": True, "frozen": True}
"""A table of a file: keys are written with hyphens, unknown ones are refused."""

OWN_FILE = "onnxlint.toml"

LARGEST_FILE = 1024**2
"""Bytes of a TOML file that are read: a choice, a hundred times what people write."""


class ConfigError(Exception):
    """A configuration that cannot be used: the file, the key, and what it should be."""


def read(file: Path) -> dict[str, Any]:
    """What a TOML file says.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    return _parsed(file, _content(file))


def _content(file: Path) -> bytes:
    try:
        if not is_file(file):  # a pipe would be waited for
            raise ConfigError(f"{file}: cannot be read (there is no such file)")
        with file.open("rb") as opened:
            text = opened.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # a NUL in a name
        problem = getattr(error, "strerror", None) or error
        raise ConfigError(f"{file}: cannot be read ({problem})") from error
    if len(text) > LARGEST_FILE:
        raise ConfigError(f"{file}: is larger than a configuration may be (limit 1 MiB)")
    return text


def _parsed(file: Path, text: bytes) -> dict[str, Any]:
    import tomllib  # most models have no configuration

    try:
        return tomllib.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise ConfigError(f"{file}: is nested too deeply to be read") from error
    except ValueError as error:  # no TOML, no UTF-8, a number of too many digits
        raise ConfigError(f"{file}: is not TOML: {error}") from error


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; a name that no file can have is that of none."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or in a folder that may not be searched
        return False


def real_path(path: str | Path) -> Path:
    """A path with its links followed, as far as they lead anywhere."""
    return Path(os.path.realpath(str(path).replace("\0", "")))


def is_file(path: Path) -> bool:
    """Whether there is such a file, as `exists`."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def own_table(file: Path) -> dict[str, Any] | None:
    """What a TOML file says to onnxlint: all of it, of a `pyproject.toml` `[tool.onnxlint]`.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    if file.name != "pyproject.toml":
        return read(file)
    text = _content(file)
    if b"onnxlint" not in text and b"\\" not in text:  # which could spell it otherwise
        return None
    tools = _parsed(file, text).get("tool", {})
    table = tools.get("onnxlint") if isinstance(tools, dict) else None
    return table if isinstance(table, dict) else None


def converted(table: Any, kind: type[T], *, top: type[msgspec.Struct] | None = None) -> T:
    """A table as what it must be; `top` is the whole file, whose keys may stand in a wrong table.

    Raises:
        ConfigError: a key is unknown or missing, or holds a wrong type.
    """
    try:
        return msgspec.convert(table, kind)
    except RecursionError as error:
        raise ConfigError("is nested too deeply to be read") from error
    except msgspec.ValidationError as error:
        raise ConfigError(_explained(str(error), kind, top)) from error


RENAMED = {"baseline": "compare-simple"}
"""Keys that were called otherwise, and what to write instead."""


def _explained(message: str, kind: type[msgspec.Struct], top: type[msgspec.Struct] | None) -> str:
    """msgspec's message, with a suggestion where a key is unknown."""
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown is None:
        return message
    key, where = unknown[1], re.search(r" - at `\$([^`]*)`", message)
    path = where[1] if where else ""
    known = _keys_at(inspect.type_info(kind), path)
    near = nearest(RENAMED.get(key, key), known)
    elsewhere = (
        set() if top is None else {field.encode_name for field in msgspec.structs.fields(top)}
    )
    if key in RENAMED and RENAMED[key] in known:
        hint = f"its name is now {RENAMED[key]!r}"
    elif path and key in elsewhere:
        hint = "this key belongs at the top level of the file"
    elif near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = f"known are {', '.join(known)}"
    table = f" in {path.lstrip('.')}" if path else ""
    return f"unknown key {key!r}{table}; {hint}"


_STEP = re.compile(r"\.([\w-]+)|\[[^\]]*\]")


def _keys_at(kind: inspect.Type, path: str) -> list[str]:
    """The keys of the table at a path, as msgspec writes it: `.per-model[0].outputs[...]`."""
    for step in _STEP.finditer(path):
        kind = _inner(kind, step[1])
    table = _table(kind)
    return sorted(field.encode_name for field in table.fields) if table is not None else []


def _inner(kind: inspect.Type, key: str | None) -> inspect.Type:
    """What stands under a key of a table; without a key, in a list or under any name."""
    table = _table(kind)
    if key is not None and table is not None:
        return next((field.type for field in table.fields if field.encode_name == key), kind)
    for each in _alternatives(kind):
        if isinstance(each, inspect.ListType):
            return each.item_type
        if isinstance(each, inspect.DictType):
            return each.value_type
    return kind


def _table(kind: inspect.Type) -> inspect.StructType | None:
    return next((e for e in _alternatives(kind) if isinstance(e, inspect.StructType)), None)


def _alternatives(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        yield from _alternatives(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _alternatives(each)
    else:
        yield kind


_UNITS = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_bytes(text: str) -> int:
    """`8GiB`, `512M`, `1000000` as bytes; units are powers of 1024.

    Raises:
        ConfigError: it is no such size.
    """
    match = re.fullmatch(
        r"\s*(\d{1,19}(?:\.\d{1,19})?)\s*([KMGT]?)(?:iB|B)?\s*", text, re.IGNORECASE
    )
    if match is None or float(match[1]) <= 0:
        raise ConfigError(f"{text!r} is not a valid size; use e.g. 512MiB or 8GiB")
    return int(float(match[1]) * _UNITS[match[2].upper()])
