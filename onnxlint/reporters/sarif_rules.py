"""Rules as SARIF describes them: what they find, why it matters, how to fix it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import shortened
from onnxlint.reporters.protocol import Run
from onnxlint.rules.rule import Rule
from onnxlint.safety.printable import printable, printable_lines
from onnxlint.safety.trust import GUARDED_FAMILIES
from onnxlint.severity import Severity

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

LONGEST_NAME = 255
LONGEST_DESCRIPTION = 1024
"""Characters that GitHub takes."""

_PROBLEM = {"error": "error", "warning": "warning", "note": "recommendation"}

_SECURITY = {"error": "8.0", "warning": "5.0", "note": "2.0"}
"""Scores of rules about safety, by their level: GitHub calls them high, medium and low. A choice:
what a file can do to its reader is the same score whatever the file."""


def descriptors(run: Run, found: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """The rules that were chosen, whether or not they found anything, and those of findings."""
    rules = {code: _descriptor(rule) for code, rule in run.rules.items()}
    for finding in found:
        if finding.code not in rules:
            rules[finding.code] = _of_finding(finding)
    return [rules[code] for code in sorted(rules)]


def _descriptor(rule: Rule) -> dict[str, Any]:
    about = rule.documentation
    summary = _line(about.summary) or rule.name
    full = " ".join(filter(None, (summary, _line(about.why))))
    level = LEVELS[rule.severity]
    is_guard = rule.family in GUARDED_FAMILIES
    return {
        "id": rule.code,
        "name": rule.name[:LONGEST_NAME],
        "shortDescription": {"text": shortened(summary, LONGEST_DESCRIPTION)},
        "fullDescription": {"text": shortened(full, LONGEST_DESCRIPTION)},
        "defaultConfiguration": {"level": level},
        "help": {"text": _help(rule, "{}:"), "markdown": _help(rule, "**{}**")},
        "properties": {
            "tags": [rule.family, *(["security"] if is_guard else [])],
            "problem.severity": _PROBLEM[level],
            **({"security-severity": _SECURITY[level]} if is_guard else {}),
        },
    }


def _help(rule: Rule, heading: str) -> str:
    about = rule.documentation
    parts = [printable_lines(about.summary) or rule.name]
    for title, text in (("Why", about.why), ("Fix", about.fix)):
        if text:
            parts.append(f"{heading.format(title)} {printable_lines(text)}")
    parts.append(f"{heading.format('More')} onnxlint explain {rule.code}")
    return "\n\n".join(parts)


def _of_finding(finding: Diagnostic) -> dict[str, Any]:
    """What is known of a rule of which there are findings only, as of the engine's own."""
    text = {"text": f"{finding.name.replace('-', ' ')}"}
    return {
        "id": finding.code,
        "name": finding.name[:LONGEST_NAME],
        "shortDescription": text,
        "fullDescription": text,
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "help": {**text, "markdown": text["text"]},
        "properties": {"tags": [finding.code.rstrip("0123456789")]},
    }


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
