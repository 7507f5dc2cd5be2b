"""`--model-explorer DIR`: loaded by the real server, whose adapter makes the ids of nodes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import tries
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.analyses import Analyses
from onnxlint.cli.main import cli
from onnxlint.model.file.load import open_model
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings
from onnxlint.testing import model_from_text
from onnxlint.viewers.collecting import picture
from onnxlint.viewers.model_explorer import overlays
from onnxlint.viewers.model_explorer_ids import Ids
from onnxlint.viewers.picture import Picture

portpicker = pytest.importorskip("portpicker", reason="Model Explorer is not installed")
pytest.importorskip("model_explorer_onnx", reason="Model Explorer's adapter is not installed")

NET = """<ir_version: 9, opset_import: ["" : 17]>
net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 3}> {
    h = MatMul(x, w)
    a = Sqrt(h)
    y = Relu(a)
}"""
INSIDE = """<ir_version: 9, opset_import: ["" : 17, "my" : 1]>
net (float[N, 4] x, bool c, int64 n) => (float[N, 4] y, float[N, 4] l) <float[4] w = {1, 2, 3, 4}> {
    h = If(c) <
        then_branch = t () => (float[N, 4] p) {
            r = Relu(x)
            p = If(c) < then_branch = tt () => (float[N, 4] u) { u = Mul(r, w) },
                        else_branch = ee () => (float[N, 4] v) { o = Mul(r, w) v = Add(o, w) } >
        },
        else_branch = e () => (float[N, 4] q) { q = Identity(x) } >
    k = my.f(h)
    l = Loop(n, c, k) <
        body = b (int64 i, bool d, float[N, 4] s) => (bool f, float[N, 4] m)
        <float[4] g = {1, 2, 3, 4}> {
            f = Identity(d)
            j = If(d) < then_branch = t () => (float[N, 4] p) { p = Mul(s, g) },
                        else_branch = e () => (float[N, 4] q) { q = Identity(s) } >
            m = Add(j, g)
        } >
    y = Relu(k)
}
<domain: "my", opset_import: ["" : 17]> f (a) => (b) { r = Tanh(a) b = Relu(r) }"""


def run(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model whose square root gives NaN, and its overlays in `over`."""
    folder = tmp_path_factory.mktemp("explorer")
    (folder / "net.onnx").write_bytes(model_from_text(NET).SerializeToString())
    np.savez(folder / "data.npz", x=np.array([[1, 1], [-1, 0], [0, 0]], np.float32))
    run("check", folder / "net.onnx", "--data", folder / "data.npz", "--select", "ACT,NUM", "-q",
        "--model-explorer", folder / "over", "--exit-zero")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def server(written: Path) -> Iterator[str]:
    """The address of a server that was given the model and two overlays."""
    port = portpicker.pick_unused_port()
    data = ",".join(str(written / "over" / name) for name in ("findings.json", "nan.json"))
    command = [sys.executable, "-m", "model_explorer", str(written / "net.onnx"),
               "--extensions=model_explorer_onnx", f"--node_data_paths={data}",
               "--no_open_in_browser", "--skip_health_check", "--port", str(port)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as served:
        try:
            address = f"http://localhost:{port}/"
            _wait_for(address)
            yield address
        finally:
            served.terminate()


def _wait_for(address: str) -> None:
    for _ in range(1200):
        try:
            urlopen(f"{address}check_health").close()
            return
        except URLError:
            time.sleep(0.1)
    raise AssertionError("Model Explorer did not start")


def ask(address: str, what: str, **query: str) -> Any:
    with urlopen(f"{address}api/v1/{what}?{urlencode(query)}") as answer:
        return json.loads(answer.read())


def test_overlays_are_keyed_as_the_server_keys_nodes(server, written):
    command = {"cmdId": "convert", "extensionId": "onnx_adapter", "settings": {},
               "modelPath": str(written / "net.onnx"), "deleteAfterConversion": False}  # fmt: skip
    (graph,) = ask(server, "send_command", json=json.dumps(command))["graphs"]
    labels = {node["id"]: node["label"] for node in graph["nodes"]}
    for file in sorted((written / "over").iterdir()):
        data = json.loads(ask(server, "read_text_file", path=str(file))["content"])
        assert data.keys() == {graph["id"]}
        assert data[graph["id"]]["results"].keys() <= labels.keys()
    nan = json.loads((written / "over" / "nan.json").read_text())[graph["id"]]["results"]
    by_label = {labels[key]: told for key, told in nan.items()}
    assert by_label["Sqrt"] == {"value": 1, "bgColor": "#c62828"}
    assert by_label["MatMul"] == by_label["Initializer"] == by_label["Input"] == {"value": 0}


def test_findings_by_severity_and_rule(written):
    def told(name: str) -> list[dict[str, Any]]:
        (graph,) = json.loads((written / "over" / f"{name}.json").read_text()).values()
        return list(graph["results"].values())

    assert {"value": "error", "bgColor": "#c62828"} in told("findings")
    assert any("ACT001" in each["value"] for each in told("rules"))


def test_what_is_not_written_anew_goes(written, tmp_path):
    over = tmp_path / "over"
    over.mkdir()
    (over / "findings.json").write_text("{}")
    (over / "mine.json").write_text("{}")
    run("inspect", written / "net.onnx", "--static-only", "--model-explorer", over)
    left = {each.stem for each in over.iterdir()}
    assert {"mine", "parameters", "mean"} <= left
    assert "findings" not in left


def test_each_of_several_models_has_a_folder(written, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.onnx").write_bytes((written / "net.onnx").read_bytes())
    run("check", tmp_path / "a", tmp_path / "b", "--static-only", "--select", "GRA",
        "--model-explorer", tmp_path / "over", "-q")  # fmt: skip
    assert {each.name for each in (tmp_path / "over").iterdir()} == {"0-net", "1-net"}


@pytest.fixture(scope="module")
def adapter() -> Any:
    from model_explorer_onnx.main import ONNXAdapter

    return ONNXAdapter()


NAMES = st.sampled_from(["", "a", "a", "a_1", "node", "s/a", "/s/t/"])


@pytest.mark.filterwarnings("ignore")  # the adapter's own
@tries(25)
@given(names=st.lists(NAMES, min_size=16, max_size=16), is_named=st.booleans())
def test_ids_of_any_names_in_bodies_and_functions(adapter, names, is_named, written):
    model = model_from_text(INSIDE)
    for node, name in zip(_nodes(model.graph), names, strict=False):
        node.name = name
    if not is_named:
        model.graph.ClearField("name")
    path = written / "names.onnx"
    path.write_bytes(model.SerializeToString())
    graphs = {graph.id: {node.id: node for node in graph.nodes}
              for graph in adapter.convert(str(path), {})["graphs"]}  # fmt: skip
    seen = drawn(path)
    ids = Ids(seen)
    assert ids.nodes.keys() == {*range(len(seen.vertices))}
    for number, shown in ids.nodes.items():
        label = graphs[shown.graph][shown.id].label
        assert label.rpartition("::")[2] == seen.model.layers[number].op.rpartition("::")[2]
    for each in overlays(seen).values():
        for graph, told in each.items():
            assert told["results"].keys() <= graphs[graph].keys()


def drawn(path: Path) -> Picture:
    """What viewers are given, without a process of its own."""
    budget = Budget.build(Settings())
    with closing(Analyses(Settings(), budget)) as analyses, open_model(str(path), budget) as model:
        analyses.give(model)
        return picture(analyses, static_only=True)


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from _nodes(attribute.g)
