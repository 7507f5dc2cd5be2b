"""Portability: what fires on which target, and the near misses beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import findings as findings_of

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.operators import SHAPE_SLOTS
from onnxlint.rules.rule import Rule
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.prt.bfloat16_on_cpu import bfloat16_on_cpu
from onnxlint_rules.prt.float16_on_cpu import float16_on_cpu
from onnxlint_rules.prt.ir_version_above_target import ir_version_above_target
from onnxlint_rules.prt.model_local_function import model_local_function
from onnxlint_rules.prt.operator_unsupported import operator_unsupported
from onnxlint_rules.prt.opset_above_target import opset_above_target
from onnxlint_rules.prt.resize_mode import resize_mode
from onnxlint_rules.prt.runtime_optimised_graph import runtime_optimised_graph
from onnxlint_rules.prt.small_external_tensor import small_external_tensor
from onnxlint_rules.prt.vendor_operator import vendor_operator

PLAIN = "net (float[N] x) => (float[N] y) { y = Relu(x) }"

NEEDS_TARGET = [
    bfloat16_on_cpu,
    float16_on_cpu,
    ir_version_above_target,
    model_local_function,
    operator_unsupported,
    opset_above_target,
    vendor_operator,
]


def findings(rule: Rule, text: str, *targets: str) -> tuple[Diagnostic, ...]:
    return findings_of(rule, text + "".join(f"\n# target: {target}" for target in targets))


def told(rule: Rule, text: str, *targets: str) -> list[tuple[str, str, str | None]]:
    return [(f.severity.value, f.message, f.place.op_type) for f in findings(rule, text, *targets)]


@pytest.mark.parametrize("rule", NEEDS_TARGET, ids=lambda rule: rule.name)
def test_without_a_target_the_rule_is_not_applicable(rule: Rule) -> None:
    with saved(Example.parse(PLAIN)) as path:
        report = run_rule(rule, path)
    assert report.not_applicable == {rule.code: "no target is set"}


def test_each_target_has_its_own_limit() -> None:
    text = '<ir_version: 12, opset_import: ["" : 23, "ai.onnx.ml" : 5]>' + PLAIN
    targets = ("ort-cpu-1.17", "ort-cpu-1.23", "ort-cpu-1.24", "tensorrt-10.3")
    assert told(ir_version_above_target, text, *targets) == [
        ("error", "IR version is 12 (ort-cpu-1.17 supports up to 9)", None),
        ("error", "IR version is 12 (ort-cpu-1.23 supports up to 11)", None),
    ]
    assert told(opset_above_target, text, *targets) == [
        ("error", "opset 23 of ai.onnx is imported, ort-cpu-1.17 supports up to 20", None),
        (
            "error",
            "opset 5 of ai.onnx.ml is imported, ort-cpu-1.17 supports up to 4 "
            "(the import is unused)",
            None,
        ),
    ]


def test_an_operator_is_judged_by_version_and_type() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
    net (int16[N] a, float[N] x) => (int16[N] b, float[N] y, int16[N] c)
    {
        b = Max(a, a)
        y = Max(x, x)
        c = Max(b, a)
    }"""
    (finding,) = findings(operator_unsupported, text, "ort-cpu-1.20")
    assert finding.severity == "error"
    assert finding.place.node_index == 0
    assert (finding.measured, finding.limit, finding.unit) == (2, 0, "nodes")
    assert finding.message == "ort-cpu-1.20 does not support Max for int16 (2 nodes)"
    assert finding.hint == "cast to a type that ort-cpu-1.20 supports for Max"


def test_a_kernel_that_is_registered_in_vain_is_none() -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    net (double[T, N, 2] x, double[1, 8, 2] w, double[1, 8, 2] r) => (double[T, 1, N, 2] y)
    {
        y = LSTM <hidden_size = 2> (x, w, r)
    }"""
    (finding,) = findings(operator_unsupported, text, "ort-cpu-1.20")
    assert finding.message == "ort-cpu-1.20 does not support LSTM for double"
    assert findings(operator_unsupported, text.replace("double", "float"), "ort-cpu-1.20") == ()


def test_nothing_is_said_of_what_is_not_known() -> None:
    unknown_type = "net (float[N] x) => (y) { h = own.f(x) y = Max(h, h) }"
    header = '<ir_version: 10, opset_import: ["" : 21, "own" : 1]>'
    assert findings(operator_unsupported, header + unknown_type, "ort-cpu-1.20") == ()
    unknown_opset = '<ir_version: 10, opset_import: ["" : 22]>' + PLAIN  # PRT002 says it
    assert findings(operator_unsupported, unknown_opset, "ort-cpu-1.20") == ()
    assert findings(operator_unsupported, PLAIN, "ort-cpu-1.12", "tensorrt-8.6") == ()


def test_every_scope_is_looked_at() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (bool flag, int16[2] x) => (int16[2] y, int16[2] z)
    {
        y = If(flag) <
            then_branch = a () => (int16[2] p) { p = Max(x, x) },
            else_branch = b () => (int16[2] q) { q = Identity(x) }
        >
        z = own.peak(x)
    }
    <domain: "own", opset_import: ["" : 21]>
    peak (a) => (b)
    {
        b = Det(a)
    }"""
    found = findings(operator_unsupported, text, "ort-cpu-1.20")
    assert [(f.place.scope, f.place.op_type) for f in found] == [
        ("If_0/then_branch", "Max"),
        ("function:own::peak", "Det"),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        # expanded to Clip, Div and so on, which are there
        ("y = HardSwish(x)", None),
        ("y = CenterCropPad <axes = [0]> (x, one)", None),
        # expanded to RandomUniformLike, of which there is no version 22
        ("y = Bernoulli(x)", "Bernoulli, which expands to version 22 of RandomUniformLike"),
    ],
)
def test_what_onnxruntime_writes_out_is_judged_by_that(body: str, reason: str | None) -> None:
    text = f"""<ir_version: 10, opset_import: ["" : 22]>
    net (float[4] x) => (float[M] y) <int64[1] one = {{1}}> {{ {body} }}"""
    found = findings(operator_unsupported, text, "ort-cpu-1.32")
    said = [f"ort-cpu-1.32 does not support {reason}"] if reason else []
    assert [f.message for f in found] == said


@pytest.mark.parametrize(("relus", "severity"), [(25, "warning"), (26, "info")])
def test_the_cpu_runs_what_a_provider_leaves_to_it(relus: int, severity: str) -> None:
    chain = "".join(f"r{n} = Relu({f'r{n - 1}' if n else 'c'})\n" for n in range(relus))
    text = f"""net (float[N, 4] x) => (float[N, 4] y)
    {{
        a = Sin(x)
        b = Cos(a)
        i = Identity(b)
        c = Sin(i)
        {chain}
        y = Tanh(r{relus - 1})
    }}"""
    assert told(operator_unsupported, text, "coreml-1.20", "ort-web-1.20") == [
        (severity, f"coreml-1.20 leaves 3 of {relus + 4} nodes to the CPU: Sin, Cos", "Sin"),
    ]


def test_uint8_quantisation_is_none_for_tensorrt() -> None:
    text = """net (uint8[N] x, float scale, uint8 zero) => (float[N] y)
    {
        y = DequantizeLinear(x, scale, zero)
    }"""
    assert [f.message for f in findings(operator_unsupported, text, "tensorrt", "ort-cpu")] == [
        "tensorrt-11.5 does not support DequantizeLinear for uint8"
    ]
    assert findings(operator_unsupported, text.replace("uint8", "int8"), "tensorrt") == ()


def test_int64_is_narrowed_by_the_older_tensorrt() -> None:
    text = "net (int64[N] x, int64[N] z) => (int64[N] y) { y = Add(x, z) }"
    text = '<ir_version: 8, opset_import: ["" : 17]>' + text
    assert findings(operator_unsupported, text, "tensorrt-8.5", "tensorrt-10.15") == ()


VENDOR = """<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1, "acme" : 1]>
net (float[N] x) => (float[N] y)
{
    a = com.microsoft.QuickGelu(x)
    b = com.microsoft.QuickGelu(a)
    y = acme.Mystery(b)
}"""


def test_vendors_operators_are_told_once_per_domain() -> None:
    of_acme = "does not support operators of acme: Mystery"
    of_microsoft = "does not support operators of com.microsoft: QuickGelu (2 nodes)"
    assert told(vendor_operator, VENDOR, "tensorrt-10.15", "openvino-2024.6") == [
        ("warning", f"tensorrt-10.15 {of_microsoft}", "QuickGelu"),
        ("warning", f"openvino-2024.6 {of_acme}", "Mystery"),
        ("warning", f"tensorrt-10.15 {of_acme}", "Mystery"),
    ]
    assert findings(vendor_operator, VENDOR, "ort-cpu") == ()


def test_what_was_made_for_one_machine_is_told_once() -> None:
    text = VENDOR.replace("acme", "com.microsoft.nchwc")
    assert len(findings(runtime_optimised_graph, text, "tensorrt-10.15")) == 1
    found = findings(vendor_operator, text, "tensorrt-10.15")
    assert [f.place.op_type for f in found] == ["QuickGelu"]


def test_a_vendors_operator_that_a_reader_has_too_is_judged_like_its_own() -> None:
    text = VENDOR.replace("y = acme.Mystery(b)", "y = com.microsoft.BiasDropout(b, x)")
    (finding,) = findings(operator_unsupported, text, "openvino-2024.6")
    assert finding.message.endswith("does not support com.microsoft::BiasDropout")
    (finding,) = findings(operator_unsupported, text, "ort-cpu-1.20")
    assert finding.message.endswith("does not support com.microsoft::BiasDropout")


@pytest.mark.parametrize(
    ("node", "severity"),
    [
        ("com.ms.internal.nhwc.Conv(x)", "error"),
        ("com.microsoft.nchwc.ReorderInput(x)", "error"),
        ("MemcpyToHost(x)", "error"),
        ("TensorrtExecutionProvider_TRTKernel_graph_main_graph_0(x)", "error"),
        ("com.microsoft.EPContext(x)", "warning"),
        ("com.microsoft.FusedConv(x, x)", None),
        ("com.microsoft.NhwcMaxPool(x)", None),
    ],
)
def test_what_is_of_one_machine(node: str, severity: str | None) -> None:
    domains = ("com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")
    imports = ", ".join(f'"{domain}" : 1' for domain in domains)
    text = f"""<ir_version: 10, opset_import: ["" : 21, {imports}]>
    net (float[N] x) => (float[N] y) {{ h = {node} y = Relu(h) }}"""
    found = findings(runtime_optimised_graph, text)
    assert [f.severity.value for f in found] == ([severity] if severity else [])
    assert all(f.message.endswith(": specific to one machine") and f.hint for f in found)


def test_bfloat16_is_one_finding_and_no_matter_of_unsupported_operators() -> None:
    text = """net (bfloat16[N, 4] x, bfloat16[4, 4] w) => (bfloat16[N, 4] y)
    {
        h = MatMul(x, w)
        y = Relu(h)
    }"""
    assert told(bfloat16_on_cpu, text, "ort-cpu-1.20", "tensorrt-10.15") == [
        ("error", "ort-cpu-1.20 does not support bfloat16 for MatMul, Relu (2 nodes)", "MatMul"),
    ]
    assert findings(operator_unsupported, text, "ort-cpu-1.20") == ()


def test_float16_is_a_cost_where_it_is_computed_wide() -> None:
    text = """net (float16[N, 4] x, float16[4, 4] w) => (float16[N, 4] y)
    {
        h = MatMul(x, w)
        y = Identity(h)
    }"""
    assert told(float16_on_cpu, text, "ort-cpu-1.20", "qnn-1.20", "tensorrt-10.15") == [
        (
            "warning",
            "ort-cpu-1.20 computes float16 in float32, with inserted casts, for MatMul",
            "MatMul",
        ),
    ]
    assert findings(operator_unsupported, text, "ort-cpu-1.20") == ()


def resize(attributes: str, scale: str = "2") -> str:
    return f"""net (float[1, 1, H, W] x) => (float[1, 1, h, w] y)
    <float[4] scales = {{1, 1, {scale}, {scale}}}>
    {{
        y = Resize <{attributes}> (x, "", scales)
    }}"""


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (resize('mode = "linear"'), None),
        (resize('mode = "nearest", coordinate_transformation_mode = "asymmetric", '
                'nearest_mode = "floor"'), None),
        (resize('mode = "nearest", coordinate_transformation_mode = "asymmetric", '
                'nearest_mode = "floor"', "1.5"), "asymmetric"),
        (resize('mode = "nearest", coordinate_transformation_mode = "asymmetric", '
                'nearest_mode = "ceil"'), "asymmetric"),
        (resize('mode = "linear", coordinate_transformation_mode = "align_corners"'),
         "align_corners"),
        (resize('mode = "linear", coordinate_transformation_mode = "pytorch_half_pixel"'),
         "pytorch_half_pixel"),
        ('<ir_version: 5, opset_import: ["" : 10]>' +
         resize('mode = "linear"').replace('x, "", scales', "x, scales"), "asymmetric"),
        ('<ir_version: 5, opset_import: ["" : 10]>' +
         resize('mode = "nearest"').replace('x, "", scales', "x, scales"), None),
    ],
)  # fmt: skip
def test_resize_modes(text: str, mode: str | None) -> None:
    found = findings(resize_mode, text)
    assert [(f.severity.value, mode in f.message) for f in found] == (
        [("info", True)] if mode else []
    )


def test_a_resize_mode_that_a_target_lacks_is_a_warning() -> None:
    text = resize('mode = "linear", coordinate_transformation_mode = "half_pixel_symmetric"')
    text = '<ir_version: 9, opset_import: ["" : 19]>' + text
    (finding,) = findings(resize_mode, text, "openvino", "ort-cpu")
    assert finding.severity == "warning"
    assert finding.message.endswith("by importers; openvino-2026.4 does not support it")


FUNCTION = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
net (float[N] x) => (float[N] y) { y = CALL(x) }
<domain: "own", opset_import: ["" : 17]>
twice (a) => (b) { b = Add(a, a) }"""


def test_functions_are_told_where_they_are_called_and_refused() -> None:
    called, uncalled = (FUNCTION.replace("CALL", op) for op in ("own.twice", "Relu"))
    assert told(model_local_function, called, "openvino-2026.4", "ort-cpu", "tensorrt-8.5") == [
        (
            "error",
            "openvino-2026.4 does not support model-local functions (1 called)",
            "twice",
        ),
    ]
    assert findings(model_local_function, uncalled, "openvino-2026.4") == ()


def external(op: str, slot: int, folder: Path, nbytes: int = 8) -> Path:
    """A model whose operator reads an external int64 tensor from a slot."""
    import onnx
    from onnx import helper

    inputs = [f"x{number}" for number in range(slot)] + ["t"]
    tensor = onnx.TensorProto(name="t", data_type=onnx.TensorProto.INT64, dims=[nbytes // 8],
                              data_location=onnx.TensorProto.EXTERNAL)  # fmt: skip
    tensor.external_data.add(key="location", value="t.bin")
    (folder / "t.bin").write_bytes(bytes(nbytes))
    graph = helper.make_graph(
        [helper.make_node(op, inputs, ["y"])], "net",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4, 4])
         for name in inputs[:-1]],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)], [tensor],
    )  # fmt: skip
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=10).SerializeToString())
    return path


@pytest.mark.parametrize(("op", "slot"), [(op, slots[-1]) for op, slots in SHAPE_SLOTS.items()])
def test_external_tensors_that_decide_a_shape(op: str, slot: int, tmp_path: Path) -> None:
    report = run_rule(small_external_tensor, external(op, slot, tmp_path))
    (finding,) = report.findings
    assert (finding.severity, finding.place.value, finding.measured) == ("warning", "t", 8)
    assert finding.message == (
        f"{op} #0 reads a shape from this tensor, which is stored externally (8 bytes)"
    )


def test_an_external_shape_is_an_error_where_onnxruntime_is_a_target(tmp_path: Path) -> None:
    example = Example.parse("# target: ort-web")
    path = external("Reshape", 1, tmp_path)
    (finding,) = run_rule(
        small_external_tensor, path, settings=example.settings_in(path.parent)
    ).findings
    assert finding.severity == "error"


@pytest.mark.parametrize(("nbytes", "count"), [(1016, 1), (1024, 0)])
def test_other_small_external_tensors_are_an_info(tmp_path: Path, nbytes: int, count: int) -> None:
    report = run_rule(small_external_tensor, external("Add", 1, tmp_path, nbytes))
    assert [(f.severity.value, f.message, f.hint) for f in report.findings] == [
        ("info", "1 tensor smaller than 1024 bytes is stored externally",
         "save with size_threshold=1024 to keep them in the model file"),
    ] * count  # fmt: skip
