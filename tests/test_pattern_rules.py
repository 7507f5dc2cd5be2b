"""Rules in TOML: as good as any other, and refused with the file, the rule and the place."""

from __future__ import annotations

import json

import pytest
from conftest import FLAWED, SOUND

from onnxlint import lint
from onnxlint.config import load
from onnxlint.rules.packs import PackError, rules_in_path
from onnxlint.testing import problems

pytest_plugins = ["pytester"]

HEAD = """
[[rule]]
code = "ACME001"
name = "double-softmax"
severity = "warning"
message = "{b} reads {a}"
"""
RULE = f'''{HEAD}
pattern = """
    a = Softmax(x)
    b = Softmax(a)
"""
why = "The second one flattens the first."
bad = """{FLAWED}"""
good = ["""{SOUND}"""]
'''
OTHER = """
[[rule]]
code = "ACME002"
name = "product"
severity = "info"
message = "a product with {w}"
pattern = "y = MatMul(x, w)"
"""


@pytest.fixture
def write(tmp_path):
    def write_text(text: str, name: str = "onnxlint.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write_text


def findings(path, **options):
    report = lint(path, select=["ACME"], trust_config=True, **options)
    assert report.complete
    return [(f.code, f.severity, f.place.node_index, f.message) for f in report.findings]


def test_a_rule_of_the_configuration_runs(write, write_model):
    write(RULE)
    assert findings(write_model(FLAWED)) == [
        ("ACME001", "warning", 2, "Softmax #2 reads Softmax #1")
    ]
    assert findings(write_model(SOUND)) == []


def test_so_does_one_in_pyproject(write, write_model):
    write(RULE.replace("[[rule]]", "[[tool.onnxlint.rule]]"), "pyproject.toml")
    assert [code for code, *_ in findings(write_model(FLAWED))] == ["ACME001"]


def test_so_do_shared_files_and_folders_of_them(write, write_model):
    shared = write(RULE, "shared/softmaxes.toml")
    write("[other]\nkey = 1", "shared/unrelated.toml")
    path = write_model(FLAWED)
    assert len(findings(path, rules=[shared])) == 1
    assert len(findings(path, rules=[shared.parent])) == 1
    write('rule-paths = ["shared"]')
    assert len(findings(path)) == 1


def test_rules_add_up_over_extend_and_naming_a_file_twice_is_no_clash(write, write_model):
    write(RULE, "base.toml")
    config = write(f"extend = 'base.toml'\n{OTHER}")
    assert [path.name for path in load(config).rule_files] == ["base.toml", "onnxlint.toml"]
    codes = [code for code, *_ in findings(write_model(FLAWED), rules=[config])]
    assert codes == ["ACME001", "ACME002"]


def test_the_configuration_overrides_it_as_any_other(write, write_model):
    write(f'{RULE}\n[rules.double-softmax]\nseverity = "error"')
    assert [severity for _, severity, *_ in findings(write_model(FLAWED))] == ["error"]
    write(f'{RULE}\n[[ignore]]\nrule = "ACME001"\nreason = "two heads share it"')
    assert findings(write_model(FLAWED)) == []


def test_it_is_not_applicable_without_the_last_operator(write, write_model):
    write(RULE)
    report = lint(write_model(SOUND), select=["ACME001"], trust_config=True)
    assert report.not_applicable == {"ACME001": "the model has no Softmax"}


def test_stage_and_place_are_chosen(write, write_model):
    write(f'{RULE}stage = "init"\nat = "a"')
    path = write_model(FLAWED)
    assert findings(path) == []
    assert [index for _, _, index, _ in findings(path, stage="init")] == [1]


MESSAGES = {
    "{x}": "'h'",
    "{n}, {{n}}": "-1, {n}",
    "{k}": "2.0",
    "{c}": "'p'",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_what_a_message_says_for_a_name(message, write, write_model):
    pattern = "a = Softmax<axis = n>(x) ? c = Cast(a) b = Mul(c, k)"
    write(
        RULE.replace("{b} reads {a}", message).replace(
            "a = Softmax(x)\n    b = Softmax(a)", pattern
        )
    )
    model = """net (float[N] x) => (float[N] y) <float k = {2}> {
        h = Relu(x)  p = Softmax(h)  y = Mul(k, p)
    }"""
    assert [said for *_, said in findings(write_model(model))] == [MESSAGES[message]]


def test_a_hint_names_values_as_the_message_does(write, write_model):
    write(RULE + 'hint = "remove {b}"')
    (found,) = lint(write_model(FLAWED), select=["ACME"], trust_config=True).findings
    assert found.hint == f"remove {found.place}"


def test_the_commands_know_it(write, onnxlint, write_model):
    config = write(RULE)
    assert "ACME001" in onnxlint("rules").stdout
    (listed,) = json.loads(onnxlint("rules", "ACME", "--format", "json").stdout)
    assert listed["pack"] == str(config)
    explained = onnxlint("explain", "double-softmax").stdout
    assert "The second one flattens the first." in explained
    assert "Pattern\n  a = Softmax(x)\n  b = Softmax(a)\n" in explained
    assert onnxlint("test-rules", config).stdout.endswith("1 passed, 0 failed\n")
    done = onnxlint(write_model(FLAWED), "--static-only", "--select", "ACME", "--format", "json")
    (finding,) = json.loads(done.stdout)["models"][0]["findings"]
    assert finding["evidence"] == {"match": {"b": "y", "a": "s", "x": "h"}}


def test_examples_are_run(write):
    (rule,) = rules_in_path(write(RULE))
    assert problems(rule) == []
    (turned,) = rules_in_path(
        write(RULE.replace("bad", "kept").replace("good", "bad").replace("kept", "good"))
    )
    assert problems(turned) == [
        "the Bad example does not fire: the model has no Softmax",
        "the Good example fires: Softmax #2 reads Softmax #1",
    ]
    (bare,) = rules_in_path(write(OTHER, "other.toml"))
    assert problems(bare) == ["no example 'bad'"]


def test_pytest_runs_them(pytester):
    pytester.makeini("[pytest]\nonnxlint_rules = team")
    pytester.mkdir("team").joinpath("softmaxes.toml").write_text(RULE)
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


MISTAKES = {
    "no pattern": (HEAD, "rule ACME001: Object missing required field `pattern`"),
    "an unknown key": (
        RULE + "patern = 'a'",
        "rule ACME001: unknown key 'patern'; did you mean 'pattern'?",
    ),
    "no code": (RULE.replace('code = "ACME001"', ""), "[[rule]] number 1: Object missing"),
    "a code": (RULE.replace("ACME001", "A1"), "rule code 'A1' must be capital letters"),
    "a severity": (RULE.replace('"warning"', '"fatal"'), "Invalid enum value 'fatal'"),
    "the syntax": (
        RULE.replace("b = Softmax(a)", "b = Softmax a"),
        "rule ACME001: pattern, line 2, column 17: expected '(' after the operator, found 'a'",
    ),
    "an operator": (
        RULE.replace("b = Softmax(a)", "b = Sofmax(a)"),
        "rule ACME001: pattern, line 2: there is no operator 'Sofmax'; did you mean 'Softmax'?",
    ),
    "no alternative": (HEAD + "pattern = []", "rule ACME001: pattern, there is none"),
    "a name in the message": (
        RULE.replace("reads {a}", "reads {aa}"),
        "rule ACME001: message: {aa} is not in every match of the pattern; did you mean 'a'?",
    ),
    "a name in the hint": (
        RULE + 'hint = "remove {aa}"',
        "rule ACME001: hint: {aa} is not in every match of the pattern; did you mean 'a'?",
    ),
    "a brace in the message": (RULE.replace("reads {a}", "reads {a"), "rule ACME001: message: "),
    "a format in the message": (RULE.replace("{a}", "{a:>9}"), "a brace may only contain a name"),
    "the place": (RULE + "at = 'x'", "rule ACME001: 'at' is 'x', which is not the output"),
    "the array": ('[rule]\ncode = "ACME001"', "'rule' must be an array of tables, [[rule]]"),
    "a clash": (RULE + RULE.replace("ACME001", "ACME002"), "rule ACME002 'double-softmax' clash"),
    "a reserved code": (RULE.replace("ACME001", "LNT009"), "is reserved"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_sentence_with_the_file(mistake, write, write_model):
    text, sentence = MISTAKES[mistake]
    path = write(text, "ours.toml")
    with pytest.raises(PackError) as caught:
        lint(write_model(SOUND), rules=[path], trust_config=True)
    assert str(caught.value).startswith(f"{path}: ")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_ends_the_command_with_2(write, write_model, onnxlint):
    path = write(RULE.replace("b = Softmax(a)", "b = Softmax"))
    done = onnxlint(write_model(SOUND), "--static-only")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {path}: rule ACME001: pattern, line 3, column 1: ")
    assert onnxlint("rules").returncode == 2


def test_a_file_that_is_no_toml(write):
    with pytest.raises(PackError, match="is not TOML"):
        rules_in_path(write("[[rule", "ours.toml"))
    with pytest.raises(PackError, match="contains no rules"):
        rules_in_path(write("[rules]", "ours.toml"))
