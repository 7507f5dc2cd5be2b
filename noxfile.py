"""The tests over the Pythons, and over the oldest and newest packages, that are supported.

`nox` runs what the installed Pythons can; `nox --list` names the sessions, and arguments after `--`
go to pytest: `nox -s lowest -- tests/test_graph.py`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import nox

PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
QUICK = ["-n", "auto", "-m", "(unit or examples) and not (slow or docs)"]

nox.options.error_on_missing_interpreters = False


def lowest_versions() -> list[str]:
    """What pyproject.toml allows at the lowest, run-time packages and extras alike."""
    extras = PROJECT["optional-dependencies"]
    users = ("baseline", "dask", "data", "fix", "report", "tensorboard", "view")
    named = [*PROJECT["dependencies"], *(each for name in users for each in extras[name])]
    return [requirement.replace(">=", "==") for requirement in named]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests of units and examples with the newest packages that pip finds."""
    session.install("--quiet", "--upgrade", "--upgrade-strategy", "eager", ".[test]")
    session.run("pytest", *(session.posargs or QUICK))


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The same with the oldest packages that are allowed, on the oldest Python."""
    session.install("--quiet", ".[test]", *lowest_versions())
    session.run("pytest", *(session.posargs or QUICK))


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Format, style, types and the contracts between modules."""
    session.install("--quiet", ".[dev]")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")
