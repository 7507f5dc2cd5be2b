"""`onnxlint inspect --where, --find, --sort`: layers chosen by their facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.cli.inspect import FINDS
from onnxlint.cli.main import cli
from onnxlint.inspection.choosing import SHORTCUTS, Choice
from onnxlint.inspection.expressions import LONGEST, ExpressionError, parse
from onnxlint.inspection.facts import FACTS, KINDS
from onnxlint.inspection.inspected import Bound, Layer, Seen

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAN = FIXTURES / "pytorch/nan_log_torchscript.onnx"
HEAD = '<ir_version: 9, opset_import: ["" : 17]>\n'
SEEN = Seen(8, 100, 0, 0, 0, 25, 0, -1.0, 4.0, 1.0, 2.0, dead=0.5)


def layer(**given: Any) -> Layer:
    facts = {"number": 0, "index": 0, "module": "encoder.0", "op": "Relu", "node": "/Relu",
             "output": "r", "shape": "float[N, 64]", "parameters": 12, "dtype": "float",
             "dims": ("N", 64), **given}  # fmt: skip
    return Layer(**facts)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)])


def chosen(*arguments: object) -> list[str]:
    """The operators of the layers that are chosen, in their order."""
    done = run(*arguments, "-f", "json")
    assert done.exit_code == 0, done.stderr
    return [each["op"] for each in json.loads(done.stdout)["layers"]]


def holds(text: str, of: Layer) -> bool | None:
    return parse(text, KINDS).holds({name: fact.of(of) for name, fact in FACTS.items()})


# The language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("op == 'Relu' and max > 3", True),
        ("max > 1e4 or parameters == 12", True),
        ("not (op == 'Relu')", False),
        ("0 < max < 3", False),
        ("-1 <= min < 0 < max", True),
        ("max - min == 5 and max / 2 == 2 and max * 2 + 1 == 9", True),
        ("op like 'Re*' and node like '/R?lu'", True),
        ("op not like 'Re*'", False),
        ("'like' in op or op like 'like'", False),
        ("op in ['Conv', 'Relu'] and rank in (2, 3)", True),
        ("op not in ('Conv', 'Relu')", False),
        ("'coder' in module", True),
        ("64 in shape and 'N' in shape and 3 not in shape", True),
        ("shape == ['N', 64]", True),
        ("dim1 == 64 and dim0 is None", True),
        ("zeros == 0.25 and dead >= 0.5 and samples == 8", True),
        ("has_nan or has_inf", False),
        ("is_glue == false", True),
        ("max / zeros > 1 / 0", None),
        ("bound_max > 1", None),
        ("bound_max > 1 and op == 'Conv'", False),
        ("bound_max > 1 or op == 'Relu'", True),
        ("not bound_max > 1", None),
        ("bound_max is None and max is not None", True),
        ("op ==\n'Relu'", True),
        ("op like '\u00e9*' or op like 'R*'", True),
    ],
)
def test_conditions(text, expected):
    assert holds(text, layer(observed=SEEN)) is expected


def test_bounds_without_an_end_are_infinite():
    bounded = layer(bound=Bound(0.0, None, True, "exact"))
    assert holds("bound_max > 1e300 and bound_min == 0 and bound_nan", bounded)


def test_infinities_count_among_the_ends():
    infinite = Seen(1, 4, 1, 1, 0, 0, 0, 0.0, 2.0, 1.0, 1.0)
    assert holds("max > 1e300 and min == 0 and has_inf and inf == 0.25", layer(observed=infinite))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mx > 1", "column 1 ('mx > 1'): no fact is called 'mx'; did you mean 'max'?"),
        ("op == '\u00e9' and mix > 1", "column 15 ('mix > 1'): no fact is called 'mix'"),
        ("op like 'x' and qqqq", "column 17 ('qqqq'): no fact is called 'qqqq'; there are number,"),
        ("max > 'a'", "column 1 (\"max > 'a'\"): a number is compared with a text"),
        ("op < 'a'", "only numbers have an order"),
        ("op", "a text is no condition; compare it"),
        ("max", "a number is no condition"),
        ("max + op > 1", "column 7 ('op > 1'): a text where a number is needed"),
        ("not max", "column 5 ('max'): a number where true or false is needed"),
        ("max like '1'", "'like' compares a text with a pattern"),
        ("max in op", "'in' looks for a text in a text"),
        ("max is 1", "'is' only asks whether something is None; use =="),
        ("has_nan in [has_nan]", "true or false in a list of numbers or texts"),
        ("max >", "not readable. Conditions are made of names"),
        ("max = 1", "not readable"),
        ("op == 'a", "not readable"),
        ("", "the condition is empty"),
        ("max > 9" + "0" * 400, "number too large"),
        (f"max > {'-' * 60}1", "more than 40 operators inside each other"),
        ("max > 1 or " * 200 + "max", f"(limit {LONGEST:,})"),
    ],
)
def test_mistakes_are_told_with_their_place(text, told):
    with pytest.raises(ExpressionError) as error:
        parse(text, KINDS)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["f(1)", "op.x == 1", "shape[0] == 1", "(lambda: 1)", "[x for x in shape] == []",
     "max ** 9 > 1",
     "max if has_nan else min", "f'{op}' == 'a'", "(x := 1) == 1", "b'a' == op", "1j > 0",
     "... == 1",
     "max // 1 > 0", "max % 2 == 0", "~max > 0", "max | 1 > 0", "{'a': 1} == 1", "*op"],
)  # fmt: skip
def test_nothing_else_of_python_is_taken(text):
    with pytest.raises(ExpressionError):
        parse(text, KINDS)


@given(st.text(alphabet="maxop ()[]<>=!\"'+-*/.,0123456789andorlike\n\\\x00é", max_size=60))
def test_any_text_is_a_condition_or_an_error(text):
    try:
        condition = parse(text, KINDS)
    except ExpressionError as error:
        assert str(error).isprintable()
        return
    assert condition.holds({}) in (True, False, None)


# Shortcuts and orders


def test_the_command_offers_every_shortcut():
    assert list(SHORTCUTS) == FINDS


FLAWED = (
    HEAD
    + """net (float[4, 3] x) => (float[4, 3] y, float[4, 3] z, float[4, 3] u)
  <float[3, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}, float big = {1000}, float less = {-1e6},
   float zero = {0}> {
    h = MatMul(x, w)
    low = Add(h, less)
    dead = Relu(low)
    large = Mul(h, big)
    flat = Tanh(large)
    y = Add(dead, flat)
    same = Mul(dead, big)
    z = Add(same, big)
    squared = Mul(h, h)
    u = Div(squared, zero)
}"""
)


@pytest.mark.parametrize(
    ("find", "ops"),
    [
        ("has-nan", []),
        ("has-inf", ["Div"]),
        ("dead", ["Relu", "Mul"]),
        ("saturated", ["Tanh"]),
        ("constant", ["Relu", "Mul", "Add"]),
    ],
)
def test_shortcuts(write_model, find, ops):
    assert chosen(write_model(FLAWED), "--find", find) == ops


def test_the_largest_come_first_and_infinities_before_all(write_model):
    found = chosen(write_model(FLAWED), "--find", "largest")
    assert found[0] == "Div"
    assert found[1] == "Add"


def test_nan_of_a_real_export_is_found():
    assert chosen(NAN, "--find", "has-nan")[0] == "Log"
    shown = run(NAN, "--find", "has-nan", "--where", "op == 'Log'").stdout
    assert "NaN 4,290" in shown
    assert "\n1 of 8 nodes match\n" in shown


def test_layers_are_sorted_and_the_unknown_come_last(write_model):
    ops = chosen(NAN, "--static-only", "--sort", "parameters,desc")
    assert ops[:3] == ["Gemm", "Conv", "Conv"]
    choice = Choice.of([], [], "max,desc")
    layers = [layer(number=0), layer(number=1, observed=SEEN), layer(number=2)]
    assert [each.number for each in choice.of_layers(layers)[0]] == [1, 0, 2]


def test_what_a_condition_is_about_has_a_column():
    shown = run(NAN, "--where", "op == 'Relu'", "--sort", "zeros").stdout
    assert re_columns(shown)[-1] == "zeros"


def re_columns(shown: str) -> list[str]:
    return next(line for line in shown.splitlines() if " Module " in line).split()


def test_layers_of_which_too_little_is_known_are_counted(write_model):
    text = "net (float[2] x, int64[2] i) => (string[2] y) { y = Cast <to = 8> (x) }"
    shown = run(write_model(HEAD + text), "--where", "max > 0").stdout
    assert "1 node left out of which not enough is known (max)" in shown


def test_bounds_are_computed_where_a_condition_asks_for_them():
    found = chosen(NAN, "--static-only", "--where", "bound_min == 0 and not is_glue")
    assert found == ["Relu", "AveragePool", "Flatten"]


def test_glue_is_shown_where_a_condition_asks_for_it():
    shown = run(FIXTURES / "gradients/lstm.onnx", "--static-only", "--where", "is_glue").stdout
    assert " ConstantOfShape " in shown


def test_json_has_what_was_observed(write_model):
    done = run(write_model(FLAWED), "--where", "op == 'Div'", "-f", "json")
    (found,) = json.loads(done.stdout)["layers"]
    assert found["observed"]["positive_infinite"] > 0
    assert found["observed"]["elements"] == found["observed"]["samples"] * 3
    assert found["observed"]["minimum"] is None or found["observed"]["minimum"] >= 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--where", "mx > 1"], "--where: column 1 ('mx > 1'): no fact is called 'mx'"),
        (["--sort", "mx"], "--sort: no fact is called 'mx'; did you mean 'max'?"),
        (["--sort", "max,up"], "--sort: 'up' is no direction; use asc or desc"),
        (["--sort", "shape"], "shape is a list, and has no order"),
        (["--find", "nans"], "'nans' is not one of"),
        (["--static-only", "--where", "max > 1"], "max: known from a run only; leave out"),
    ],
)
def test_mistakes_end_with_two(arguments, told):
    done = run(NAN, *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stdout == ""
