"""How long layers take: the shares are those of the profile that onnxruntime wrote."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner, Result

from onnxlint import Graph
from onnxlint.analyses.execution.kernel_times import Attribution
from onnxlint.analyses.execution.profile import numbered
from onnxlint.cli.main import cli
from onnxlint.model.file.load import open_model
from onnxlint.runtime.protocol import Failed, Kernel, Profile, Profiled
from onnxlint.runtime.worker.profiling import profile
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

FIXTURES = Path(__file__).parents[1] / "fixtures"
CNN, TRANSFORMER = (FIXTURES / f"pytorch/{name}_dynamo.onnx" for name in ("cnn", "transformer"))
LOOP = """<ir_version: 10, opset_import: ["" : 21, "my" : 1]>
net (float[2, 2] x) => (y) <int64 n = {5}, bool c = {1}> {
    z = my.f(x)
    y = Loop (n, c, z) <body = b (int64 i, bool k, float[2, 2] s) => (bool k2, float[2, 2] s2)
        { k2 = Identity(k) t = MatMul(s, s) s2 = my.f(t) }>
}
<opset_import: ["" : 21], domain: "my">
f (v) => (u) { w = Softmax(v) u = MatMul(v, w) }"""


def inspect(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)])


def document(*arguments: object) -> dict[str, Any]:
    done = inspect(*arguments, "-f", "json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def profiled(path: Path, feeds: dict[str, Any], scratch: Path) -> Profiled:
    model = onnx.load(path).SerializeToString()
    request = Profile(model, str(path.parent), "all", feeds, 3, str(scratch))
    options = onnxruntime.SessionOptions()
    reply = profile(request, options)
    assert isinstance(reply, Profiled)
    return reply


def test_kernels_have_the_times_of_onnxruntimes_profile(tmp_path: Path) -> None:
    feeds = {"image": np.ones((1, 1, 12, 12), np.float32)}
    reply = profiled(CNN, feeds, tmp_path)
    (file,) = tmp_path.glob("profile*.json")
    events = json.loads(file.read_text())
    warm_up = sorted(event["ts"] for event in events if event["name"] == "model_run")[1]
    sums: dict[str, float] = defaultdict(float)
    for event in events:
        if event["cat"] == "Node" and event["ts"] >= warm_up:
            sums[event["name"].removesuffix("_kernel_time")] += event["dur"]
    assert reply.runs == 3
    assert {kernel.name: sum(kernel.microseconds) for kernel in reply.kernels} == sums


def test_the_body_of_a_loop_is_not_counted_twice(tmp_path: Path, write_model: Any) -> None:
    reply = profiled(write_model(LOOP), {"x": np.ones((2, 2), np.float32)}, tmp_path)
    (file,) = tmp_path.glob("profile*.json")
    events = json.loads(file.read_text())
    warm_up = sorted(event["ts"] for event in events if event["name"] == "model_run")[1]
    timed = [event for event in events if event["cat"] == "Node" and event["ts"] >= warm_up]
    loops = sum(event["dur"] for event in timed if event["args"]["op_name"] == "Loop")
    own = next(sum(kernel.microseconds) for kernel in reply.kernels if kernel.op == "Loop")
    assert 0 <= own < loops


@pytest.mark.parametrize("path", [CNN, TRANSFORMER], ids=lambda path: path.stem)
def test_shares_sum_to_one(path: Path) -> None:
    found = document(path, "--time")
    whole = found["profiled"]
    timed = [layer["time"] for layer in found["layers"] if layer["time"] is not None]
    own = [each for each in timed if each["share"] is not None]
    assert sum(each["share"] for each in own) + whole["other"] / whole[
        "milliseconds"
    ] == pytest.approx(1)
    assert all(
        each["share"] * whole["milliseconds"] == pytest.approx(each["milliseconds"]) for each in own
    )
    assert whole["runs"] in (2, 7)


def test_what_a_fused_kernel_computes_counts_at_the_layer_that_multiplies() -> None:
    layers = document(CNN, "--time")["layers"]
    convolution, activation = layers[0]["time"], layers[1]["time"]
    assert (layers[0]["op"], layers[1]["op"]) == ("Conv", "Relu")
    assert convolution["covers"] == [1]
    assert set(convolution["kernels"]) <= {"Conv", "FusedConv", "ReorderOutput"}
    assert (activation["within"], activation["share"]) == (0, None)


def attributed(path: Path, kernels: list[Kernel]) -> dict[str, list[str]]:
    """By the operator of each node with kernels the operators of those that these cover."""
    with open_model(str(path), Budget.build(Settings())) as model:
        graph = Graph(model)
        found = Attribution(graph, numbered(graph), kernels)
        return {node.op: [each.op for each in entry.covers] for node, entry in found.nodes.items()}


def test_a_kernel_covers_what_lies_between_its_outputs_and_inputs(write_model: Any) -> None:
    path = write_model("""<ir_version: 10, opset_import: ["" : 21]>
    net (float[N, 4] x, float[4, 4] w) => (y) <float[4] g = {1, 2, 3, 4}> {
        m = MatMul(x, w) a = Add(m, x) n = LayerNormalization(a, g) r = Relu(n) y = Softmax(r)
    }""")
    kernels = [
        Kernel("onnxlint-0/", "MatMul", [1.0], ["x", "w"], ["m"]),
        Kernel("Skip", "SkipLayerNormalization", [1.0], ["m", "x", "g"], ["n"]),
        Kernel("onnxlint-4/", "Softmax", [1.0], ["r"], ["y"]),
    ]
    assert attributed(path, kernels) == {
        "MatMul": [], "LayerNormalization": ["Add", "Relu"], "Softmax": [],
    }  # fmt: skip


def test_nothing_of_a_profile_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert document(CNN, "--time")["profiled"]["milliseconds"] > 0
    assert not [*tmp_path.glob("onnxlint-*")]


def test_a_model_that_does_not_run_says_why_it_is_not_timed(write_model: Any) -> None:
    path = write_model("""<ir_version: 10, opset_import: ["" : 21]>
    net (float[4] x) => (y) <int64[1] wrong = {3}> { y = Reshape(x, wrong) }""")
    found = document(path, "--time")
    assert found["profiled"] is None
    assert "cannot run" in found["unprofiled"]
    assert "no time was measured: " in inspect(path, "--time").stdout


def test_layers_are_sorted_by_time() -> None:
    layers = document(CNN, "--sort", "time,desc", "--where", "time_share > 0")["layers"]
    times = [layer["time"]["milliseconds"] for layer in layers]
    assert times == sorted(times, reverse=True)
    assert "Time" in inspect(CNN, "--time").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--time", "--static-only"), "--time runs the model; leave out --static-only"),
        (("#0", "--time"), "--time is of the whole model; leave it out, or '#0'"),
        (("--sort", "time", "--static-only"), "leave out --static-only"),
    ],
)
def test_time_needs_a_run_of_the_whole(arguments: tuple[str, ...], told: str) -> None:
    done = inspect(CNN, *arguments)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_model_that_cannot_be_profiled_is_told(tmp_path: Path) -> None:
    request = Profile(b"no model", str(tmp_path), "all", {}, 1, str(tmp_path))
    assert isinstance(profile(request, onnxruntime.SessionOptions()), Failed)
