"""Writes the rule reference as HTML, from the docstrings alone: `make docs`.

python docs/make_reference.py FOLDER
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from onnxlint.packs import discover
from onnxlint.rules import Rule

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}
pre{background:#f4f4f4;padding:.8rem;overflow:auto}table{border-collapse:collapse}
td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}"""


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rules = discover().rules
    for rule in rules:
        title = f"{rule.code} {rule.name}"
        (folder / f"{rule.name}.html").write_text(_page(title, _rule(rule)), encoding="utf-8")
    (folder / "index.html").write_text(_page("Rules", _index(rules)), encoding="utf-8")
    print(f"{len(rules)} rules in {folder / 'index.html'}")


def _page(title: str, lines: Iterator[str]) -> str:
    body = "\n".join(lines)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><body>\n{body}\n</body></html>\n"
    )


def _index(rules: list[Rule]) -> Iterator[str]:
    yield "<h1>Rules</h1>"
    for family, group in groupby(rules, key=lambda rule: rule.family):
        yield f"<h2>{family}</h2><table>"
        for rule in group:
            link = f'<a href="{rule.name}.html">{rule.name}</a>'
            summary = html.escape(rule.documentation.summary)
            yield f"<tr><td>{rule.code}<td>{link}<td>{rule.severity}<td>{summary}"
        yield "</table>"


def _rule(rule: Rule) -> Iterator[str]:
    documentation = rule.documentation
    yield '<p><a href="index.html">Rules</a></p>'
    yield f"<h1>{rule.code} {rule.name}</h1>"
    yield f"<p>{rule.severity}: {html.escape(documentation.summary)}</p>"
    yield f"<h2>Why</h2><p>{html.escape(documentation.why)}</p>"
    yield f"<h2>Fix</h2><p>{html.escape(documentation.fix)}</p>"
    if rule.options:
        yield "<h2>Options</h2><table>"
        for name, option in rule.options.items():
            yield f"<tr><td><code>{name}</code><td>default {html.escape(repr(option.default))}"
        yield "</table>"
    for title, examples in (("Bad", documentation.bad), ("Good", documentation.good)):
        for example in examples:
            yield f"<h2>{title}</h2><pre>{html.escape(example)}</pre>"


if __name__ == "__main__":
    main()
