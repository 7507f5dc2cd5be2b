"""Values inside If, Loop, Scan and local functions: every iteration and call, in rules, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from onnxlint import lint
from onnxlint.analyses.execution import body_taps, body_values, tapped_bodies
from onnxlint.cli.main import cli

HEAD = '<ir_version: 8, opset_import: ["": 17, "my": 1]>\n'

# What a body does with v, a matrix of four columns; w is what it gives

GOOD_AND_BAD = {
    "ACT001": ("square = Mul(v, v) down = Neg(square) w = Sqrt(down)",
               "square = Mul(v, v) same = Abs(square) w = Sqrt(same)"),
    "ACT002": ("far = Mul(v, thousand) far2 = Abs(far) w = Exp(far2)",
               "near = Tanh(v) w = Exp(near)"),
    "ACT003": ("h = MatMul(v, eye) low = Sub(h, thousand) r = Relu(low) w = MatMul(r, eye)",
               "h = MatMul(v, eye) r = Relu(h) w = MatMul(r, eye)"),
    "ACT004": ("h = MatMul(v, eye) far = Mul(h, thousand) r = Tanh(far) w = MatMul(r, eye)",
               "h = MatMul(v, eye) r = Tanh(h) w = MatMul(r, eye)"),
    "ACT016": ("size = Abs(v) wide = Mul(size, million) far = Mul(wide, million)"
               " c = Cast<to = 7>(far) n = Cast<to = 6>(c) w = Cast<to = 1>(n)",
               "size = Abs(v) wide = Mul(size, million)"
               " c = Cast<to = 7>(wide) n = Cast<to = 6>(c) w = Cast<to = 1>(n)"),
}  # fmt: skip

INITIALIZERS = """<float thousand = {1000}, float million = {1e6}, int64 most = {3}, bool yes = {1},
float[4, 4] eye = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}>"""


def in_if(body: str) -> str:
    return f"""net (float[N, 4] x) => (float[N, 4] y) {INITIALIZERS} {{
    v = Identity(x)
    total = ReduceSum<keepdims = 0>(x)
    is_small = Less(total, million)
    y = If(is_small) <
        then_branch = t () => (float[N, 4] w) {{ {body} }},
        else_branch = e () => (float[N, 4] q) {{ q = Neg(v) }}>
    }}"""


def in_loop(body: str) -> str:
    return f"""net (float[N, 4] x) => (float[N, 4] y, float[T, N, 4] all) {INITIALIZERS} {{
    y, all = Loop(most, yes, x) <
        body = b (int64 i, bool on, float[N, 4] s) => (bool still, float[N, 4] next, float[N, 4] w)
        {{ still = Identity(on) next = Neg(s) v = Identity(x) {body} }}>
    }}"""


def in_scan(body: str) -> str:
    return f"""net (float[3, N, 4] x, float[N, 4] first) => (float[N, 4] y, float[3, N, 4] all)
    {INITIALIZERS} {{
    y, all = Scan<num_scan_inputs = 1, body = b (float[N, 4] s, float[N, 4] v)
        => (float[N, 4] next, float[N, 4] w) {{ next = Neg(s) {body} }}>(first, x)
    }}"""


def in_function(body: str) -> str:
    return f"""net (float[N, 4] x) => (float[N, 4] y) {INITIALIZERS} {{
    v = Identity(x)
    y = my.f(v, thousand, million, eye)
    }}
    <domain: "my", opset_import: ["": 17]>
    f (v, thousand, million, eye) => (w) {{ {body} }}"""


def in_branch_in_loop(body: str) -> str:
    return f"""net (float[N, 4] x) => (float[N, 4] y, float[T, N, 4] all) {INITIALIZERS} {{
    y, all = Loop(most, yes, x) <
        body = b (int64 i, bool on, float[N, 4] s) => (bool still, float[N, 4] next, float[N, 4] w1)
        {{
            still = Identity(on)
            next = Neg(s)
            v = Identity(x)
            one = Constant<value_int = 1>()
            is_second = Equal(i, one)
            w1 = If(is_second) <then_branch = t () => (float[N, 4] w) {{ {body} }},
                                else_branch = e () => (float[N, 4] q) {{ q = Neg(v) }}>
        }}>
    }}"""


WRAPPED = {
    "If_3/then_branch": in_if,
    "Loop_0/body": in_loop,
    "Scan_0/body": in_scan,
    "function:my::f": in_function,
    "Loop_0/body/If_5/then_branch": in_branch_in_loop,
}


PAIRS = [(path, code) for path in WRAPPED for code in GOOD_AND_BAD
         if path == "Loop_0/body" or code in ("ACT001", "ACT003")]  # fmt: skip
"""Every rule in one kind of body, and in the others one of origins and one of statistics."""


@pytest.mark.parametrize(("path", "code"), PAIRS)
def test_a_fault_inside_is_found_where_it_is(write_model, code, path):
    bad, good = GOOD_AND_BAD[code]
    found = lint(write_model(HEAD + WRAPPED[path](bad)), select=[code]).findings
    assert {each.code for each in found} == {code}
    assert {each.place.scope for each in found} == {path}
    assert lint(write_model(HEAD + WRAPPED[path](good)), select=[code]).findings == ()


LATE = (
    HEAD
    + """net (float[N, 4] x) => (float[N, 4] y)
<int64 most = {400}, bool yes = {1}, float more = {1.3}, float least = {1}>
{
    sure = Abs(x)
    start = Add(sure, least)
    y = Loop(most, yes, start) <body = b (int64 i, bool on, float[N, 4] s)
        => (bool still, float[N, 4] next) { still = Identity(on) next = Mul(s, more) }>
}"""
)


def test_an_overflow_in_a_late_iteration_is_found(write_model):
    """1.3^338 overflows: an iteration that a trace of the first ones does not meet."""
    found = lint(write_model(LATE), select=["ACT002"]).findings
    assert [str(each.place) for each in found] == ["Loop_2/body Mul #1"]
    held = LATE.replace("1.3", "1.1")
    assert lint(write_model(held), select=["ACT002"]).findings == ()


# What inspect shows of it


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)])


def document(*arguments: object) -> dict[str, Any]:
    done = run(*arguments, "-f", "json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


COUNTING = (
    HEAD
    + """net (float[N, 4] x) => (float[N, 4] y, float[N, 4] z, bool[N, 4] m)
<int64 most = {300}, bool yes = {1}, bool no = {0}, float zero = {0}>
{
    a = my.f(x)
    b = my.f(a)
    m = Greater(x, zero)
    z = If(no) <then_branch = t () => (float[N, 4] p) { p = Neg(b) },
                else_branch = e () => (float[N, 4] q) { q = Abs(b) }>
    y = Loop(most, yes, a) <body = b (int64 i, bool on, float[N, 4] s)
        => (bool still, float[N, 4] next)
    { still = Identity(on) j = Mul(i, i) real = Cast<to = 1>(j) next = Add(s, real) }>
}
<domain: "my", opset_import: ["": 17]> f (a) => (o) { h = Abs(a) o = Neg(h) }"""
)


@pytest.fixture(scope="module")
def counting(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("counting")
    onnx.save(onnx.parser.parse_model(COUNTING), folder / "model.onnx")
    np.savez(folder / "d.npz", x=np.array([[1, -2, 3, -4], [5, 6, 7, 8]], "f4"))
    return folder / "model.onnx", folder / "d.npz"


@pytest.fixture(scope="module")
def layers(counting) -> dict[str, dict[str, Any]]:
    model, data = counting
    return {layer["output"]: layer for layer in document(model, "--data", data)["layers"]}


def test_all_iterations_count_and_so_do_integers(layers):
    j = layers["j"]["observed"]
    assert (j["minimum"], j["maximum"], j["elements"], j["zeros"]) == (0, 299**2, 300, 1)
    assert layers["j"]["dims"] == []
    assert layers["j"]["reach"] == {"runs": 1, "of_runs": 1, "times": 300, "is_cut": False}
    total = sum(step * step for step in range(300))
    assert layers["next"]["observed"]["maximum"] == pytest.approx(total - 1, rel=1e-5)


def test_booleans_are_zeros_and_ones(layers):
    m = layers["m"]["observed"]
    assert (m["minimum"], m["maximum"], m["zeros"], m["elements"]) == (0, 1, 2, 8)
    assert m["mean"] == pytest.approx(6 / 8)


def test_a_branch_that_is_never_taken_is_told(counting, layers):
    assert (layers["p"]["reach"]["times"], layers["p"]["observed"]) == (0, None)
    assert layers["q"]["reach"]["times"] == 1
    model, data = counting
    shown = run(model, "--data", data, "--where", "times == 0").stdout
    assert "never ran" in shown
    assert "Never reached in 1 run: If_3/then_branch" in shown
    assert "no statistics: never reached in 1 run" in run(model, "p", "--data", data).stdout
    refused = run(model, "p", "--data", data, "--slice", ":")
    assert refused.exit_code == 1
    assert "If_3/then_branch is never reached in 1 run" in refused.stderr


def test_each_call_of_a_function_is_told_apart(counting):
    model, data = counting
    tensor = document(model, "o", "--data", data)["outputs"][0]
    assert tensor["observed"]["elements"] == 16
    calls = [(each["nodes"][0]["op"], each["observed"]["minimum"]) for each in tensor["calls"]]
    assert calls == [("my::f", -8), ("my::f", -8)]
    numbers = [each["nodes"][0]["layer"] for each in tensor["calls"]]
    assert len(set(numbers)) == 2
    shown = run(model, "o", "--data", data).stdout
    assert f"in #{numbers[0]} my::f:" in shown


def test_numbers_of_an_iteration_and_of_a_call(counting, tmp_path):
    model, data = counting
    found = document(model, "j", "--data", data, "--slice", "...", "--iteration", 7)
    assert found["numbers"] == "49"
    assert (found["spot"]["iteration"], found["spot"]["of"]) == (7, 300)
    first = document(model, "j", "--data", data, "--slice", "...")
    assert (first["numbers"], first["spot"]["iteration"]) == ("0", 0)
    assert (
        "Numbers of Loop_4/body: run 0, iteration 0 of 300"
        in run(model, "j", "--data", data, "--slice", "...").stdout
    )
    beyond = run(model, "j", "--data", data, "--slice", "...", "--iteration", 300)
    assert "Loop_4/body runs 300 times at most in 1 run" in beyond.stderr
    call = document(model, "o", "--data", data)["outputs"][0]["calls"][1]["nodes"][0]["layer"]
    target = tmp_path / "h.npy"
    done = run(model, "h", "--data", data, "--dump", target, "--call", f"#{call}")
    assert done.exit_code == 0, done.stderr
    np.testing.assert_array_equal(np.load(target), [[1, 2, 3, 4], [5, 6, 7, 8]])
    state = document(model, "s", "--data", data, "--slice", "0", "--iteration", 2)
    assert np.fromstring(state["numbers"].strip("[]"), sep=",") == pytest.approx([0, -1, -2, -3])


def test_an_iteration_of_what_does_not_repeat_is_refused(counting):
    model, data = counting
    refused = run(model, "x", "--data", data, "--slice", "0", "--iteration", 0)
    assert "--iteration and --call are for values inside" in refused.stderr
    assert run(model, "j", "--iteration", 0).exit_code == 2
    assert run(model, "--iteration", 0).exit_code == 2
    refused = run(model, "h", "--data", data, "--slice", "0", "--call", "m")
    assert "is a value" in refused.stderr


def test_iterations_beyond_the_limit_are_told(counting, monkeypatch):
    monkeypatch.setattr(body_taps, "MOST_SHOWN", 100)
    monkeypatch.setattr(body_taps, "LEAST_SHOWN", 100)
    model, data = counting
    j = next(each for each in document(model, "--data", data)["layers"] if each["output"] == "j")
    assert j["reach"] == {"runs": 1, "of_runs": 1, "times": 100, "is_cut": True}
    assert j["observed"]["maximum"] == 99**2
    assert "Only 100 iterations were measured: Loop_4/body" in run(model, "--data", data).stdout


def test_where_taps_are_refused_bodies_run_by_themselves(counting, monkeypatch):
    """An installation without a compiler, or an onnxruntime that refuses them."""
    monkeypatch.setattr(body_taps, "can_tap", lambda _model: False)
    model, data = counting
    found = {each["output"]: each for each in document(model, "--data", data)["layers"]}
    assert found["j"]["observed"]["maximum"] == 255**2
    assert found["j"]["reach"]["is_cut"]
    assert found["o"]["observed"]["minimum"] == -8


def test_functions_too_large_to_be_copied_run_by_themselves(counting, monkeypatch):
    monkeypatch.setattr(tapped_bodies, "COPIED_BYTES", 0)
    model, data = counting
    found = {each["output"]: each for each in document(model, "--data", data)["layers"]}
    assert found["o"]["observed"]["minimum"] == -8


def test_a_branch_of_later_samples_is_seen(write_model, tmp_path):
    """A model of one sample a run, whose branch only the last sample takes."""
    text = """net (float[1, 4] x) => (float[1, 4] y) <float zero = {0}> {
        total = ReduceSum<keepdims = 0>(x)
        c = Greater(total, zero)
        y = If(c) <then_branch = t () => (float[1, 4] p) { p = Exp(x) },
                   else_branch = e () => (float[1, 4] q) { q = Neg(x) }>
    }"""
    x = np.full((20, 4), -1, "f4")
    x[-1] = 2
    np.savez(tmp_path / "d.npz", x=x)
    model = write_model(HEAD + text)
    arguments = (model, "--data", tmp_path / "d.npz", "--samples", 20, "--trace", "full")
    found = {each["output"]: each for each in document(*arguments)["layers"]}
    assert found["p"]["reach"] == {"runs": 1, "of_runs": 20, "times": 1, "is_cut": False}
    assert found["p"]["observed"]["maximum"] == pytest.approx(np.exp(2))
    assert found["q"]["observed"]["elements"] == 19 * 4
    spot = document(model, "p", *arguments[1:-2], "--slice", "0")["spot"]
    assert (spot["run"], spot["of"]) == (19, 1)


def test_what_bodies_are_fed_is_observed(counting):
    model, data = counting
    state = document(model, "s", "--data", data)["outputs"][0]
    assert (state["observed"]["minimum"], state["observed"]["elements"]) == (-8, 300 * 8)
    assert document(model, "i", "--data", data)["outputs"][0]["observed"]["maximum"] == 299


def test_layers_inside_are_found_by_what_they_put_out(write_model):
    bad, _ = GOOD_AND_BAD["ACT001"]
    model = write_model(HEAD + in_loop(bad))
    found = document(model, "--find", "has-nan")["layers"]
    assert ("Loop_0/body", "Sqrt") in {(each["scope"], each["op"]) for each in found}
    _, good = GOOD_AND_BAD["ACT001"]
    assert document(write_model(HEAD + in_loop(good)), "--find", "has-nan")["layers"] == []


def test_more_bodies_than_are_traced_are_told(counting, monkeypatch):
    for module in (tapped_bodies, body_values):
        monkeypatch.setattr(module, "MOST_TAPPED", 2)
    found = lint(counting[0], select=["ACT001"]).findings
    told = [each.message for each in found if each.code == "LNT002"]
    assert told == [
        "values inside If #3 are not recorded: only 2 subgraphs and calls of functions are traced"
    ]


SEQUENCES = (
    HEAD
    + """net (float[N, 4] x) => (float[N, 4] y)
<int64 most = {2}, bool yes = {1}, int64 at = {0}>
{
    empty = SequenceEmpty()
    list = Loop(most, yes, empty) <body = b (int64 i, bool on, seq(float[N, 4]) s)
        => (bool still, seq(float[N, 4]) next)
    {
        still = Identity(on)
        square = Mul(x, x)
        below = Neg(square)
        bad = Sqrt(below)
        next = SequenceInsert(s, bad)
    }>
    y = SequenceAt(list, at)
}"""
)


def test_bodies_with_sequences_are_observed_though_nan_is_not_located_in_them(write_model):
    model = write_model(SEQUENCES)
    layers = {each["output"]: each for each in document(model)["layers"]}
    assert layers["bad"]["observed"]["nan"] == layers["bad"]["observed"]["elements"] == 64
    found = lint(model, select=["ACT002"]).findings
    told = [each.message for each in found if each.code == "LNT002"]
    assert [each.partition(":")[0] for each in told] == [
        "NaN and infinities are not located inside Loop #1"
    ]


def test_a_note_at_a_node_is_shown(write_model, tmp_path):
    model = onnx.load(write_model(HEAD + "net (float[N, 4] x) => (float[N, 4] y) { y = Neg(x) }"))
    model.graph.node[0].doc_string = "/net.py(12): forward\n/main.py(3): <module>"
    onnx.save(model, tmp_path / "m.onnx")
    shown = run(tmp_path / "m.onnx", "#0", "--static-only").stdout.splitlines()
    assert shown[-3:] == ["Note at the node", "  /net.py(12): forward", "  /main.py(3): <module>"]


TIMES = {
    "a function called in a function in a loop": (
        """net (float[N, 4] x) => (float[N, 4] y) <int64 m = {3}, bool t = {1}> {
            y = Loop(m, t, x) <body = b (int64 i, bool on, float[N, 4] s)
                => (bool st, float[N, 4] n) { st = Identity(on) n = my.g(s) }>
        }
        <domain: "my", opset_import: ["": 17, "my": 1]>
        g (a) => (o) { h = my.f(a) k = my.f(h) o = Add(h, k) }
        <domain: "my", opset_import: ["": 17]> f (a) => (p) { e = Neg(a) p = Abs(e) }""",
        {"e": 6, "h": 3, "n": 3},
    ),
    "a branch in a function": (
        """net (float[N, 4] x) => (float[N, 4] y, float[N, 4] z) <bool t = {1}, bool u = {0}> {
            y = my.g(x, t) z = my.g(x, u)
        }
        <domain: "my", opset_import: ["": 17]> g (a, c) => (o) {
            o = If(c) <then_branch = p () => (q) { q = Neg(a) },
                       else_branch = r () => (s) { s = Exp(a) }>
        }""",
        {"q": 1, "s": 1, "o": 2},
    ),
    "no iteration": (
        """net (float[N, 4] x) => (float[N, 4] y) <int64 m = {0}, bool t = {1}> {
            y = Loop(m, t, x) <body = b (int64 i, bool on, float[N, 4] s)
                => (bool st, float[N, 4] n) { st = Identity(on) n = Neg(s) }>
        }""",
        {"n": 0},
    ),
    "nothing to watch: sequences": (
        """net (float[N, 4] x) => (float[N, 4] y) <bool t = {1}, int64 at = {0}> {
            l = If(t) <
                then_branch = p () => (seq(float[N, 4]) q) { q = SequenceConstruct(x, x) },
                else_branch = r () => (seq(float[N, 4]) s) { s = SequenceConstruct(x) }>
            y = SequenceAt(l, at)
        }""",
        {"q": 1, "s": 0},
    ),
    "nothing to watch: texts": (
        """net (string[N] x) => (string[N] y) <bool t = {1}> {
            y = If(t) <then_branch = p () => (string[N] q) { q = Identity(x) },
                       else_branch = r () => (string[N] s) { s = Identity(x) }>
        }""",
        {"q": 1, "s": 0},
    ),
}


@pytest.mark.parametrize("kind", TIMES)
def test_how_often_bodies_run_is_counted(write_model, kind):
    text, times = TIMES[kind]
    layers = document(write_model(HEAD + text))["layers"]
    found = {layer["output"]: layer["reach"]["times"] for layer in layers}
    assert {name: found[name] for name in times} == times
