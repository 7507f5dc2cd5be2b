"""Inputs that make operators fail are found where there are some, and none where there are none."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from msgspec.structs import replace

from onnxlint.analyses import Analyses
from onnxlint.analyses.counterexamples.counterexamples import Counterexamples
from onnxlint.analyses.counterexamples.subject import Counterexample
from onnxlint.analyses.execution.run_budget import Question, Work
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.ranges.hazard import Hazard
from onnxlint.analyses.ranges.hazards import Hazards
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.zones import Kind, Zone
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.safety.limits import Budget
from onnxlint.settings import InputContract, Settings

LOG = Zone(Kind.LOG, 0, -inf, 0.0, "> 0", "NaN")
DIVISION = Zone(Kind.DIVISION, 1, 0.0, 0.0, "≠ 0", "inf")
RECIPROCAL = Zone(Kind.DIVISION, 0, 0.0, 0.0, "≠ 0", "inf")
INTEGER = Zone(Kind.DIVISION, 1, 0.0, 0.0, "≠ 0", "a refused run")
ROOT = Zone(Kind.ROOT, 0, -inf, -5e-324, "≥ 0", "NaN")
EXP = Zone(Kind.OVERFLOW, 0, 88.8, inf, "≤ 88.72", "inf")
HALF = Zone(Kind.OVERFLOW, 0, 11.1, inf, "≤ 11.09", "inf")
POWER = Zone(Kind.DOMAIN, 0, -inf, -5e-324, "≥ 0 with a fractional exponent", "NaN")
INDEX = Zone(Kind.INDEX, 1, 12.0, inf, "from -12 to 11", "a refused run")
CAST = Zone(Kind.CAST, 0, 256.0, inf, "from 0 to 255 (uint8)", "another number")

MOMENTS = """m = ReduceMean<axes = [1]>(x) s = Mul(x, x) q = ReduceMean<axes = [1]>(s)
    mm = Mul(m, m) v = Sub(q, mm) [h] y = Sqrt(v)"""
PAIRS = """s = ReduceSumSquare<axes = [{row}]>(x) t = Transpose<perm = {turned}>(s) a = Add(s, t)
    r = Transpose<perm = {turned}>(x) p = MatMul(x, r) pp = Mul(two, p) d = Sub(a, pp)
    [h] y = Sqrt(d)"""
TABLE = "float[12, 1] t = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}"


def weights(name: str, *shape: int, scale: float = 1.0) -> str:
    """A constant of random numbers, the same in every run."""
    numbers = np.random.default_rng(sum(map(ord, name))).normal(0, scale, shape)
    dims = ", ".join(map(str, shape))
    return f"float[{dims}] {name} = {{{', '.join(f'{n:.4f}' for n in numbers.reshape(-1))}}}"


@dataclass(frozen=True)
class Faulty:
    """A model with a node `h` that may fail, and what it is fed by contract."""

    signature: str
    body: str
    zone: Zone
    constants: str = ""
    ranges: tuple[tuple[str, float, float], ...] = ()
    opset: int = 17

    @property
    def model(self) -> onnx.ModelProto:
        constants = f"<{self.constants}>" if self.constants else ""
        header = f'<ir_version: 8, opset_import: ["": {self.opset}]>'
        return onnx.parser.parse_model(f"{header} g {self.signature} {constants} {{ {self.body} }}")


NET = f"{weights('k', 6, 16)}, {weights('c', 16)}, {weights('w', 16, 4, scale=3)}"
LAYERS = "g = Gemm(x, k, c) r = Relu(g) l = MatMul(r, w)"
X6 = "(float[N, 6] x) => (float[N, M] y)"
UNIT = (("x", 0.0, 1.0),)

FOUND = {
    "spread of a constant row": Faulty(
        "(float[N, 8] x) => (float[N, 8] y)",
        """m = ReduceMean<axes = [1]>(x) c = Sub(x, m) s = Mul(c, c) v = ReduceMean<axes = [1]>(s)
        r = Sqrt(v) [h] y = Div(c, r)""",
        DIVISION,
    ),
    "variance by moments": Faulty("(float[N, 77] x) => (float[N, 1] y)", MOMENTS, ROOT),
    "variance by moments of 16": Faulty(
        "(float[N, 16] x) => (float[N, 1] y)", MOMENTS, ROOT, ranges=UNIT
    ),
    "distances in a batch": Faulty(
        X6, PAIRS.format(row=1, turned="[1, 0]"), ROOT, "float two = {2}"
    ),
    "distances in a sample": Faulty(
        "(float[N, 5, 6] x) => (float[N, 5, 5] y)", PAIRS.format(row=2, turned="[0, 2, 1]"),
        ROOT, "float two = {2}",
    ),
    "distance of two inputs": Faulty(
        "(float[N, 6] a, float[N, 6] b) => (float[N, 1] y)",
        """s = ReduceSumSquare<axes = [1]>(a) t = ReduceSumSquare<axes = [1]>(b) u = Add(s, t)
        ab = Mul(a, b) p = ReduceSum(ab, last) pp = Mul(two, p) d = Sub(u, pp) [h] y = Sqrt(d)""",
        ROOT, "float two = {2}, int64[1] last = {1}",
    ),
    "learnt sum": Faulty(
        X6, "s = MatMul(x, w) [h] y = Div(x, s)", DIVISION, weights("w", 6, 1)
    ),
    "learnt sum with a bias": Faulty(
        X6, "s = Gemm(x, w, b) [h] y = Div(x, s)", DIVISION,
        f"{weights('w', 6, 1)}, float[1] b = {{0.3}}", UNIT,
    ),
    "learnt sum of two layers": Faulty(
        X6, "g = Gemm(x, k, c) t = Tanh(g) s = Gemm(t, v, b) [h] y = Div(x, s)", DIVISION,
        f"{NET}, {weights('v', 16, 1)}, float[1] b = {{5}}", UNIT,
    ),
    "one sample at a time": Faulty(
        "(float[1, 6] x) => (float[1, 6] y)", "s = Gemm(x, w, b) [h] y = Div(x, s)", DIVISION,
        f"{weights('w', 6, 1)}, float[1] b = {{0.3}}", UNIT,
    ),
    "reciprocal of a gate": Faulty(
        X6, "g = MatMul(x, k) s = Sigmoid(g) [h] y = Reciprocal(s)", RECIPROCAL,
        weights("k", 6, 2, scale=4), (("x", -2, 2),),
    ),
    "log of a softmax": Faulty(
        X6, f"{LAYERS} s = Softmax(l) [h] y = Log(s)", LOG, NET, (("x", -3, 3),)
    ),
    "log of a sigmoid": Faulty(
        X6, "l = MatMul(x, k) s = Sigmoid(l) [h] y = Log(s)", LOG, weights("k", 6, 2, scale=3),
        (("x", -2, 2),),
    ),
    "log of 1 - sigmoid": Faulty(
        X6, "l = MatMul(x, k) s = Sigmoid(l) o = Sub(one, s) [h] y = Log(o)", LOG,
        f"{weights('k', 6, 2, scale=3)}, float one = {{1}}", (("x", -2, 2),),
    ),
    "exp of a head": Faulty(X6, f"{LAYERS} [h] y = Exp(l)", EXP, NET, (("x", -4, 4),)),
    "exp of an image": Faulty(
        "(float[N, 3, 12, 12] x) => (float[N, 2] y)",
        """g = Conv<strides = [2, 2]>(x, k) r = Relu(g) m = GlobalAveragePool(r) f = Flatten(m)
        l = MatMul(f, w) [h] y = Exp(l)""",
        EXP, f"{weights('k', 8, 3, 3, 3)}, {weights('w', 8, 2, scale=3)}", (("x", -3, 3),),
    ),
    "exp in half precision": Faulty(
        "(float16[N, 6] x) => (float16[N, 2] y)",
        "v = Cast<to = 10>(k) l = MatMul(x, v) [h] y = Exp(l)", HALF, weights("k", 6, 2),
        (("x", -3, 3),),
    ),
    "fractional power": Faulty(
        X6, "s = MatMul(x, k) d = Add(s, b) [h] y = Pow(d, half)", POWER,
        f"{weights('k', 6, 1)}, float half = {{0.5}}, float b = {{1.5}}", UNIT,
    ),
    "index beyond a table": Faulty(
        "(float[N] x) => (float[N, 1] y)",
        "s = Mul(x, k) r = Round(s) i = Cast<to = 7>(r) [h] y = Gather(t, i)", INDEX,
        f"float k = {{12}}, {TABLE}", UNIT,
    ),
    "cast out of range": Faulty(
        "(float[N, 3] x) => (uint8[N, 3] y)", "s = Mul(x, k) [h] y = Cast<to = 2>(s)", CAST,
        "float k = {256}", UNIT,
    ),
    "empty mask": Faulty(
        "(float[N, 5, 4] x, int64[N, 5] attention_mask) => (float[N, 4] y)",
        """f = Cast<to = 1>(attention_mask) u = Unsqueeze(f, two) p = Mul(x, u)
        s = ReduceSum<keepdims = 0>(p, one) n = ReduceSum<keepdims = 0>(u, one)
        [h] y = Div(s, n)""",
        DIVISION, "int64[1] one = {1}, int64[1] two = {2}",
    ),
    "similarity of zeros": Faulty(
        "(float[N, 6] a, float[N, 6] b) => (float[N] y)",
        """n = ReduceL2<axes = [1], keepdims = 0>(a) m = ReduceL2<axes = [1], keepdims = 0>(b)
        ab = Mul(a, b) s = ReduceSum<keepdims = 0>(ab, one) d = Mul(n, m) [h] y = Div(s, d)""",
        DIVISION, "int64[1] one = {1}",
    ),
    "integers": Faulty(
        "(int64[N, 3] x) => (int64[N, 3] y)", "[h] y = Div(seven, x)", INTEGER, "int64 seven = {7}"
    ),
    "branch": Faulty(
        "(float[N, 4] x, bool c) => (float[N, 4] y)",
        """y = If(c) <then_branch = t () => (float[N, 4] p) {
            xx = Mul(x, x) d = Sub(x, xx) [h] p = Sqrt(d) },
            else_branch = e () => (float[N, 4] q) { q = Identity(x) }>""",
        ROOT, ranges=(("x", 0, 2),),
    ),
    "loop": Faulty(
        "(float[N, 4] x) => (float[N, 4] y)",
        """y = Loop(n, go, x) <body =
            b (int64 i, bool g, float[N, 4] s) => (bool o, float[N, 4] z) {
            o = Identity(g) m = Mul(s, k) [h] z = Exp(m) }>""",
        EXP, "int64 n = {3}, bool go = {1}, float k = {40}",
    ),
}  # fmt: skip

SILENT = {
    "guarded spread": Faulty(
        "(float[N, 8] x) => (float[N, 8] y)",
        """m = ReduceMean<axes = [1]>(x) c = Sub(x, m) s = Mul(c, c) v = ReduceMean<axes = [1]>(s)
        g = Add(v, e) r = Sqrt(g) [h] y = Div(c, r)""",
        DIVISION, "float e = {1e-5}",
    ),
    "guarded softmax": Faulty(
        X6, f"{LAYERS} s = Softmax(l) z = Add(s, e) [h] y = Log(z)", LOG,
        f"{NET}, float e = {{1e-6}}",
    ),
    "bounded head": Faulty(
        X6, "g = Gemm(x, k, c) t = Tanh(g) l = MatMul(t, w) [h] y = Exp(l)", EXP, NET
    ),
    "one sample at a time": Faulty(
        "(float[1, 6] x) => (float[1, M] y)",
        "g = Gemm(x, k, c) t = Tanh(g) l = MatMul(t, w) [h] y = Exp(l)", EXP, NET,
    ),
    "index within its table": Faulty(
        "(float[N] x) => (float[N, 1] y)",
        "s = Mul(x, k) r = Round(s) i = Cast<to = 7>(r) [h] y = Gather(t, i)", INDEX,
        f"float k = {{11}}, {TABLE}", UNIT,
    ),
    "mask with a guard": Faulty(
        "(float[N, 5] x, int64[N, 5] attention_mask) => (float[N] y)",
        """f = Cast<to = 1>(attention_mask) p = Mul(x, f) s = ReduceSum<keepdims = 0>(p, one)
        n = ReduceSum<keepdims = 0>(f, one) g = Max(n, least) [h] y = Div(s, g)""",
        DIVISION, "int64[1] one = {1}, float least = {1e-9}",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with closing(Worker(60.0)) as made:
        yield made


@dataclass(frozen=True)
class Looked:
    """What was found for the node `h`, with how many runs."""

    found: Counterexample | None
    runs: int


@contextmanager
def analysed(path: Path, worker: Worker, settings: Settings) -> Iterator[Analyses]:
    with (
        open_model(str(path)) as model,
        closing(Analyses(settings, model, worker, Budget(60, None))) as analyses,
    ):
        yield analyses


def look(
    faulty: Faulty, folder: Path, worker: Worker, *, data: Path | None = None,
    witnesses: Path | None = None,
) -> Looked:  # fmt: skip
    """Looks for a counterexample of a hazard at `h`, whatever its bounds are."""
    path = folder / "net.onnx"
    onnx.save(faulty.model, path)
    contracts = {name: InputContract(range=(low, high)) for name, low, high in faulty.ranges}
    settings = Settings(inputs=contracts, data=data, witnesses=witnesses)
    with analysed(path, worker, settings) as analyses:
        node = next(node for node in analyses.get(Graph).nodes() if node.name == "h")
        operand = node.output if faulty.zone.slot < 0 else node.input(faulty.zone.slot)
        assert operand is not None
        hazard = Hazard(node, operand, faulty.zone, Range.of(-1e9, 1e9), (), None, certain=False)
        analyses.get(Hazards)._found = [hazard]
        counterexamples = analyses.get(Counterexamples)
        assert counterexamples.subject.execution.ran
        found = counterexamples.of(hazard)
        assert counterexamples.of(hazard) is found
        return Looked(found, counterexamples.runs[hazard])


@pytest.mark.parametrize("name", FOUND)
def test_an_input_is_found_that_shows_it(name, tmp_path, worker):
    faulty = FOUND[name]
    looked = look(faulty, tmp_path, worker)
    found = looked.found
    assert found is not None
    assert looked.runs <= 192
    for each, low, high in faulty.ranges:
        assert low <= found.feed[each].min() and found.feed[each].max() <= high
    assert shown(faulty, found)


def shown(faulty: Faulty, found: Counterexample) -> bool:
    """Whether onnxruntime, by itself, shows what was told."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(faulty.model.SerializeToString(), options)
    if found.seen == "a refused run":
        with pytest.raises(Exception, match="'h'"):
            session.run(None, found.feed)
        return True
    (y,) = session.run(None, found.feed)
    if y.dtype.kind != "f":
        return str(y.max()) in found.seen or str(y.min()) in found.seen
    signs = {"NaN": np.isnan, "inf": np.isposinf, "-inf": np.isneginf}
    return bool(signs[found.seen](y).any()) and found.outputs == ("y",)


@pytest.mark.parametrize("name", SILENT)
def test_none_is_found_where_there_is_none(name, tmp_path, worker):
    looked = look(SILENT[name], tmp_path, worker)
    assert looked.found is None
    assert 5 <= looked.runs <= 192


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("log of a sigmoid", "ACT002"),
        ("spread of a constant row", "ACT001"),
        ("integers", "RUN002"),
    ],
)
def test_a_saved_input_shows_it_again(name, code, tmp_path, worker, onnxlint):
    found = look(FOUND[name], tmp_path, worker, witnesses=tmp_path / "saved").found
    assert found is not None
    kind = FOUND[name].zone.kind
    saved = tmp_path / "saved" / f"net-{kind}-h.npz"
    assert found.evidence == {"witness": str(saved)}
    assert {name: array.shape[0] for name, array in np.load(saved).items()} == {"x": 1}
    done = onnxlint(tmp_path / "net.onnx", "--data", saved, "--format", "json")
    (model,) = json.loads(done.stdout)["models"]
    assert code in {finding["code"] for finding in model["findings"]}


def test_a_saved_input_has_few_numbers_and_keeps_to_its_range(tmp_path, worker):
    faulty = FOUND["log of a sigmoid"]
    found = look(faulty, tmp_path, worker, witnesses=tmp_path / "saved").found
    assert found is not None
    assert found.declared
    assert np.count_nonzero(found.feed["x"]) < 6
    positive = dataclasses.replace(faulty, ranges=(("x", 0.5, 4.0),))
    kept = look(positive, tmp_path, worker, witnesses=tmp_path / "saved").found
    assert kept is not None
    assert kept.feed["x"].min() >= 0.5


def test_the_users_data_comes_first(tmp_path, worker):
    faulty = dataclasses.replace(FOUND["log of a sigmoid"], ranges=())
    weight = onnx.numpy_helper.to_array(faulty.model.graph.initializer[0])
    x = np.zeros((4, 6), np.float32)
    x[2] = -9 * np.sign(weight[:, 0])
    np.savez(tmp_path / "data.npz", x=x)
    found = look(faulty, tmp_path, worker, data=tmp_path / "data.npz").found
    assert found is not None
    assert found.told == "a sample of the data"
    assert found.declared
    assert np.array_equal(found.feed["x"], x[2:3])


def test_what_is_neither_declared_nor_data_is_told(tmp_path, worker):
    mask = look(FOUND["empty mask"], tmp_path, worker).found
    assert mask is not None
    assert (mask.declared, mask.ordinary) == (False, False)
    assert mask.told == "input 'attention_mask' all 0"
    assert not mask.feed["attention_mask"].any()
    free = dataclasses.replace(FOUND["log of a sigmoid"], ranges=())
    found = look(free, tmp_path, worker).found
    assert found is not None
    assert not found.declared


def test_the_same_is_found_again(tmp_path, worker):
    first, second = (look(FOUND["learnt sum with a bias"], tmp_path, worker) for _ in range(2))
    assert first.found is not None
    assert second.found is not None
    assert first.runs == second.runs
    assert np.array_equal(first.found.feed["x"], second.found.feed["x"])


def test_nothing_is_run_without_a_hazard_and_costly_models_are_left_alone(tmp_path, worker):
    path = tmp_path / "net.onnx"
    onnx.save(FOUND["log of a sigmoid"].model, path)
    with analysed(path, worker, Settings()) as analyses:
        counterexamples = analyses.get(Counterexamples)
        assert counterexamples.subject.work.left_out == []
        costly = Work(load=1e10, run=3e10, spent=1e12)
        (hazard,) = analyses.get(Hazards).all
        asked = Counterexamples(replace(counterexamples.subject, work=costly))
        session = worker.session
        assert asked.of(hazard) is None
        assert worker.session == session
        assert costly.left_out == [Question.HAZARDS]


HALVES = Zone(Kind.HALF, -1, 65520.0, inf, "≤ 65504", "inf")
ROUNDED = Zone(Kind.CAST, 0, 2049.0, inf, "magnitude ≤ 2048", "numbers that float16 rounds")


def test_a_half_that_overflows_is_shown_by_what_comes_out(tmp_path, worker):
    body = "v = Cast<to = 10>(k) l = MatMul(x, v) [h] y = Mul(l, l)"
    faulty = Faulty("(float16[N, 6] x) => (float16[N, 2] y)", body, HALVES,
                    weights("k", 6, 2, scale=40), (("x", -3, 3),))  # fmt: skip
    found = look(faulty, tmp_path, worker).found
    assert found is not None
    assert found.seen == "inf"


def test_a_number_that_a_cast_keeps_shows_nothing(tmp_path, worker):
    """Of 2050 float16 makes 2050, of 2049 another one."""
    even = Faulty("(int64[N, 2] x) => (float16[N, 2] y)",
                  "d = Mul(x, two) [h] y = Cast<to = 10>(d)", ROUNDED, "int64 two = {2}",
                  (("x", 0, 1030),))  # fmt: skip
    assert look(even, tmp_path, worker).found is None
    every = dataclasses.replace(even, ranges=(("x", 0, 2100),))
    found = look(every, tmp_path, worker).found
    assert found is not None
    made, number = map(float, found.seen.split(" of "))
    assert made == float(np.float16(number)) != number


def test_a_longer_sequence_is_fed_to_a_table_and_is_not_declared(tmp_path, worker):
    text = Faulty(
        "(float[N, sequence, 3] x) => (float[P, 1] y)",
        """s = Shape<start = 1, end = 2>(x) n = Squeeze(s, zero) i = Range(none, n, one)
        [h] y = Gather(t, i)""",
        INDEX, f"{TABLE}, int64 none = {{0}}, int64[1] zero = {{0}}, int64 one = {{1}}",
        (("x", 0.0, 1.0),),
    )  # fmt: skip
    found = look(text, tmp_path, worker).found
    assert found is not None
    assert found.told == "a sample with sequence = 13"
    assert (found.declared, found.ordinary) == (False, False)


def test_what_is_far_from_usual_is_told_and_comes_last(tmp_path, worker):
    faulty = Faulty("(float[N, 3] x) => (float[N, 3] y)", "s = Mul(x, k) [h] y = Exp(s)", EXP,
                    "float k = {0.5}")  # fmt: skip
    found = look(faulty, tmp_path, worker).found
    assert found is not None
    assert not found.ordinary
    assert np.abs(found.feed["x"]).max() > 4
    near = dataclasses.replace(faulty, constants="float k = {25}")
    found = look(near, tmp_path, worker).found
    assert found is not None
    assert found.ordinary


def test_the_shipped_model_may_hide_what_its_nodes_show(tmp_path, worker):
    """What becomes of it is told of the model as it ships."""
    faulty = Faulty("(float[N, 8] x) => (float[N, 8] y)",
                    "l = Log(x) n = IsNaN(l) i = IsInf(l) b = Or(n, i) y = Where(b, zero, l)",
                    LOG, "float zero = {0}", (("x", -1.0, 1.0),))  # fmt: skip
    hidden = dataclasses.replace(faulty, body=faulty.body.replace("l = Log", "[h] l = Log"))
    found = look(hidden, tmp_path, worker).found
    assert found is not None
    assert found.outputs == ()
