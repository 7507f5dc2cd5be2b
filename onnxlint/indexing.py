"""Writes the index of a pack of rules: `python -m onnxlint.indexing PACKAGE`.

With it, a run loads only the rules that it needs. A pack that is shipped writes it when it is
built; where it is missing or out of date, rules are loaded as they are.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import msgspec

from onnxlint.asking import needs_of
from onnxlint.rules.index import FILE, Entry, Module, modules
from onnxlint.rules.rule import Rule


def indexed(package: str) -> bytes:
    """The index of a package and all that is in it, as JSON: a line for each module."""
    found = {name: Module(size, _entries(name)) for name, size in modules(package)}
    lines = (b"%b: %b" % (_json(name), _json(module)) for name, module in sorted(found.items()))
    return b"{\n" + b",\n".join(lines) + b"\n}\n"


def write(package: str) -> Path:
    """Writes the index beside the modules."""
    file = importlib.import_module(package).__file__
    if file is None:
        raise SystemExit(f"{package} is not a package with an __init__.py")
    index = Path(file).parent / FILE
    index.write_bytes(indexed(package))
    return index


def _json(thing: object) -> bytes:
    return msgspec.json.encode(thing, order="deterministic")


def _entries(module: str) -> tuple[Entry, ...]:
    loaded = vars(importlib.import_module(module))
    own = {name: each for name, each in loaded.items() if isinstance(each, Rule)}
    return tuple(_entry(name, rule) for name, rule in own.items() if rule.module == module)


def _entry(name: str, rule: Rule) -> Entry:
    return Entry(rule.code, rule.name, rule.severity, name, rule.ops, rule.stages,
                 rule.default, rule.since, rule.preview, needs_of(rule))  # fmt: skip


if __name__ == "__main__":
    for each in sys.argv[1:]:
        print(write(each))
