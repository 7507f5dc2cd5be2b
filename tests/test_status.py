"""What a rule says of itself beside its findings: status, first version, references, a way out."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from conftest import SOUND
from packaging.version import Version

from onnxlint import lint
from onnxlint.cli.check import command as check
from onnxlint.cli.explain import command as explain
from onnxlint.cli.rules import command as rules
from onnxlint.rules.documentation import Documentation
from onnxlint.rules.packs import PackError, discover, rules_in_path
from onnxlint.rules.references import cited
from onnxlint.version import __version__

PACK = '''
from onnxlint import Finding, Graph, Severity, rule

SINCE = "1.4"


@rule("ACME001", "old-rule", severity=Severity.ERROR)
def old_rule(graph: Graph):
    """A model.

    Why: see arXiv 1706.04599, onnx issues 3182 and 12, and https://example.com/why.
    Fix: write another.

    Bad: net (float[N] x) => (float[N] y) { y = Cos(x) }

    Good: net (float[N] x) => (float[N] y) { y = Sin(x) }

    Good:
    # as good
    net (float[N] x) => (float[N] y) { y = Tan(x) }
    """
    yield Finding(graph.main, "there is a model")


@rule("ACME002", "new-rule", severity=Severity.ERROR, since="2.0b1", preview=True)
def new_rule(graph: Graph):
    """Another model."""
    yield Finding(graph.main, "there is another")


@rule("ACME003", "rare-rule", severity=Severity.ERROR, preview=True, default=False)
def rare_rule(graph: Graph):
    """A third model."""
    yield Finding(graph.main, "there is a third")
'''

TABLE = """
[[rule]]
code = "ACME004"
name = "no-cosine"
severity = "error"
message = "a cosine"
pattern = "y = Cos(x)"
since = "2.1"
preview = true
"""


@pytest.fixture
def pack(tmp_path):
    (tmp_path / "pack").mkdir()
    path = tmp_path / "pack" / "rules.py"
    path.write_text(PACK)
    return path


RUNS = {
    (): {"ACME001"},
    ("--select", "ACME"): {"ACME001"},
    ("--select", "ACME,ACME002"): {"ACME001", "ACME002"},
    ("--select", "new-rule"): {"ACME002"},
    ("--preview",): {"ACME001", "ACME002"},
    ("--preview", "--select", "ACME"): {"ACME001", "ACME002"},
    ("--preview", "--ignore", "ACME002"): {"ACME001"},
    ("--select", "ACME003"): {"ACME003"},
}


@pytest.mark.parametrize("options", RUNS, ids=" ".join)
def test_a_preview_rule_runs_only_if_it_is_asked_for(options, pack, write_model):
    arguments = [write_model(SOUND), "--static-only", "--rules", pack, "--format", "json", *options]
    done = CliRunner().invoke(check, [str(each) for each in arguments])
    (model,) = json.loads(done.stdout)["models"]
    assert {f["code"] for f in model["findings"] if f["code"].startswith("ACME")} == RUNS[options]


def test_a_configuration_asks_for_previews(pack, write_model, tmp_path):
    file = tmp_path / "onnxlint.toml"
    file.write_text('preview = true\nselect = ["ACME"]')
    report = lint(write_model(), config=file, rules=[pack])
    assert [finding.code for finding in report.findings] == ["ACME001", "ACME002"]
    report = lint(write_model(), select=["ACME"], rules=[pack], preview=True)
    assert [finding.code for finding in report.findings] == ["ACME001", "ACME002"]


def test_a_table_has_a_status_and_a_version(tmp_path):
    (tmp_path / "rules.toml").write_text(TABLE)
    (rule,) = rules_in_path(tmp_path / "rules.toml")
    assert (rule.status, rule.since) == ("preview", "2.1")
    assert not rule.runs_unasked()
    assert rule.runs_unasked(preview=True)


def test_since_is_a_version(pack):
    pack.write_text(PACK.replace('"2.0b1"', '"soon"'))
    with pytest.raises(PackError, match=r"ACME002: since 'soon' must be a version, such as '0\.2'"):
        rules_in_path(pack)


def test_the_list_of_rules_tells_status_and_version(pack):
    done = CliRunner().invoke(rules, ["ACME", "--rules", str(pack), "--format", "json"])
    listed = {each["code"]: each for each in json.loads(done.stdout)}
    told = {code: (each["since"], each["status"]) for code, each in listed.items()}
    assert told == {
        "ACME001": ("1.4", "stable"),
        "ACME002": ("2.0b1", "preview"),
        "ACME003": ("1.4", "preview"),
    }
    table = CliRunner().invoke(rules, ["ACME", "--rules", str(pack)]).stdout
    assert "error, preview" in table
    assert "error, off, preview" in table
    assert "3 rules, 1 off by default, 2 in preview (--preview)" in table


def test_the_page_of_a_rule(pack):
    def page(code):
        return CliRunner().invoke(explain, [code, "--rules", str(pack)]).stdout

    old = page("ACME001")
    assert "  Stable, since 1.4.\n" in old
    assert old.index("Bad\n") < old.index("Use instead\n  net") < old.index("Good\n  # as good")
    assert old.count("Sin(x)") == 1
    assert old.endswith(
        "References\n"
        "  onnx issue 3182: https://github.com/onnx/onnx/issues/3182\n"
        "  onnx issue 12: https://github.com/onnx/onnx/issues/12\n"
        "  arXiv 1706.04599: https://arxiv.org/abs/1706.04599\n"
        "  https://example.com/why\n\n"
    )
    new = " ".join(page("ACME002").split())
    assert "Preview, since 2.0b1. Preview rules may still change or be removed. --preview or" in new
    assert "References" not in new
    assert "Off by default; --select ACME003 runs it." in " ".join(page("ACME003").split())


def test_built_in_rules_say_since_when():
    for rule in discover().rules:
        assert rule.since, rule.code
        assert Version(rule.since) <= Version(__version__), rule.code


INSTEAD = {
    "the first good example": ("Good: a\nGood: b", ("a",)),
    "none, if it is said to be an exception": ("Good:\n# exempt\na\nGood: b", ()),
    "behind a header": ('Good:\n<ir_version: 8, opset_import: ["" : 17]>\n# exempt\na', ()),
    "with data": ("Good:\n# data: x = [[1]]\n# stage: init\na",
                  ("# data: x = [[1]]\n# stage: init\na",)),
    "data of an exception": ("Good:\n# data: x = [[1]]\n# exempt\na", ()),
    "what is marked": ("Good: a\nInstead: b\nInstead:\n# how\nc", ("b", "# how\nc")),
    "nothing": ("Bad: a", ()),
}  # fmt: skip


@pytest.mark.parametrize("case", INSTEAD)
def test_what_to_use_instead(case):
    docstring, instead = INSTEAD[case]
    documentation = Documentation.parse(f"Finds it.\n\n{docstring}")
    assert documentation.instead == instead
    assert {*instead} <= {*documentation.good}


def test_examples_of_what_to_use_instead_are_tested(tmp_path):
    from onnxlint.testing import problems

    path = tmp_path / "rules.py"
    path.write_text(PACK.replace("Good:\n", "Instead:\n"))
    found = problems(rules_in_path(path)[0])
    assert found == ["the Good example fires: there is a model"] * 2


CITED = {
    "(PyTorch issue 99613,\nonnx issue 3182)": [
        "https://github.com/pytorch/pytorch/issues/99613",
        "https://github.com/onnx/onnx/issues/3182",
    ],
    "nobody issue 12, version issue": [],
    "arXiv:2103.03404v2 and arXiv 1706.04599.": ["https://arxiv.org/abs/1706.04599"],
    "arXiv:2103.03404, twice arXiv 2103.03404": ["https://arxiv.org/abs/2103.03404"],
    "see `https://a.example/x?y=1#z`, (http://b.example/).": [
        "https://a.example/x?y=1#z", "http://b.example/",
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", CITED)
def test_what_a_text_cites(text):
    assert [address for _, address in cited(text)] == CITED[text]
