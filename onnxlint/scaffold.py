"""New packs and new rules: files to be filled in, which work before a line is changed."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from onnxlint.rules.packs import ENTRY_POINT_GROUP, Registry, rules_of_file
from onnxlint.version import __version__

_PACK = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_PREFIX = re.compile(r"[A-Z]{3,8}")
_CODE = re.compile(r"([A-Z]{3,8})(\d{3})?")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class ScaffoldError(Exception):
    """What cannot be made, and why."""


RULE = '''"""{code} {name}."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Graph, Option, Severity, rule


@rule("{code}", "{name}", severity=Severity.WARNING, ops=("Relu",))
def {function}(
    graph: Graph,
    *,
    most: Annotated[int, Option("Relu nodes that a model may have", unit="nodes")] = 1,
) -> Iterator[Finding]:
    """What is wrong, in one line.

    Why: what goes wrong, for whom.
    Fix: what to do about it.

    Bad:
    net (float[N] x) => (float[N] y) {{
        a = Relu(x)
        y = Relu(a)
    }}

    Good:
    net (float[N] x) => (float[N] y) {{
        y = Relu(x)
    }}
    """
    nodes = list(graph.nodes("Relu"))
    if len(nodes) > most:
        yield Finding(
            nodes[most],
            f"{{len(nodes)}} Relu nodes (limit {{most}})",
            measured=len(nodes),
            limit=most,
            unit="nodes",
            hint="remove the Relu that is not needed",
        )
'''

_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = "Rules of onnxlint with the prefix {prefix}."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["onnxlint>={version}"]

[project.optional-dependencies]
dev = ["mypy>=1.13", "pytest>=8", "ruff>=0.9"]

# The name is the prefix of all rules below the package.
[project.entry-points."{group}"]
{prefix} = "{package}"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]

# The examples in the docstrings of the rules are the tests.
[tool.pytest.ini_options]
testpaths = ["{package}"]
onnxlint_rules = ["{package}"]

[tool.mypy]
packages = ["{package}"]
strict = true

[tool.ruff]
line-length = 100
"""

_README = """# {name}

Rules of onnxlint with the prefix {prefix}.

    pip install -e '.[dev]'
    onnxlint rules {prefix}                        # the rules are there
    pytest                                        # their Bad and Good examples
    ruff check && mypy                            # their code
    onnxlint new rule {prefix} my-rule             # one more

A model is then linted with them wherever the pack is installed. `{package}/policy.toml` holds what
no project can turn off; a project takes it over by

    extend = "{package}:policy.toml"

in its `onnxlint.toml`, and says with `require-packs = ["{package}"]` that it is not linted without.
"""

_POLICY = """# What no configuration that extends this file can take back.
[policy]
mandatory = ["{code}"]
severities = {{{code} = "warning"}}
"""


def pack_files(name: str, prefix: str | None = None) -> dict[str, str]:
    """The files of a new pack, by their paths in its folder.

    Args:
        name: of the distribution, `acme-rules`; the package is called `acme_rules`.
        prefix: of the codes of all its rules; made of the name without it.

    Raises:
        ScaffoldError: the name or the prefix cannot be used.
    """
    if not _PACK.fullmatch(name):
        raise ScaffoldError(
            f"{name!r} is not the name of a pack: lower-case words joined by hyphens, "
            "such as acme-rules"
        )
    package = name.replace("-", "_")
    if package in sys.stdlib_module_names or package == "onnxlint":
        raise ScaffoldError(
            f"package {package!r} would hide another; choose a name like acme-rules"
        )
    prefix = prefix or re.sub("[^A-Z]", "", name.upper().split("-")[0].split("_")[0])[:8]
    if not _PREFIX.fullmatch(prefix):
        raise ScaffoldError(
            f"{prefix!r} is not a prefix: 3 to 8 capitals, such as ACME; give one with --prefix"
        )
    package, code = name.replace("-", "_"), f"{prefix}001"
    words = {"name": name, "prefix": prefix, "package": package, "code": code,
             "version": __version__, "group": ENTRY_POINT_GROUP}  # fmt: skip
    rule = RULE.format(code=code, name="too-many-relus", function="too_many_relus")
    return {
        "pyproject.toml": _PYPROJECT.format(**words),
        "README.md": _README.format(**words),
        f"{package}/__init__.py": f'"""{prefix}: what these rules have in common."""\n',
        f"{package}/policy.toml": _POLICY.format(**words),
        f"{package}/too_many_relus.py": rule,
    }


class Pack(Struct, frozen=True):
    """A folder that rules are added to: a package with an entry point, or any folder."""

    folder: Path
    prefix: str | None = None

    @classmethod
    def at(cls, path: Path, code: str = "") -> Pack:
        """The pack whose `pyproject.toml` lies in a folder; else the folder itself.

        Where that has several packages of rules, it is the one whose prefix the code has.

        Raises:
            ScaffoldError: there is no such folder, or its file names no package of rules.
        """
        if not path.is_dir():
            raise ScaffoldError(f"{str(path)!r} is no folder; 'onnxlint new pack' makes one")
        project, entries = path / "pyproject.toml", _entry_points_at(path)
        if not entries:
            return cls(path)
        parts = _CODE.fullmatch(code)
        if parts and parts[1] not in entries and len(entries) > 1:
            known = ", ".join(sorted(entries))
            raise ScaffoldError(f"{code!r} begins with no prefix of {project}: {known}")
        prefix = parts[1] if parts and parts[1] in entries else min(entries)
        package = entries[prefix]
        folders = (path / root / package.replace(".", "/") for root in (".", "src"))
        folder = next((each for each in folders if each.is_dir()), None)
        if folder is None:
            raise ScaffoldError(f"{project}: package {package!r} of {prefix} is not below it")
        return cls(folder, prefix)

    @staticmethod
    def below(path: Path) -> dict[str, list[str]]:
        """The prefixes of the packs right below a folder that is none itself, by folder.

        Raises:
            ScaffoldError: the `pyproject.toml` of one cannot be read.
        """
        projects = sorted(path.glob("*/pyproject.toml"))
        if _entry_points_at(path):
            return {}
        found = {str(each.parent): sorted(_entry_points_at(each.parent)) for each in projects}
        return {folder: prefixes for folder, prefixes in found.items() if prefixes}

    @property
    def has_rules(self) -> bool:
        """Whether there are files of rules below it."""
        return any(rules_of_file(file) for file in self.folder.rglob("*.py"))

    def rule_file(self, code: str, name: str, registry: Registry) -> tuple[Path, str]:
        """Where a new rule is written, and its text; a code without a number takes the next.

        Raises:
            ScaffoldError: the code or the name cannot be used, or is taken.
        """
        parts = _CODE.fullmatch(code)
        if parts is None:
            raise ScaffoldError(f"{code!r} is not a code: ACME, or ACME007 with its number")
        if not _NAME.fullmatch(name):
            raise ScaffoldError(
                f"{name!r} is not the name of a rule: lower-case words joined by hyphens"
            )
        if self.prefix is not None and parts[1] != self.prefix:
            raise ScaffoldError(f"{code!r} does not begin with {self.prefix}, as this pack's do")
        full = code if parts[2] else _next_free(parts[1], registry)
        taken = [rule for rule in registry.rules if full == rule.code or name == rule.name]
        file = self.folder / f"{name.replace('-', '_')}.py"
        if taken or file.exists():
            by = f"{taken[0].code} {taken[0].name!r}" if taken else str(file)
            raise ScaffoldError(f"{full} {name!r} is taken by {by}; choose another")
        return file, RULE.format(code=full, name=name, function=file.stem)


def _entry_points_at(folder: Path) -> Mapping[str, str]:
    project = folder / "pyproject.toml"
    return _entry_points(project) if project.is_file() else {}


def _entry_points(project: Path) -> Mapping[str, str]:
    try:
        table = tomllib.loads(project.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScaffoldError(f"{project}: cannot be read ({error})") from error
    points = table.get("project", {}).get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    return {str(name): str(package) for name, package in points.items()}


def _next_free(prefix: str, registry: Registry) -> str:
    numbers = [int(rule.code[-3:]) for rule in registry.rules if rule.family == prefix]
    return f"{prefix}{max(numbers, default=0) + 1:03}"
