"""pytest runs the examples of a team's rules: set `onnxlint_rules` to their files and folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from onnxlint.rules.rule import Rule


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the setting."""
    help_text = "files and folders with onnxlint rules, whose examples are run as tests"
    parser.addini("onnxlint_rules", help_text, type="paths", default=[])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects the rule files that the setting names."""
    named = [Path(path) for path in parent.config.getini("onnxlint_rules")]
    if not any(file_path.is_relative_to(path) for path in named):
        return None
    from onnxlint.rules.packs import RULE_SUFFIXES

    if file_path.suffix not in RULE_SUFFIXES:
        return None
    return _RuleFile.from_parent(parent, path=file_path)


class _RuleFile(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        from onnxlint.rules.packs import PackError, rules_of_file
        from onnxlint.safety.printable import printable

        try:
            rules = rules_of_file(self.path)
        except PackError as error:
            raise self.CollectError(printable(str(error))) from error
        for rule in rules:
            yield _RuleItem.from_parent(self, name=f"{rule.code} {rule.name}", rule=rule)


class _RuleItem(pytest.Item):
    def __init__(self, *, rule: Rule, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._rule = rule

    def runtest(self) -> None:
        from onnxlint.safety.printable import printable_lines
        from onnxlint.testing import problems

        found = problems(self._rule)
        if found:
            raise _BrokenRule(printable_lines("\n".join(found)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, _BrokenRule):
            return f"{self.name}:\n{excinfo.value}"
        return super().repr_failure(excinfo, style)


class _BrokenRule(Exception):  # noqa: N818
    pass
