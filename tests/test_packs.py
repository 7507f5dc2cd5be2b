"""Rules of a team: found by path, refused with one sentence when broken, tested by examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onnxlint.rules.packs import PackError, discover, rules_in_path
from onnxlint.rules.rule import RuleError, rule
from onnxlint.testing import Example, problems

pytest_plugins = ["pytester"]

RULE = '''
"""A team's rule."""
from onnxlint import Finding, Graph, Severity, rule


@rule("ACME001", "no-cosine", severity=Severity.WARNING, ops=("Cos",))
def no_cosine(graph: Graph, *, limit: int = 0):
    """A cosine.

    Why: our accelerator has none.
    Fix: use a sine.

    Bad: net (float[N] x) => (float[N] y) {y = Cos(x)}

    Good: net (float[N] x) => (float[N] y) {y = Sin(x)}
    """
    for node in graph.nodes("Cos"):
        yield Finding(node, "there is a cosine", measured=1, limit=limit)
'''

COSINE = "net (float[N] x) => (float[N] y) {y = Cos(x)}"


def test_lines_beside_an_example(tmp_path):
    example = Example.parse(
        "# stage: init\n# data: x = [[1.5], [2]]\n# config: seed = 7\n"
        "# config: outputs.y.range = [0, 1]\n# no directive\n>>> model.graph.name = 'm'\n"
        "n (float[N, 1] x) => (float[N, 1] y) { y = Relu(x) }"
    )
    model = example.model(tmp_path)
    settings = example.settings_in(tmp_path)
    with np.load(settings.data) as data:
        assert (data["x"].tolist(), data["x"].dtype) == ([[1.5], [2.0]], np.float32)
    assert (example.stage, model.graph.name, settings.seed) == ("init", "m", 7)
    assert settings.outputs["y"].range == (0, 1)


@pytest.fixture
def write_rule(tmp_path):
    def write(text: str = RULE, name: str = "team/no_cosine.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_rules_of_a_file_and_of_a_folder(write_rule):
    path = write_rule()
    assert [found.code for found in rules_in_path(path)] == ["ACME001"]
    assert [found.name for found in rules_in_path(path.parent)] == ["no-cosine"]


@pytest.mark.fresh
def test_a_teams_rule_is_as_good_as_ours(write_rule, write_model, onnxlint, tmp_path):
    path = write_rule()
    model = write_model(COSINE)
    assert "ACME001 no-cosine" in onnxlint(model, "--static-only", "--rules", path).stdout
    assert "our accelerator has none" in onnxlint("explain", "no-cosine", "--rules", path).stdout
    (tmp_path / "onnxlint.toml").write_text(
        "rule-paths = ['team']\n[rules.no-cosine]\nseverity = 'error'\nlimit = 3"
    )
    done = onnxlint(model, "--static-only", "--format", "json")
    assert done.returncode == 1
    assert '"limit": 3' in done.stdout


BROKEN = {
    "raises": (RULE.replace("@rule", "1 / 0\n@rule"), "ZeroDivisionError"),
    "syntax": (RULE.replace("def ", "dfe "), "SyntaxError"),
    "code": (RULE.replace("ACME001", "acme-1"), "capital letters and three digits"),
    "name": (RULE.replace("no-cosine", "No Cosine"), "words joined by hyphens"),
    "untyped": (RULE.replace("graph: Graph", "graph"), "needs a type"),
    "no default": (RULE.replace("limit: int = 0", "limit: int"), "needs a default"),
    "reserved": (RULE.replace("ACME001", "LNT001"), "reserved"),
    "clash of codes": (RULE.replace("ACME001", "ACT003"), "clashes with ACT003"),
    "clash of names": (RULE.replace("no-cosine", "dead-relu"), "clashes with ACT003"),
    "no rule": ("x = 1", "contains no rules"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_pack_ends_with_one_sentence(case, write_rule, write_model, onnxlint):
    text, sentence = BROKEN[case]
    done = onnxlint(write_model(), "--static-only", "--rules", write_rule(text))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr


def test_a_crashing_rule_is_reported_and_the_others_run(write_rule, write_model, onnxlint):
    crashing = RULE.replace("    for node", "    1 / 0\n    for node")
    model = write_model("net (float[N] x, float[N] z) => (float[N] y) {y = Cos(x)}")
    done = onnxlint(model, "--static-only", "--rules", write_rule(crashing))
    assert done.returncode == 2
    assert "rule ACME001 'no-cosine' crashed: ZeroDivisionError" in done.stdout
    assert (
        "hint: report no_cosine.py:17 to the author of rule ACME001, or leave the rule out with "
        "--ignore ACME001\n"
    ) in done.stdout
    assert "GRA004 unused-input" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_required_packs(write_model, onnxlint, tmp_path):
    (tmp_path / "onnxlint.toml").write_text("require-packs = ['acme_rules']")
    done = onnxlint(write_model(), "--static-only")
    assert done.returncode == 2
    assert "requires pack 'acme_rules'" in done.stderr


@pytest.mark.parametrize(
    ("written", "meant"),
    [("dead-rleu", "dead-relu"), ("ATC", "ACT"), ("prd", "PRD"), ("act003", "ACT003")],
)
def test_selectors_suggest(written, meant):
    with pytest.raises(PackError, match=f"did you mean '{meant}'"):
        discover().select(written)


@pytest.mark.fresh
def test_test_rules_command(write_rule, onnxlint):
    good = onnxlint("test-rules", write_rule())
    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "1 passed, 0 failed")
    silent = RULE.replace("Bad: net (float[N] x) => (float[N] y) {y = Cos(x)}",
                          "Bad: net (float[N] x) => (float[N] y) {y = Tan(x)}")  # fmt: skip
    bad = onnxlint("test-rules", write_rule(silent, "silent.py"))
    assert bad.returncode == 1
    assert "the Bad example does not fire" in bad.stdout
    unknown = onnxlint("test-rules", write_rule(), "--select", "ACM002")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("Error: unknown rule 'ACM002'")


def test_examples_are_held_to_their_word(write_rule):
    noisy = RULE.replace("{y = Sin(x)}", "{y = Cos(x)}").replace("Why:", "Because:")
    (made,) = rules_in_path(write_rule(noisy))
    first, second = problems(made)
    assert "no why: section" in first
    assert "Good example fires" in second


def test_pytest_plugin_runs_the_examples_of_a_team(pytester):
    pytester.makeini("[pytest]\nonnxlint_rules = team")
    pytester.mkdir("team").joinpath("no_cosine.py").write_text(RULE)
    broken = (
        RULE.replace("ACME001", "ACME002").replace("no-cosine", "x").replace("Cos(x)", "Tan(x)")
    )
    pytester.path.joinpath("team", "broken.py").write_text(broken)
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*the Bad example does not fire*"])


def test_a_rule_needs_a_docstring():
    from onnxlint import Finding, Graph, Severity

    def silent(graph: Graph):
        yield Finding(graph.main, "")

    with pytest.raises(RuleError, match="a docstring is missing"):
        rule("ACME001", "silent", severity=Severity.INFO)(silent)


def test_the_public_function_stays_a_function(write_model):
    from onnxlint import lint

    assert lint(write_model(), select=["GRA"]).complete
    from onnxlint import lint as again

    assert again is lint
