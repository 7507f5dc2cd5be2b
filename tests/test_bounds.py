"""What a small file asks for is bounded: by design where it can be, else by a child's limits."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from conftest import SOUND
from onnx import FunctionProto, ModelProto, helper

from onnxlint.analyses.static.inference_process import INFERENCE_BYTES
from onnxlint.model.file.errors import ModelError
from onnxlint.model.file.load import open_model
from onnxlint.model.file.protobuf_wire import WireError, skeleton
from onnxlint.pipeline import lint
from onnxlint.runtime.shape_inference.inference import DEEPEST_CALLS, infer
from onnxlint.runtime.shape_inference.inferred import Inferred
from onnxlint.safety.limits import Budget, data_size
from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import model_from_text

OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]


def doubled(times: int) -> ModelProto:
    """Sizes that double: of 2^times elements, which shape inference follows one by one."""
    lines = [f"t{n + 1} = Concat<axis = 0>(t{n}, t{n})" for n in range(times)]
    body = "\n".join(["t0 = Constant<value_ints = [1, 1]>()", *lines, f"y = Reshape(x, t{times})"])
    return model_from_text(f"n (float[1] x) => (float[N] y) {{ {body} }}")


def nested(depth: int, calls: int) -> ModelProto:
    """Functions that each call the one below `calls` times."""
    functions: list[FunctionProto] = []
    for level in range(depth):
        names = ["a", *(f"h{n}" for n in range(calls - 1)), "b"]
        op, domain = ("Relu", "") if level == 0 else (f"F{level - 1}", "own")
        nodes = [helper.make_node(op, [first], [second], domain=domain)
                 for first, second in itertools.pairwise(names)]  # fmt: skip
        functions.append(helper.make_function("own", f"F{level}", ["a"], ["b"], nodes, OPSETS))
    info = [helper.make_tensor_value_info(name, 1, [2]) for name in "xy"]
    call = helper.make_node(f"F{depth - 1}", ["x"], ["y"], domain="own")
    graph = helper.make_graph([call], "g", info[:1], info[1:])
    return helper.make_model(graph, functions=functions, opset_imports=OPSETS, ir_version=10)


def written(folder: Path, model: ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_inference_that_grows_is_ended_and_told(tmp_path):
    limit = data_size() + 400 * 1024**2  # beside what the tests have taken
    settings = Settings(memory_limit=limit, time_limit=120)
    report = lint(written(tmp_path, doubled(34)), select=["ONX027"], settings=settings)
    (lost,) = [found for found in report.findings if found.code == "LNT002"]
    assert lost.severity is Severity.WARNING
    assert "repeated without constants" in lost.message
    assert lost.evidence["lost"] == "shape inference"
    assert lost.hint is not None
    assert "store the shapes of intermediate values in the model" in lost.hint
    assert report.complete


def test_what_a_sound_model_takes_is_far_below(tmp_path):
    report = lint(written(tmp_path, doubled(10)), select=["ONX027"])
    assert not report.findings
    assert INFERENCE_BYTES > 2**29


@pytest.mark.parametrize(("depth", "calls"), [(30, 2), (1000, 2), (2000, 1), (DEEPEST_CALLS, 1)])
def test_functions_of_functions_are_not_followed_without_end(depth, calls):
    found = Inferred.decoded(infer(nested(depth, calls).SerializeToString()))
    assert len(found.names) == 1 + depth  # the main graph, and each function


def test_functions_in_a_circle_end():
    model = nested(3, 2)
    model.functions[0].node[0].op_type, model.functions[0].node[0].domain = "F2", "own"
    assert infer(model.SerializeToString())


@pytest.mark.parametrize("text", ["seq(" * 30_000 + "float" + ")" * 30_000, "(" * 30_000])
def test_text_that_crashes_its_parser_is_one_sentence(text, tmp_path):
    path = tmp_path / "m.onnxtxt"
    path.write_text(f'<ir_version: 8, opset_import: ["": 17]> g ({text} x) => (float y) {{ }}')
    with pytest.raises(ModelError, match="is not an ONNX model"), open_model(str(path)):
        pass


@pytest.mark.parametrize("suffix", [".json", ".textproto", ".onnxtxt", ".onnx"])
def test_ten_gigabytes_of_nothing_are_refused_unread(suffix, tmp_path):
    path = tmp_path / f"m{suffix}"
    with path.open("wb") as file:
        file.truncate(10 * 1024**3)
    problem = "field number 0" if suffix == ".onnx" else "too large for a model in text form"
    with pytest.raises(ModelError, match=problem), open_model(str(path)):
        pass


def field(number: int, body: bytes) -> bytes:
    length, size = [], len(body)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    tag = number << 3 | 2
    return bytes([tag & 0x7F | 0x80, tag >> 7, *length, size]) + body


def test_large_unknown_fields_are_skipped(tmp_path):
    path = written(tmp_path, model_from_text(SOUND))
    whole = path.read_bytes() + field(999, bytes(100_000)) + field(998, b"small")
    path.write_bytes(whole)
    with open_model(str(path)) as model:
        kept = model.proto.SerializeToString()
        assert len(kept) < 2_000
        assert b"small" in kept
        assert model.explained_bytes is not None
        assert model.size - model.explained_bytes > 100_000


def test_more_than_protobuf_reads_is_refused_before_it_is_copied(monkeypatch):
    monkeypatch.setattr("onnxlint.model.file.protobuf_wire.PROTO_LIMIT_BYTES", 50)
    data = model_from_text(SOUND).SerializeToString()
    with pytest.raises(WireError, match="protobuf refuses"):
        skeleton(memoryview(data))


GROWING = """net (float[16] x) => (float[N] y) {
    trip = Constant<value: tensor = int64 {19}>()
    go = Constant<value: tensor = bool {1}>()
    y = Loop(trip, go, x)<body: graph = b (int64 i, bool c, float[M] s) => (bool c2, float[K] t) {
        c2 = Identity(c)
        t = Concat<axis: int = 0>(s, s)
    }>
}"""


def test_outputs_of_unknown_size_are_looked_at_and_not_kept(tmp_path, monkeypatch):
    from onnxlint.runtime.worker import client

    seen = []
    monkeypatch.setattr(client.Worker, "_taken", spying(client.Worker._taken, seen))
    report = lint(written(tmp_path, model_from_text(GROWING)), select=["RUN003", "ACT001"])
    assert report.samples
    assert report.complete
    assert {name for ran in seen for name in ran.withheld} == {"y"}
    assert not any("y" in ran.outputs for ran in seen)


def spying(run, seen):
    def spied(*arguments, **options):
        ran = run(*arguments, **options)
        seen.append(ran)
        return ran

    return spied


def test_a_spent_budget_runs_nothing():
    budget = Budget(0.0, None)
    assert budget.is_spent
    assert budget.left == 0.0
    assert not budget.is_overdrawn
    assert Budget.build(Settings(samples=80, time_limit=10)).seconds == 100.0
    assert Budget.build(Settings(samples=2, time_limit=10)).seconds == 10.0
