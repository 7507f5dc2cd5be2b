"""What is known of operators has one home: no module beside it keeps a table of its own."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter, defaultdict
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
HOME = ENGINE / "model" / "graph" / "operators"
TOPICS = sorted(HOME.glob("*.py"))
MODULES = [(root, file) for root in (ENGINE, RULES) for file in sorted(root.rglob("*.py"))]

MOST_NAMES = 4
"""Operators that a table outside the home may name: a choice, so few are read at a glance."""

LINES = 250
"""Of a topic: a choice, so that one is read at a sitting."""

BY_NAME = {"GroupQueryAttention", "MultiHeadAttention", "SimplifiedLayerNormalization"}
"""Operators of onnxruntime that traits name without a domain: models have them in several."""

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
    return tuple(table for root, file in MODULES for table in tables_of(file, root))


def named_in(node: ast.AST) -> list[str]:
    """The operators that a literal names: the elements of a display, or the keys of a mapping."""
    if isinstance(node, ast.Dict):
        elements = [key for key, value in zip(node.keys, node.values, strict=True)
                    if not does_something(value)]  # fmt: skip
    else:
        elements = list(getattr(node, "elts", ()))
    texts = (each.value for each in elements if isinstance(each, ast.Constant))
    return [text for text in texts if isinstance(text, str) and is_operator(text)]


def does_something(value: ast.expr) -> bool:
    """Whether a mapping leads to code, or to a sentence for the reader: such are no facts."""
    return any(
        isinstance(each, ast.Lambda | ast.Name | ast.Attribute)
        or (isinstance(each, ast.Constant) and len(str(each.value).split()) > 2)
        for each in ast.walk(value)
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


def facts_in(source: str) -> list[tuple[int, list[str]]]:
    """The literals that name more than a few operators, by their lines, wherever they stand."""
    named = ((node.lineno, named_in(node)) for node in ast.walk(ast.parse(source))
             if isinstance(node, ast.Dict | ast.List | ast.Set | ast.Tuple))  # fmt: skip
    return [(line, operators) for line, operators in named if len(operators) > MOST_NAMES]


def test_no_module_beside_the_home_holds_a_table_of_facts():
    strays = {
        f"{root.name}/{file.relative_to(root)}": found
        for root, file in MODULES
        if file.parent != HOME and (found := facts_in(file.read_text()))
    }
    assert strays == {}


@pytest.mark.parametrize(
    ("source", "is_table"),
    [
        ('A = MOVING | {"Add", "Sub", "Mul", "Div", "Pow"}', True),
        ('def f(op):\n    return op in ("Add", "Sub", "Mul", "Div", "Pow")', True),
        ('A = {"Add": (0, 1), "Sub": (1,), "Mul": None, "Div": 1, "Pow": "0"}', True),
        ('A = {"Add": add, "Sub": sub, "Mul": mul, "Div": lambda x: x, "Pow": (0, pow)}', False),
        ('A = MOVING | {"Add", "Sub", "Mul", "Div"}', False),
        ('A = ["axis", "name", "value", "size", "shape"]', False),
    ],
)
def test_what_counts_as_a_table_of_facts(source: str, is_table: bool):
    assert bool(facts_in(source)) is is_table


def test_no_two_tables_are_equal():
    homes: dict[frozenset[str], list[str]] = defaultdict(list)
    for name, content in plain_sets():
        homes[content].append(name)
    assert [names for names in homes.values() if len(names) > 1] == []


def traits() -> dict[str, object]:
    """The tables of the home by name: what is written in capitals."""
    return {name: value for name, value in vars(operators).items() if name.isupper()}


def test_every_trait_has_its_reason():
    bare = [str(table) for file in TOPICS for table in tables_of(file, ENGINE)
            if not table.is_reasoned and not table.name.startswith("_")]  # fmt: skip
    assert bare == []


def test_traits_name_operators_that_there_are():
    schemas = {(schema.domain, schema.name) for schema in defs.get_all_schemas_with_history()}
    known = known_operators() | operators.FORMER | BY_NAME
    for trait, members in traits().items():
        for name in members:
            domain, _, op = name.rpartition("::")
            is_known = op in known if not domain else (domain, op) in schemas
            assert is_known or domain == "com.microsoft", (trait, name)


def test_every_trait_is_asked_for():
    uses = Counter(word for _, file in MODULES for word in re.findall(r"\w+", file.read_text()))
    assert [name for name in traits() if uses[name] < 2] == []


def test_a_trait_has_one_topic_and_a_topic_is_short():
    names = Counter(table.name for file in TOPICS for table in tables_of(file, ENGINE))
    assert [name for name, count in names.items() if count > 1] == []
    assert [file.name for file in TOPICS if len(file.read_text().splitlines()) > LINES] == []


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
