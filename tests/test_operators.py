"""What is known of operators has one home: no module keeps a table of its own without a reason."""

from __future__ import annotations

import ast
import importlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from onnx import defs

import onnxlint
import onnxlint_rules
from onnxlint.model.graph import operators

ENGINE = Path(onnxlint.__file__).parent
RULES = Path(onnxlint_rules.__file__).parent
HOME = ENGINE / "model" / "graph" / "operators.py"

MOST_NAMES = 4
"""Operators that a table may name without a reason: a choice, so few are read at a glance."""

SHARE = 0.4
"""Of the texts of a table of operators; others, such as a list of attributes, share some words."""


@dataclass(frozen=True, slots=True)
class Table:
    """A name of a module that stands for operators, written out there."""

    module: str
    name: str
    operators: frozenset[str]
    is_reasoned: bool

    def __str__(self) -> str:
        return f"{self.module}: {self.name}"


@cache
def known_operators() -> frozenset[str]:
    return frozenset(schema.name for schema in defs.get_all_schemas_with_history())


def is_operator(text: str) -> bool:
    return "::" in text or text in known_operators()


def tables_of(file: Path, root: Path) -> Iterator[Table]:
    """The tables of a module; what is in other tables that they take up does not count."""
    body = ast.parse(file.read_text()).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        texts = [each.value for each in ast.walk(node.value)
                 if isinstance(each, ast.Constant) and isinstance(each.value, str)]  # fmt: skip
        named = [text for text in texts if is_operator(text)]
        if len(named) >= 2 and len(named) >= SHARE * len(texts):
            yield Table(
                f"{root.name}/{file.relative_to(root)}",
                ast.unparse(target),
                frozenset(named),
                isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant),
            )


@cache
def tables() -> tuple[Table, ...]:
    folders = [(ENGINE, ENGINE / "analyses"), (ENGINE, ENGINE / "model"), (RULES, RULES)]
    return tuple(
        table
        for root, folder in folders
        for file in sorted(folder.rglob("*.py"))
        for table in tables_of(file, root)
    )


def plain_sets() -> Iterator[tuple[str, frozenset[str]]]:
    """The contents of the tables that are a set or a sequence, with those of the home."""
    for table in tables():
        package = "onnxlint" if table.module.startswith("onnxlint/") else "onnxlint_rules"
        path = table.module.partition("/")[2].removesuffix(".py").replace("/", ".")
        value = getattr(importlib.import_module(f"{package}.{path}"), table.name, None)
        is_plain = isinstance(value, frozenset | set | tuple | list)
        if is_plain and value and all(isinstance(each, str) for each in value):
            yield str(table), frozenset(value)


def test_a_table_of_many_operators_has_its_reason_beside_it():
    bare = [str(table) for table in tables()
            if len(table.operators) > MOST_NAMES and not table.is_reasoned]  # fmt: skip
    assert bare == []


def test_no_two_tables_are_equal():
    homes: dict[frozenset[str], list[str]] = defaultdict(list)
    for name, content in plain_sets():
        homes[content].append(name)
    assert [names for names in homes.values() if len(names) > 1] == []


def test_every_trait_has_its_reason():
    bare = [table.name for table in tables_of(HOME, ENGINE) if not table.is_reasoned]
    assert bare == []


def test_traits_name_operators_that_there_are():
    named = {text for table in tables_of(HOME, ENGINE) for text in table.operators}
    standard = {text for text in named if "::" not in text} - operators.FORMER
    assert standard <= known_operators()


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("RESHAPING", "LAYOUT"),
        ("LAYOUT", "MOVING"),
        ("COPYING", "ELEMENTWISE"),
        ("CASTING", "ELEMENTWISE"),
        ("ACTIVATIONS", "ELEMENTWISE"),
        ("MOVING", "HANDING_ON"),
        ("SQUASHING", "BOUNDED"),
        ("ARITHMETIC", "BROADCASTING"),
        ("COMPARISONS", "DECIDING"),
        ("COMPARISONS", "STEPPED"),
    ],
)
def test_traits_are_one_within_the_other(narrow: str, wide: str):
    assert getattr(operators, narrow) < getattr(operators, wide)
