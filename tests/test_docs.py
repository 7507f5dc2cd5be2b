"""The documentation that `make docs` writes: built strictly, complete, and readable on a phone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import api_pages
import jsonschema
import pytest
import reference
import rule_pages
import schemas
from browsing import QUIETLY
from families import FAMILIES

import onnxlint
from onnxlint.cli.main import COMMANDS
from onnxlint.rules.packs import discover
from onnxlint.rules.references import CITED, REPOSITORIES

ROOT = Path(__file__).parent.parent
FLAWED = ROOT / "fixtures" / "demo" / "flawed.onnx"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """All generated pages; those about the Python interface take seconds."""
    return reference.pages()


@pytest.fixture(scope="module")
def of_rules() -> dict[str, str]:
    return rule_pages.pages()


@pytest.mark.parametrize("rule", discover().rules, ids=lambda rule: rule.code)
def test_every_rule_has_a_page_with_its_examples_and_options(rule, of_rules):
    page = of_rules[f"rules/{rule.family}/{rule.code}.md"]
    assert page.startswith(f"# {rule.code} {rule.name}\n\n**{rule.severity}**: ")
    for example in (*rule.documentation.bad, *rule.documentation.good):
        assert f"```text\n{example}\n```" in page
    for option in rule.options:
        assert f"| `{option}` |" in page
    assert (
        f"| {rule.code} | [{rule.name}]({rule.family}/{rule.code}.md) |"
        in of_rules["rules/index.md"]
    )
    listed = f"| {rule.code} | [{rule.name}]({rule.code}.md) |"
    assert listed in of_rules[f"rules/{rule.family}/index.md"]


def test_every_family_has_a_title_and_an_introduction(of_rules):
    assert {rule.family for rule in discover().rules} == FAMILIES.keys()
    for family, about in FAMILIES.items():
        assert about.heading.startswith(f"{family}: ")
        assert about.introduction in of_rules[f"rules/{family}/index.md"]


def test_rules_that_name_each_other_are_related(of_rules):
    known = {rule.code: f"rules/{rule.family}/{rule.code}.md" for rule in discover().rules}
    for rule in discover().rules:
        parts = rule.documentation
        named = re.findall(r"\b[A-Z]{3}\d{3}\b", f"{parts.summary} {parts.why} {parts.fix}")
        for code in {*named} & known.keys() - {rule.code}:
            assert f"- [{code}](../{code[:3]}/{code}.md) " in of_rules[known[rule.code]]
            assert f"- [{rule.code}](../{rule.family}/{rule.code}.md) " in of_rules[known[code]]


def test_issues_that_a_rule_cites_are_links(of_rules):
    page = of_rules["rules/QNT/QNT003.md"]
    for number in (5849, 6004):
        address = f"https://github.com/microsoft/onnxruntime/issues/{number}"
        assert f"- [onnxruntime issue {number}]({address})" in page


def test_every_project_whose_issues_are_cited_is_known():
    for rule in discover().rules:
        words = " ".join(f"{rule.documentation.why} {rule.documentation.fix}".split())
        for name, _ in CITED.findall(words):
            assert name.lower() in REPOSITORIES.keys() | {"in", "v"}, rule.code


def test_links_of_the_readme_lead_to_pages(pages):
    for target in ("patterns.md", "probing.md", "demo.svg", "fixtures.md"):
        assert f"]({target})" in pages["index.md"]
    assert "](docs/" not in pages["index.md"]


def test_every_exported_name_is_documented(pages):
    documented = api_pages.documented()
    assert set(onnxlint.__all__) <= documented.keys()
    for path in documented.values():
        page = pages[f"reference/{api_pages.topic_of(path).path}.md"]
        assert f"\n::: {path}\n" in page


def test_every_analysis_says_what_it_costs_and_whether_it_runs_the_model(pages):
    assert api_pages.analyses().keys() == api_pages.COSTS.keys()
    for name in api_pages.analyses():
        assert f"\n| [{name}][" in pages["reference/analyses/index.md"]


def test_types_that_analyses_hand_out_are_documented():
    assert {"Prediction", "Statistics", "Repeat", "Range"} <= api_pages.documented().keys()


def test_modules_of_their_own_are_documented_whole(pages):
    for module, names in {"asserting": ("OnnxModel", "assert_clean"),
                          "mlflow": ("gate", "log_report", "GateError")}.items():  # fmt: skip
        page = pages[f"reference/{module}.md"]
        assert all(f"\n::: onnxlint.{module}.{name}\n" in page for name in names)
        assert page.count("\n::: ") == len(names)


def test_every_field_of_a_diff_is_on_its_page(pages):
    page = pages["reference/diff_report.md"]
    schema = json.loads((schemas.FOLDER / "diff.json").read_text(encoding="utf-8"))
    parts = [schema, *schema["properties"].values(), *schema["$defs"].values()]
    fields = {field for part in parts for field in part.get("properties", ())}
    assert {"to_wrong", "compared", "structural_fingerprint"} <= fields
    assert [field for field in fields if f"| `{field}` | " not in page] == []


def test_every_command_and_option_is_on_the_page(pages):
    page = pages["reference/command_line.md"]
    for name in COMMANDS:
        assert f"\n## onnxlint {name}\n" in page
    assert "| `--fail-on [error\\|warning\\|info]` |" in page


@pytest.mark.parametrize("name", ["config", "report", "jsonl", "diff", "history"])
def test_schemas_in_the_package_are_current(name):
    """If not: `python tools/docs/schemas.py`."""
    written = (schemas.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert written == schemas.rendered(getattr(schemas, name)())
    jsonschema.Draft202012Validator.check_schema(json.loads(written))


@pytest.mark.fresh
def test_schema_command(onnxlint):
    for name in ("config", "report", "jsonl", "diff", "history"):
        printed = onnxlint("schema", name).stdout
        assert printed == (schemas.FOLDER / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        [FLAWED, "--trace", "full"],
        [FLAWED, "--fix", "--fix-output", "fixed.onnx"],
        ["broken.onnx"],
    ],
    ids=["trace", "fix", "unreadable"],
)
def test_reports_follow_their_schema(onnxlint, arguments, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    report = json.loads(onnxlint(*arguments, "--format", "json").stdout)
    schema = json.loads((schemas.FOLDER / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(report)


def test_configurations_follow_their_schema():
    schema = json.loads((schemas.FOLDER / "config.json").read_text(encoding="utf-8"))
    check = jsonschema.Draft202012Validator(schema)
    for page in ("README.md", "docs/guides/data.md", "docs/guides/ignoring.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
            table = json.dumps(tomllib.loads(block), default=str)  # JSON has no dates
            check.validate(json.loads(table))
    assert not check.is_valid({"fail-onn": "error"})
    assert not check.is_valid({"rules": {"dead-relu": {"max-dead": 1}}})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("material") is None or find_spec("mkdocstrings") is None:
        pytest.skip("mkdocs-material and mkdocstrings are not installed: pip install '.[docs]'")
    made = tmp_path_factory.mktemp("docs") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(made)],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return made


@pytest.mark.docs
def test_the_site_is_built_strictly_and_loads_nothing_from_elsewhere(site):
    rules = len(discover().rules)
    assert len(list(site.glob("rules/*/*/index.html"))) == rules
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", text):
            assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", tag), (page, tag)


@pytest.mark.docs
def test_no_page_is_wider_than_a_window_or_a_phone(site, tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    measured = widths(browser, site, tmp_path)
    assert len(measured) == len(WIDTHS) * len(list(shown_pages(site)))
    assert [page for page in measured if page.width > page.window] == []


WIDTHS = 1280, 390


class Measured(NamedTuple):
    window: int
    name: str
    width: int


def widths(browser: str, site: Path, folder: Path) -> list[Measured]:
    """How wide each page became, in windows of two widths."""
    frames = folder / "frames.html"
    frames.write_text(measuring(site), encoding="utf-8")
    seen = subprocess.run(
        [browser, *QUIETLY, "--allow-file-access-from-files",
         f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=90000", "--dump-dom",
         frames.as_uri()],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    lines = re.findall(r"<li>(\d+) (\S+) (\d+)</li>", seen.stdout)
    return [Measured(int(window), name, int(width)) for window, name, width in lines]


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def shown_pages(site: Path) -> Iterator[Path]:
    """Every page but those of rules, which are alike: of these the first of each family."""
    for page in sorted(site.rglob("index.html")):
        parts = page.relative_to(site).parts
        if parts[0] != "rules" or len(parts) < 4 or parts[2].endswith("001"):
            yield page.relative_to(site)


def measuring(site: Path) -> str:
    """A page that shows each page in a frame, in one width after the other, and lists its widths.

    To load a page costs more than to lay it out: that is done once.
    """
    addresses = json.dumps([[str(page), (site / page).as_uri()] for page in shown_pages(site)])
    return f"""<!doctype html><ul id="seen"></ul><script>
    (async () => {{
      for (const [name, address] of {addresses}) {{
        const frame = document.createElement("iframe");
        frame.style.cssText = "width:{WIDTHS[0]}px;height:800px;border:0";
        frame.src = address;
        document.body.append(frame);
        await new Promise(done => frame.onload = done);
        for (const width of {list(WIDTHS)}) {{
          frame.style.width = `${{width}}px`;
          await new Promise(done => setTimeout(done, 50));
          const page = frame.contentDocument.documentElement;
          const item = document.createElement("li");
          item.textContent = `${{width}} ${{name}} ${{page.scrollWidth}}`;
          document.getElementById("seen").append(item);
        }}
        frame.remove();
      }}
    }})();
    </script>"""
