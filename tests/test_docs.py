"""The documentation that `make docs` writes: nothing about a rule is kept by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from onnxlint.rules.packs import discover

REFERENCE = Path(__file__).parent.parent / "tools" / "docs" / "reference.py"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("reference", REFERENCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


@pytest.mark.parametrize("rule", discover().rules, ids=lambda rule: rule.code)
def test_every_rule_has_a_page_with_its_examples_and_options(rule, pages):
    page = pages[f"rules/{rule.family}/{rule.code}.md"]
    assert page.startswith(f"# {rule.code} {rule.name}\n\n**{rule.severity}**: ")
    for example in (*rule.documentation.bad, *rule.documentation.good):
        assert f"```text\n{example}\n```" in page
    for option in rule.options:
        assert f"| `{option}` |" in page
    assert (
        f"| {rule.code} | [{rule.name}]({rule.family}/{rule.code}.md) |" in pages["rules/index.md"]
    )


def test_links_of_the_readme_lead_to_pages(pages):
    for target in ("patterns.md", "probing.md", "demo.svg", "fixtures.md"):
        assert f"]({target})" in pages["index.md"]
    assert "](docs/" not in pages["index.md"]
