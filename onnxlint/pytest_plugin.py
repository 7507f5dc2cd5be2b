"""pytest runs the examples of a team's rules, and lints models.

`onnxlint_rules` names files and folders with rules; `pytest --onnxlint models/`, or the setting
`onnxlint_models`, files and folders with models. The fixture `onnx_model` is for tests of a team.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from onnxlint.asserting import OnnxModel
    from onnxlint.rules.rule import Rule


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the settings."""
    help_text = "files and folders with onnxlint rules, whose examples are run as tests"
    parser.addini("onnxlint_rules", help_text, type="paths", default=[])
    help_text = "files and folders with ONNX models, which are linted as tests"
    parser.addini("onnxlint_models", help_text, type="paths", default=[])
    group = parser.getgroup("onnxlint")
    group.addoption("--onnxlint", action="store_true", help="lint ONNX models as tests")


def pytest_configure(config: pytest.Config) -> None:
    """Names the marker that models have."""
    config.addinivalue_line("markers", "onnxlint: a model, linted by onnxlint")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Ends the processes that run models."""
    if "onnxlint.pytest_models" in sys.modules:
        from onnxlint import pytest_models

        pytest_models.end(session)


@pytest.fixture
def onnx_model() -> type[OnnxModel]:
    """Makes a model under test: `onnx_model("net.onnx", data="x.npz").assert_finite()`."""
    from onnxlint.asserting import OnnxModel

    return OnnxModel


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects models, and the rule files that the setting names."""
    if file_path.suffix.lower() == ".onnx":
        return _model(file_path, parent)
    if not _is_named(file_path, "onnxlint_rules", parent.config):
        return None
    from onnxlint.rules.packs import RULE_SUFFIXES

    if file_path.suffix not in RULE_SUFFIXES:
        return None
    return _RuleFile.from_parent(parent, path=file_path)


def _is_named(file: Path, setting: str, config: pytest.Config) -> bool:
    return any(file.is_relative_to(Path(path)) for path in config.getini(setting))


def _model(file: Path, parent: pytest.Collector) -> pytest.Collector | None:
    asked = parent.config.getoption("--onnxlint")
    if not asked and not _is_named(file, "onnxlint_models", parent.config):
        return None
    from onnxlint.pytest_models import ModelFile

    return ModelFile.from_parent(parent, path=file)


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
