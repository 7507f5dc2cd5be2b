import pytest
from conftest import findings, severities

from onnxlint_rules.int.anonymous_dimension import anonymous_dimension
from onnxlint_rules.int.baked_batch import baked_batch
from onnxlint_rules.int.float64_interface import float64_interface
from onnxlint_rules.int.int64_overflow_constant import int64_overflow_constant
from onnxlint_rules.int.non_tensor_output import non_tensor_output
from onnxlint_rules.int.unbounded_lookup import unbounded_lookup
from onnxlint_rules.int.undescriptive_name import undescriptive_name

RESHAPED = """
net (float[batch, 16] x) => (float[A, B] y)
<int64[2] rows = {{-1, 4}}, float[4, 8] w, int64[{rank}] shape = {{{shape}}}>
{{
    steps = Reshape(x, rows)
    h = Gemm(steps, w)
    active = Relu(h)
    y = Reshape(active, shape)
}}
>>> weight = next(t for t in model.graph.value_info if t.name == "w")
>>> model.graph.value_info.remove(weight)
>>> model.graph.initializer.add(name="w", data_type=1, dims=[4, 8], raw_data=bytes(128))
"""


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ([3, 32], 3),
        ([1, 32], 1),
        ([96], 3),
        ([3, -1, 32], 3),
        ([-1, 32], None),
        ([1, -1, 32], None),
        ([8, -1], None),
        ([0, 8], None),
        ([5, 7], None),
    ],
)
def test_a_size_is_carried_through_reshapes_and_layers(shape, size):
    text = RESHAPED.format(rank=len(shape), shape=", ".join(map(str, shape)))
    found = findings(baked_batch, text)
    assert [finding.measured for finding in found] == ([] if size is None else [size])


@pytest.mark.parametrize(
    ("dims", "target", "count"),
    [("batch, 3", "4, 3", 1), ("batch, 3", "1, 3", 0), ("1, 3", "4, 3", 0), ("3, 1", "3, 4", 0)],
)
def test_expansion(dims, target, count):
    text = (
        f"net (float[{dims}] x, float[batch] z) => (float[A, B] y, float[batch] u)"
        f"<int64[2] shape = {{{target}}}> {{ y = Expand(x, shape) u = Relu(z) }}"
    )
    assert len(findings(baked_batch, text)) == count


def test_a_sequence_without_maps_is_an_info():
    text = "net (float[N, 2] x) => (seq(float[M, 2]) y) { y = SplitToSequence(x) }"
    assert [finding.severity for finding in findings(non_tensor_output, text)] == ["info"]


@pytest.mark.parametrize("symbol", ["s0", "unk__12", "DynamicDimension.0", "?"])
def test_one_finding_for_all_made_up_sizes(symbol):
    text = "net (float[N, M] x, float[N] z) => (float[A] y, float[B] u) {y = Relu(x) u = Relu(z)}"
    changes = f"""
>>> model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = {symbol!r}
>>> model.graph.input[1].type.tensor_type.shape.dim[0].dim_param = {symbol!r}
"""
    assert [f.measured for f in findings(anonymous_dimension, text + changes)] == [2]
    assert findings(anonymous_dimension, text) == ()


@pytest.mark.parametrize(
    ("name", "count"), [("495", 1), ("input.1", 1), ("onnx::Gemm_0", 1), ("x1", 0), ("conv1", 0)]
)
def test_numbered_names(name, count):
    text = f'net (float[N] "{name}") => (float[N] y) {{ y = Relu("{name}") }}'
    assert len(findings(undescriptive_name, text)) == count


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31), 2**63 - 1, -(2**63), -(2**63) + 1])
def test_numbers_that_int32_holds_and_sentinels(number):
    text = f"net (int64[N] x) => (int64[N] y) <int64 c = {{{number}}}> {{ y = Min(x, c) }}"
    assert findings(int64_overflow_constant, text) == ()


@pytest.mark.parametrize(
    ("end", "count"),
    [
        ("e = Unsqueeze(c, zero) y = Slice(x, zero, e)", 0),
        ("p = Unsqueeze(c, zero) e = Concat<axis = 0>(p) y = Slice(x, zero, e)", 0),
        ("e = Unsqueeze(c, zero) y = Min(x, e)", 1),
        ("e = Unsqueeze(c, zero) z = Slice(x, zero, e) y = Add(z, e)", 1),
    ],
)
def test_bounds_that_an_exporter_reshapes(end, count):
    text = f"""net (int64[N] x) => (int64[M] y) <int64 c = {{4294967296}}, int64[1] zero = {{0}}>
    {{ {end} }}"""
    assert len(findings(int64_overflow_constant, text)) == count


@pytest.mark.parametrize(
    ("shape", "target"),
    [("batch, 8, 4", "-1, 2, 4"), ("batch, 8, 4", "-1, 8, 2, 2"), ("batch, 8", "1, -1")],
)
def test_windows_heads_and_flattening_bake_no_batch(shape, target):
    rank = target.count(",") + 1
    text = f"""net (float[{shape}] x) => (y) <int64[{rank}] s = {{{target}}}>
    {{ y = Reshape(x, s) }}"""
    assert findings(baked_batch, text) == ()


def test_a_token_that_is_expanded_to_one_row_bakes_no_batch():
    text = """net (float[batch, 4] x) => (float[1, 4] y)
    <int64[1] zero = {0}, int64[1] one = {1}, int64[2] shape = {1, 4}>
    { t = Slice(x, zero, one) y = Expand(t, shape) }"""
    assert findings(baked_batch, text) == ()


def test_the_smallest_table_is_the_limit():
    text = """
    net (int32[N, 1] ids) => (float[N, 2] y)
    <float[3, 2] a = {1, 2, 3, 4, 5, 6}, float[2, 2] b = {1, 2, 3, 4}, int64[1] axis = {1}>
    {
        wide = Cast <to = 7> (ids)
        flat = Squeeze(wide, axis)
        p = Gather(a, flat)
        q = Gather(b, flat)
        y = Add(p, q)
    }
    """
    assert [finding.measured for finding in findings(unbounded_lookup, text)] == [2]


# Double precision


@pytest.mark.parametrize(
    ("read", "nodes", "expected"),
    [
        ("float", "h = MatMul(x, w) y = Cast<to = 11>(h)", ["info"]),
        ("float", "d = Cast<to = 11>(x) y = MatMul(d, v)", ["warning"]),
        ("double", "h = Cast<to = 1>(x) m = MatMul(h, w) y = Cast<to = 11>(m)", ["warning"]),
    ],
)
def test_double_that_only_comes_out_refuses_nobody(read, nodes, expected):
    weights = "<float[2, 1] w = {1, 2}, double[2, 1] v = {1, 2}>"
    text = f"net ({read}[N, 2] x) => (double[N, 1] y) {weights} {{ {nodes} }}"
    assert severities(float64_interface, text) == expected


@pytest.mark.parametrize("op", ["Add", "Greater", "Max", "Pow"])
def test_every_operator_that_broadcasts_needs_a_batch_of_1_or_its_operands(op):
    kind = "bool" if op == "Greater" else "float"
    (found,) = findings(
        baked_batch,
        f"""net (float[batch, 2] x) => ({kind}[batch, 2] y)
        <float[3, 2] table = {{1, 2, 3, 4, 5, 6}}> {{ y = {op}(x, table) }}""",
    )
    assert found.message == (
        "constant operand of shape [3, 2] only fits 'batch' = 1 or 3, but 'batch' is dynamic"
    )
    assert found.hint == "compute it from the size of 'batch' at run time"


@pytest.mark.parametrize(
    ("steps", "rows"),
    [
        ("y = Gather(table, ids)", 1),
        ("a, b = Split <num_outputs = 2> (ids) y = Gather(table, b)", 1),
        ("h = Add(ids, one) y = Gather(table, h)", 0),
        ("y = Gather(ids, one)", 0),
    ],
)
def test_an_index_is_followed_past_what_moves_or_picks_it(steps, rows):
    text = f"""net (int64[N] ids) => (y)
    <float[3, 2] table = {{1, 2, 3, 4, 5, 6}}, int64[1] one = {{1}}> {{ {steps} }}"""
    told = [found.message for found in findings(unbounded_lookup, text)]
    assert told == ["'ids' indexes a table of 3 rows without a bounds check"] * rows
