"""Writes a page for every rule, and their list, while mkdocs builds the site: `make docs`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from onnxlint.cli.rules import described
from onnxlint.rules.packs import discover
from onnxlint.rules.rule import Rule

ROOT = Path(__file__).parents[2]
SPECIAL = re.compile(r"([\\*_{}\[\]#])")


def on_files(files: Any, config: Any) -> Any:
    """Called by mkdocs: adds what lies in no file of docs/."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """The text of each generated page, by its path in the site."""
    rules = discover().rules
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    readme = readme.replace("](fixtures/README.md)", "](fixtures.md)")
    fixtures = (ROOT / "fixtures" / "README.md").read_text(encoding="utf-8")
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8").replace("](docs/", "](")
    return {
        "index.md": readme.replace("](SECURITY.md)", "](security.md)"),
        "security.md": security,
        "fixtures.md": fixtures,
        "rules/index.md": "\n".join(_index(rules)),
        **{f"rules/{rule.family}/{rule.code}.md": "\n".join(_page(rule)) for rule in rules},
    }


def _index(rules: list[Rule]) -> Iterator[str]:
    yield f"# Rules\n\n{len(rules)} rules."
    for family, group in groupby(rules, key=lambda rule: rule.family):
        yield f"\n## {family}\n\n| code | name | severity | finds |\n|---|---|---|---|"
        for rule in group:
            summary = _prose(" ".join(rule.documentation.summary.split())).replace("|", "&#124;")
            link = f"[{rule.name}]({family}/{rule.code}.md)"
            severity = f"{rule.severity}{'' if rule.default else ', off'}"
            yield f"| {rule.code} | {link} | {severity} | {summary} |"


def _page(rule: Rule) -> Iterator[str]:
    documentation, facts = rule.documentation, described(rule)
    yield f"# {rule.code} {rule.name}\n\n**{rule.severity}**: {_prose(documentation.summary)}\n"
    yield f"Asks for {', '.join(facts['asks_for'])}."
    if facts["ops"]:
        yield f"Looks at {', '.join(f'`{op}`' for op in facts['ops'])}."
    if len(rule.stages) == 1:
        yield f"Only for models of stage `{facts['stages'][0]}`."
    if not rule.default:
        yield f"Off by default: ask for it by `--select {rule.code}`."
    for title, text in (("Why", documentation.why), ("Fix", documentation.fix)):
        yield f"\n## {title}\n\n{_prose(text[:1].upper() + text[1:])}"
    if facts["options"]:
        yield "\n## Options\n\n| option | type | default |\n|---|---|---|"
        for name, option in facts["options"].items():
            kind, default = html.escape(option["type"]), html.escape(repr(option["default"]))
            yield f"| `{name}` | {kind} | {default} |"
        yield f"\nThey are set in `[rules.{rule.name}]` of the configuration."
    for title, examples in (("Bad", documentation.bad), ("Good", documentation.good)):
        for example in examples:
            yield f"\n## {title}\n\n```text\n{example}\n```"


def _prose(text: str) -> str:
    """A docstring's words as Markdown: what stands in backticks is code, the rest means itself."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else SPECIAL.sub(r"\\\1", html.escape(part, quote=False))
        for part in parts
    )
