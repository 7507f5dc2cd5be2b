"""A configuration file with those that it extends, as tables: read, placed, and merged."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from onnxlint.remote.address import is_remote
from onnxlint.toml_tables import ConfigError, exists, own_table, real_path

Table = dict[str, Any]

_PATHS = ("data", "reference", "labels", "train-data", "train-labels", "accepted")
"""Keys that name a file; data may name a function instead, which no folder changes."""

_PATH_LISTS = ("baselines", "rule-paths")
"""Keys that name several; a baseline may be a function, too."""

_ADD_UP = ("ignore", "per-model", "rule", "rule-paths", "require-packs", "suppress")
"""Lists of which each file adds its own to those that it extends."""

_IN_PACKAGE = re.compile(r"([A-Za-z_]\w+):(.+)")
"""`acme_rules:policy.toml`; a single letter is a drive."""


def extended(file: Path, seen: tuple[Path, ...] = ()) -> dict[Path, Table]:
    """What a file says, after what those say that it extends.

    Raises:
        ConfigError: one of them cannot be read, is not there, or extends itself.
    """
    if real_path(file) in seen:
        raise ConfigError(f"{file}: extends itself; remove one 'extend'")
    table = with_paths(own_table(file) or {}, file.parent)
    before: dict[Path, Table] = {}
    for base in _bases(table.get("extend"), file):
        before |= extended(base, (*seen, real_path(file)))
    return {**before, file: table}


def _bases(written: Any, file: Path) -> Iterator[Path]:
    names = written if isinstance(written, list) else [written]
    for name in names:  # what is no text is refused with all other values
        if isinstance(name, str):
            if "\0" in name:
                raise ConfigError(f"{file}: 'extend' holds a NUL character, which no file name has")
            yield _in_package(name, file) or file.parent / name


def _in_package(name: str, file: Path) -> Path | None:
    """The file of an installed package, which is found without running it."""
    named = _IN_PACKAGE.fullmatch(name)
    if named is None or exists(file.parent / name):
        return None
    found = _spec(named[1])
    if found is None or not found.submodule_search_locations:  # a module has no files
        raise ConfigError(
            f"{file}: extends {name!r}, and package {named[1]!r} is not installed; install it"
        )
    for folder in found.submodule_search_locations:
        if exists(Path(folder) / named[2]):
            return Path(folder) / named[2]
    raise ConfigError(f"{file}: extends {name!r}, and package {named[1]!r} has no such file")


def _spec(package: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(package)
    except ValueError:  # a module that was not imported from anywhere, as `__main__`
        return None


def with_paths(table: Table, folder: Path) -> Table:
    """The table with its paths taken from its own folder, wherever it is extended."""

    def placed(written: Any) -> Any:
        is_path = isinstance(written, str) and not is_remote(written)
        return str(folder.absolute() / written) if is_path else written

    paths: Table = {key: placed(table[key]) for key in _PATHS if key in table}
    for key in _PATH_LISTS:
        if isinstance(table.get(key), list):
            paths[key] = [placed(written) for written in table[key]]
    per_model = table.get("per-model")
    if isinstance(per_model, list):
        paths["per-model"] = [with_paths(each, folder) if isinstance(each, dict) else each
                              for each in per_model]  # fmt: skip
    budgets = table.get("budgets")
    latency = budgets.get("latency") if isinstance(budgets, dict) else None
    if isinstance(budgets, dict) and isinstance(latency, dict) and "reference" in latency:
        own = {"reference": placed(latency["reference"])}
        paths["budgets"] = budgets | {"latency": latency | own}
    provenance = table.get("provenance")
    signature = provenance.get("signature") if isinstance(provenance, dict) else None
    if isinstance(provenance, dict) and isinstance(signature, dict):
        paths["provenance"] = provenance | {"signature": _placed_signers(signature, placed)}
    return table | paths


def _placed_signers(signature: Table, placed: Callable[[Any], Any]) -> Table:
    own: Table = {key: placed(signature[key]) for key in ("public-key", "file") if key in signature}
    named = signature.get("certificates")
    if isinstance(named, list):
        own["certificates"] = [placed(each) for each in named]
    return signature | own


def merged(tables: Iterable[Table]) -> Table:
    """One table of several, of which the later win, and lists of rules and findings add up."""
    whole: Table = {}
    for table in tables:
        both = whole | table
        for key in _ADD_UP:
            before, own = whole.get(key), table.get(key)
            if isinstance(before, list) and isinstance(own, list):
                both[key] = [*before, *own]
        before, own = whole.get("rules"), table.get("rules")
        if isinstance(before, dict) and isinstance(own, dict):
            both["rules"] = before | own
        whole = both
    return whole


def files_of(key: str, tables: Mapping[Path, Table]) -> tuple[Path, ...]:
    """The file of each entry of a list that adds up."""
    return tuple(
        file for file, table in tables.items()
        for _ in (table[key] if isinstance(table.get(key), list) else ())
    )  # fmt: skip
