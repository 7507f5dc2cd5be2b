"""What layers cost: parameters, operations and bytes by node, and what inspect shows of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from onnxlint import Costs, Graph, LayerCost, Parameters
from onnxlint.analyses import Analyses
from onnxlint.cli.main import cli
from onnxlint.inspection.amounts import of_bytes, of_time, short
from onnxlint.inspection.fitting import TIMES, width_of
from onnxlint.inspection.looking import look
from onnxlint.inspection.table import summary
from onnxlint.model.file.load import open_model
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

FIXTURES = Path(__file__).parents[1] / "fixtures"
CNN = FIXTURES / "pytorch/cnn_dynamo.onnx"
Write = Callable[..., Path]


def analysed(path: Path | str) -> tuple[int, int]:
    """Parameters, and those that are stored as floats."""
    budget = Budget.build(Settings())
    with open_model(str(path), budget) as model:
        found = Analyses(Settings(), budget, model).get(Parameters)
        return found.total, found.trainable


def costs(path: Path | str) -> dict[str, LayerCost]:
    """What each node costs, by the name of its first output."""
    budget = Budget.build(Settings())
    with open_model(str(path), budget) as model:
        analyses = Analyses(Settings(), budget, model)
        found = analyses.get(Costs)
        return {node.output.name: found.of(node) for node in analyses.get(Graph).nodes()
                if node.output is not None}  # fmt: skip


# Parameters


@pytest.mark.parametrize(
    ("path", "count"),
    [
        # equal vectors of several modules are one initializer
        ("pytorch/transformer_dynamo.onnx", 3604),
        ("pytorch/layer_scale_dynamo.onnx", 794),
        # four blocks of two convolutions and a GroupNormalization, written as fills and vectors
        ("gradients/residual.onnx", 336 + 4 * (24 + 2 * 1308) + 24 + 65),
        # a module that is called twice
        ("pytorch/siamese_torchscript.onnx", 817),
        # thresholds, windows and masks are none
        ("pytorch/applied_thresholds_dynamo.onnx", 874),
        ("pytorch/applied_thresholds_torchscript.onnx", 874),
        ("pytorch/nan_swallowed_by_pool_torchscript.onnx", 1394),
        # the head is tied to the embedding, whose copy PyTorch's older exporter transposes
        ("pytorch/init_language_model_dynamo.onnx", 4336),
        ("pytorch/init_language_model_tied_dynamo.onnx", 3536),
        ("pytorch/init_language_model_tied_torchscript.onnx", 3536),
        # first states are none
        ("keras/unrolled_lstm.onnx", 618),
    ],
)
def test_parameters_are_those_that_were_learnt(path: str, count: int) -> None:
    assert analysed(FIXTURES / path) == (count, count)


@pytest.mark.parametrize("path", ["qdq_u8s8", "qdq_reduced", "operators"])
def test_quantised_weights_are_parameters_that_are_not_trained(path: str) -> None:
    assert analysed(FIXTURES / f"quantised/{path}.onnx") == (1394, 0)
    assert analysed(FIXTURES / "quantised/dynamic.onnx") == (1394, 26)


def test_a_quantised_embedding_is_a_parameter() -> None:
    assert analysed(FIXTURES / "quantised/dynamic_transformer.onnx")[0] == 3604


def test_a_function_reads_its_arguments_as_its_nodes_do(write_model: Write) -> None:
    path = write_model("""<ir_version: 10, opset_import: ["" : 21, "my" : 1]>
    net (float[N, 2, 4] x) => (y)
    <float[2] scale = {1, 2}, float[2] bias = {1, 2}, float[2] mean = {1, 2}, float[2] var = {1, 2}>
    { y = my.norm(x, scale, bias, mean, var) }
    <opset_import: ["" : 21], domain: "my">
    norm (x, s, b, m, v) => (y) { y = BatchNormalization(x, s, b, m, v) }""")
    assert analysed(path) == (4, 4)


@pytest.mark.parametrize(
    ("table", "is_learnt"),
    [
        (np.sin(np.outer(np.arange(20), [1, 0.1, 0.01])), False),
        (np.tril(np.ones((8, 8))), False),
        (np.triu(np.full((8, 8), -1e9), 1), False),
        (np.arange(12.0), False),
        (0.5 ** np.arange(8), False),
        (np.zeros((8, 8)), True),
        (np.ones(16), True),
        (np.random.default_rng(0).normal(size=(20, 3)), True),
        (np.random.default_rng(0).normal(size=16), True),
    ],
    ids=["waves", "triangle", "mask", "places", "decay", "zeros", "ones", "matrix", "vector"],
)
def test_what_a_formula_gives_was_not_learnt(
    table: np.ndarray[Any, Any], is_learnt: bool, tmp_path: Path
) -> None:
    graph = onnx.parser.parse_graph(
        f"net (float{list(table.shape)} x) => (float{list(table.shape)} y) {{ y = Add(x, t) }}"
    )
    graph.initializer.append(onnx.numpy_helper.from_array(table.astype(np.float32), "t"))
    onnx.save(onnx.helper.make_model(graph), tmp_path / "model.onnx")
    assert analysed(tmp_path / "model.onnx")[0] == table.size * is_learnt


# Operations and bytes


@pytest.mark.parametrize(
    ("body", "macs", "flops"),
    [
        ("y = Relu(x)", 0, 64),
        ("y = Add(x, x)", 0, 64),
        ("y = Sum(x, x, x)", 0, 128),
        ("y = Reshape(x, flat)", 0, 0),
        ("y = Transpose(x)", 0, 0),
        ("y = Softmax(x)", 0, 5 * 64),
        ("y = LayerNormalization(x, four)", 0, 7 * 64),
        ("y = ReduceSum <keepdims = 0> (x)", 0, 64),
        ("y = GlobalAveragePool(x)", 0, 64),
        ("y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)", 0, 16 * 4),
        ("y = MatMul(x, x)", 64 * 4, 128 * 4),
        ("y = Conv <pads = [1, 1, 1, 1]> (x, kernel)", 8 * 16 * 36, 2 * 8 * 16 * 36),
        ('y = Einsum <equation = "...ij,...jk->...ik"> (x, x)', 64 * 4, 128 * 4),
        ("y = Resize(x, none, scales)", 0, 0),
        ('y = Resize <mode = "linear"> (x, none, scales)', 0, 4 * 64 * 2 * 2**2),
        ("z = ArgMax(x) y = Add(z, z)", 0, 0),
        ("y = com.example.Mystery(x)", 0, None),
    ],
)
def test_operations_of_a_node(body: str, macs: int, flops: int | None, write_model: Write) -> None:
    kernel = ", ".join(["0.5"] * (8 * 4 * 9))
    path = write_model(
        f"""<ir_version: 10, opset_import: ["" : 21, "com.example" : 1]>
    net (float[1, 4, 4, 4] x) => (y)
    <int64[1] flat = {{-1}}, float[4] four = {{1, 2, 3, 4}}, float[4] scales = {{1, 1, 2, 2}},
     float[8, 4, 3, 3] kernel = {{{kernel}}}, float[0] none = {{}}>
    {{ {body} }}"""
    )
    found = costs(path)["y"]
    assert (found.macs, found.flops) == (macs, flops)


@pytest.mark.parametrize(
    ("inputs", "call", "macs"),
    [
        ("float[1,8,16] q, float[1,8,16] k, float[1,8,16] v",
         "MultiHeadAttention <num_heads = 2> (q, k, v)", 2 * 8 * 16 * 8),
        ("float[1,8,32] q, float[1,8,16] k, float[1,8,16] v, float[1,2,24,8] a, "
         "float[1,2,24,8] b, int32[1] s, int32[1] t",
         "GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (q, k, v, a, b, s, t)",
         2 * 8 * 32 * (24 + 8)),
        ("float[1,8,64] q, int32[1] s, int32[1] t",
         "GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (q,,,,, s, t)", 2 * 8 * 32 * 8),
        ("float[1,8,16] x, float[16,48] w, float[48] b",
         "Attention <num_heads = 2> (x, w, b)", 8 * 16 * 48 + 2 * 8 * 16 * 8),
        ("float[1,8,16] x, float[1,16,24] b", "FusedMatMul (x, b)", 8 * 16 * 24),
        ("float[1,8,16] x, uint8[24,1,8] b, float[24] s",
         "MatMulNBits <K = 16, N = 24, bits = 4, block_size = 16> (x, b, s)", 8 * 16 * 24),
        ("float[1,3,8,8] x, float[4,3,3,3] w", 'FusedConv <activation = "Relu"> (x, w)',
         36 * 4 * 27),
        ("float[1,8,16] x, float[1,8,16] z, float[16] g", "SkipLayerNormalization (x, z, g)", 0),
    ],
    ids=lambda text: text.split(" ")[0] if isinstance(text, str) else "",
)  # fmt: skip
def test_fused_operators_of_onnxruntime(
    inputs: str, call: str, macs: int, write_model: Write
) -> None:
    more = ", float[D, E, F, G] p, float[D, E, F, G] r" if "Group" in call else ""
    outs = "h, p, r" if "Group" in call else "h"
    found = costs(
        write_model(f"""<ir_version: 10, opset_import: ["" : 23, "com.microsoft" : 1]>
    net ({inputs}) => (float[A, B, C] y{more}) {{
        {outs} = com.microsoft.{call} y = Relu(h)
    }}""")
    )["h"]
    assert found.macs == macs
    assert found.flops == 2 * macs if macs else found.flops == 8 * 128


def test_rounds_calls_and_branches(write_model: Write) -> None:
    path = write_model("""<ir_version: 10, opset_import: ["" : 21, "my" : 1]>
    net (float[2, 2] x, bool c, int64 t) => (y, z, w) <int64 n = {5}, bool yes = {1}>
    {
        a = my.f(x)
        b = my.f(a)
        y = Loop (n, yes, b) <body = l (int64 i, bool k, float[2, 2] s) => (bool k2, float[2, 2] s2)
            { k2 = Identity(k) s2 = MatMul(s, s) }>
        z = Loop (t, yes, x) <body = u (int64 j, bool g, float[2, 2] r) => (bool g2, float[2, 2] r2)
            { g2 = Identity(g) r2 = MatMul(r, r) }>
        w = If (c) <then_branch = p () => (float[2, 2] p1) { p1 = MatMul(x, x) },
                    else_branch = q () => (float[2, 2] q1) { q1 = Relu(x) }>
    }
    <opset_import: ["" : 21], domain: "my">
    f (v) => (u) { m = MatMul(v, v) u = Relu(m) }""")
    found = costs(path)
    assert (found["m"].macs, found["m"].rounds) == (2 * 8, 2)
    assert (found["s2"].macs, found["s2"].rounds) == (5 * 8, 5)
    assert (found["r2"].macs, found["r2"].rounds) == (None, None)
    assert (found["p1"].macs, found["q1"].flops) == (8, 4)
    assert (found["y"].macs, found["w"].flops) == (0, 0)


def test_bytes_of_outputs_and_weights(write_model: Write) -> None:
    path = write_model("""<ir_version: 10, opset_import: ["" : 21]>
    net (float[N, 4] x) => (y, top, where)
    <float16[4, 4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, int64[1] k = {2}> {
        h = Cast <to = 10> (x)
        m = MatMul(h, w)
        y = Cast <to = 1> (m)
        top, where = TopK(y, k)
    }""")
    found = costs(path)
    assert (found["m"].activation_bytes, found["m"].weight_bytes) == (8, 32)
    assert found["top"].activation_bytes == 2 * 4 + 2 * 8


def test_what_has_no_known_size_is_unknown(write_model: Write) -> None:
    path = write_model("""<ir_version: 10, opset_import: ["" : 21]>
    net (float[N, 4] x, float[4] v) => (y) {
        places = NonZero(v)
        rows = Gather(x, places)
        y = MatMul(rows, rows)
    }""")
    found = costs(path)["y"]
    assert (found.macs, found.flops, found.activation_bytes) == (None, None, None)


# What inspect shows


def inspect(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)])


def document(*arguments: object) -> dict[str, Any]:
    done = inspect(*arguments, "-f", "json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_totals_and_columns() -> None:
    shown = inspect(CNN, "--static-only").stdout
    assert "1,394 parameters, weights 5.46 KiB, 31.8k MACs, 66.5k FLOPs" in shown
    assert f"peak of activations 9 KiB (for image {TIMES.join(['1', '1', '12', '12'])})" in shown
    found = document(CNN, "--static-only")
    assert found["totals"]["macs"] == sum(layer["cost"]["macs"] for layer in found["layers"])
    assert found["totals"]["flops"] == sum(layer["cost"]["flops"] for layer in found["layers"])
    weights = sum(layer["cost"]["weight_bytes"] for layer in found["layers"])
    assert found["totals"]["weight_bytes"] == weights


def test_layers_are_found_and_sorted_by_what_they_cost() -> None:
    where = "macs > 1000 and params < 100 and memory == 4608 and flops == 2 * macs"
    found = document(CNN, "--static-only", "--where", where)
    assert [layer["op"] for layer in found["layers"]] == ["Conv"]
    found = document(CNN, "--static-only", "--sort", "macs,desc")
    counts = [layer["cost"]["macs"] for layer in found["layers"]]
    assert counts == sorted(counts, reverse=True)
    shown = inspect(CNN, "--static-only", "--where", "macs > 0").stdout
    assert "  macs" in shown
    assert "MACs  " not in shown  # not twice


def test_a_run_is_of_one_sample_at_the_sizes_that_were_fed() -> None:
    transformer = FIXTURES / "pytorch/transformer_dynamo.onnx"
    assert document(transformer)["totals"]["at"]["input_ids"][0] == 1
    assert (
        document(transformer)["totals"]["macs"]
        > document(transformer, "--static-only")["totals"]["macs"]
    )


def test_what_the_runtime_saw_fills_in_what_inference_does_not_know() -> None:
    found = document(FIXTURES / "sklearn/mlp.onnx")
    assert found["totals"]["macs"] == 4 * 16 + 16 * 3
    assert document(FIXTURES / "sklearn/mlp.onnx", "--static-only")["totals"]["uncounted"]


def test_metadata_is_shown_and_stays_text(tmp_path: Path) -> None:
    model = onnx.load(CNN)
    model.doc_string, model.domain, model.model_version = "made for tests\x1b[31m", "org.test", 7
    entry = model.metadata_props.add()
    entry.key, entry.value = "author", "a\nb" + "z" * 1000
    onnx.save(model, tmp_path / "model.onnx")
    shown = inspect(tmp_path / "model.onnx", "--static-only").stdout
    assert "version 7" in shown
    assert "org.test" in shown
    assert "doc: made for tests" in shown
    assert "\x1b[31m" not in shown
    assert document(tmp_path / "model.onnx", "--static-only")["metadata"] == {
        "author": "a\nb" + "z" * 1000
    }


def test_operators_that_sums_leave_out_are_named_in_the_width_of_the_terminal(
    write_model: Write,
) -> None:
    nodes = " ".join(f"y{number} = my.{'Z' * 500}{number}(x)" for number in range(20))
    path = write_model(f"""<ir_version: 10, opset_import: ["" : 21, "my" : 1]>
    net (float[4] x) => (float[4] y1) {{ {nodes} }}""")
    model = look(str(path), Settings(), static_only=True)
    lines = [str(line) for line in summary(model, model.layers, width=80, unfolds=False)]
    assert max(map(width_of, lines[1:])) <= 80
    assert "and 8 more" in " ".join(lines)


def test_one_node_tells_its_cost() -> None:
    shown = inspect(CNN, "#0", "--static-only").stdout
    assert "Cost   MACs 10,368, FLOPs 20,736, outputs 4.5 KiB, weights 320 bytes" in shown


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (999, "999"), (999.6, "1k"), (12_345, "12.3k"), (4.09e9, "4.09G")]
)
def test_short_counts(count: float, text: str) -> None:
    assert short(count) == text


def test_short_sizes_and_times() -> None:
    assert [of_bytes(0), of_bytes(1023), of_bytes(1024**2)] == ["0 bytes", "1023 bytes", "1 MiB"]
    assert [of_time(0.0123), of_time(1.5), of_time(2500)] == ["12.3 µs", "1.5 ms", "2.5 s"]
