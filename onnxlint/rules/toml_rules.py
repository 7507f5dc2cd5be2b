"""Rules written in TOML: a `[[rule]]` table with a graph pattern becomes a rule like any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec

from onnxlint.findings import Finding
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.patterns.matcher import Match, Pattern, PatternError
from onnxlint.model.patterns.parser import suggestion
from onnxlint.rules.documentation import Documentation
from onnxlint.rules.rule import Rule, RuleError, RuleFunction, checked
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import TABLE, ConfigError, converted, own_table, real_path


class RuleTable(msgspec.Struct, **TABLE):
    """One `[[rule]]`: the pattern (several are alternatives), and what is said where it fits.

    `message` and `hint` may name values of the pattern, `{a}`; the finding stands at the last node,
    or at the one that makes the value `at`.
    """

    code: str
    name: str
    severity: Severity
    message: str
    pattern: str | list[str]
    hint: str = ""
    at: str | None = None
    stage: Stage | None = None
    since: str = ""
    preview: bool = False
    summary: str = ""
    why: str = ""
    fix: str = ""
    bad: str | list[str] = []
    good: str | list[str] = []


def rules_of(file: Path) -> Sequence[Rule]:
    """The rules of the `[[rule]]` tables of a TOML file; none is no error.

    Raises:
        ConfigError: it is no TOML.
        RuleError: a rule is not as it must be.
    """
    table = own_table(file) or {}
    tables = table.get("rule", [])
    if not isinstance(tables, list):
        raise RuleError("'rule' must be an array of tables, [[rule]]")
    return _rules(real_path(file), msgspec.json.encode(tables))


@cache
def _rules(_file: Path, tables: bytes) -> Sequence[Rule]:
    """Each file's rules are made once, so that naming it twice is no clash."""
    return [_rule(table, number) for number, table in enumerate(msgspec.json.decode(tables), 1)]


def _rule(written: Any, number: int) -> Rule:
    code = written.get("code") if isinstance(written, dict) else None
    label = f"rule {code}" if isinstance(code, str) else f"[[rule]] number {number}"
    try:
        table = converted(written, RuleTable)
        pattern = Pattern(*_texts(table.pattern))
        misspelled = pattern.misspelled()
        if misspelled is not None:
            raise PatternError(misspelled)
        return checked(_made(table, pattern))
    except PatternError as error:
        raise RuleError(f"{label}: pattern, {error}") from error
    except ConfigError as error:
        raise RuleError(f"{label}: {error}") from error
    except ValueError as error:  # Python's own, of a number of more digits than it reads
        raise RuleError(f"{label}: pattern, {str(error).partition(';')[0]}") from error


def _texts(written: str | list[str]) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(written)


def _made(table: RuleTable, pattern: Pattern) -> Rule:
    names = [*_names("message", table.message, pattern), *_names("hint", table.hint, pattern)]
    if table.at is not None and table.at not in pattern.certain_nodes:
        hint = suggestion(table.at, pattern.certain_nodes)
        raise ConfigError(
            f"'at' is {table.at!r}, which is not the output of a node in every match{hint}"
        )

    def judge(graph: Graph) -> Iterator[Finding]:
        for match in pattern.matches(graph):
            words = {name: _words(graph, match, name) for name in names}
            yield Finding(
                match if table.at is None else match.node(table.at) or match,
                table.message.format(**words),
                hint=table.hint.format(**words) or None,
                evidence={"match": {name: value.name for name, value in match.items()}},
            )

    documentation = Documentation(
        summary=table.summary or table.message,
        why=table.why,
        fix=table.fix,
        bad=_texts(table.bad),
        good=_texts(table.good),
        patterns=pattern.texts,
    )
    function: RuleFunction = judge
    stages = frozenset(Stage) if table.stage is None else frozenset({table.stage})
    return Rule(table.code, table.name, table.severity, function, frozenset(pattern.ops), stages,
                documented=documentation, since=table.since, preview=table.preview)  # fmt: skip


def _names(key: str, text: str, pattern: Pattern) -> list[str]:
    """The names in the braces of a message or a hint."""
    try:
        parts = [*Formatter().parse(text)]
    except ValueError as error:
        raise ConfigError(f"{key}: {error}; write a literal brace twice") from error
    names = [name for _, name, _, _ in parts if name is not None]
    for name in names:
        if name not in pattern.certain:
            near = suggestion(name, pattern.certain)
            raise ConfigError(f"{key}: {{{name}}} is not in every match of the pattern{near}")
    if any(form or conversion for _, _, form, conversion in parts):
        raise ConfigError(f"{key}: a brace may only contain a name of the pattern")
    return names


def _words(graph: Graph, match: Match, name: str) -> str:
    """What a message says for a name: a node, a constant's number, or a value's name."""
    if name not in match:
        return str(match.attribute(name))
    node = match.node(name)
    return str(node.place) if node is not None else _value_words(graph, match[name])


def _value_words(graph: Graph, value: Value) -> str:
    number = graph.number(value)
    return repr(value.name) if number is None else str(number)
