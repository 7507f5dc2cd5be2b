"""`--tensorboard DIR`: read back through TensorBoard's own server, and in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
from browsing import QUIETLY
from click.testing import CliRunner, Result
from conftest import FLAWED, SOUND, tries
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.cli import viewers
from onnxlint.cli.main import cli
from onnxlint.inspection.inspected import Inspected, Layer
from onnxlint.settings import Settings
from onnxlint.testing import model_from_text
from onnxlint.viewers.looking import look
from onnxlint.viewers.paths import Paths
from onnxlint.viewers.picture import Picture, Room, Tensor, Vertex
from onnxlint.viewers.tensorboard_graph import graph_def

pytest.importorskip("tensorboardX")
pytest.importorskip("tensorboard", reason="TensorBoard is not installed")

X = np.array([[1, 0], [-1, 0], [0, 0], [4, 0]], np.float32)
NET = """<ir_version: 9, opset_import: ["" : 17]>
net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {%d, 0, 0, %d}> {
    h = MatMul(x, w)
    a = Sqrt(h)
    b = Log(h)
    c = Reciprocal(h)
    y = Sum(a, b, c)
}"""
HOSTILE = "two|<img src=x onerror=alert(1)>`*.onnx"
NODES = ("/enc/fc/MatMul", "/enc/act/Sqrt", "/enc/act/Log", "/enc/act/Reciprocal", "")
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def write(folder: Path, name: str, factor: int) -> Path:
    model = model_from_text(NET % (factor, factor))
    for node, called in zip(model.graph.node, NODES, strict=True):
        node.name = called
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("board")


@pytest.fixture(scope="module")
def reports(folder: Path) -> list[dict[str, Any]]:
    """What a check of two checkpoints found, which wrote them as steps 3 and 4."""
    np.savez(folder / "data.npz", x=X)
    models = [write(folder, "one.onnx", 1), write(folder, HOSTILE, 2)]
    runs = folder / "runs" / "a"
    done = run("check", *models, "--data", folder / "data.npz", "--tensorboard", runs, "--step", 3,
               "-f", "json", "--select", "ACT,GRA,NUM", "--exit-zero")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert f"step 4 in {runs}" in done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["models"]
    return found


@pytest.fixture(scope="module")
def board(folder: Path, reports: object) -> Iterator[str]:
    """The address of a TensorBoard that has read both steps."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder / "runs"),
               "--host", "127.0.0.1", "--port", "0", "--load_fast=false"]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        line = next((line for line in server.stderr if "http://" in line), "")
        address = re.search(r"http://\S+", line)
        assert address is not None, line
        try:
            _wait_for(address[0])
            yield address[0]
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    for _ in range(1200):
        read = json.loads(ask(address, "text/tags"))
        if (
            "model" in read.get("a", ())
            and len(json.loads(ask(address, "text/text", tag="model"))) == 2
        ):
            return
        time.sleep(0.1)
    raise AssertionError("TensorBoard did not read the steps")


def ask(address: str, what: str, tag: str | None = None) -> bytes:
    query = {"run": "a"} | ({"tag": tag} if tag else {})
    with urlopen(f"{address}data/plugin/{what}?{urlencode(query)}") as answer:
        told: bytes = answer.read()
    return told


def scalar(board: str, tag: str) -> dict[int, float]:
    return {step: value for _, step, value in json.loads(ask(board, "scalars/scalars", tag))}


# The rows of TensorBoard


def test_graph(board):
    from google.protobuf import text_format
    from tensorboardX.proto.graph_pb2 import GraphDef

    nodes = {
        node.name: node for node in text_format.Parse(ask(board, "graphs/graph"), GraphDef()).node
    }
    assert {name: node.op for name, node in nodes.items()} == {
        "inputs/x": "Input", "enc/fc/w": "Const", "enc/fc/MatMul": "MatMul",
        "enc/act/Sqrt": "Sqrt", "enc/act/Log": "Log", "enc/act/Reciprocal": "Reciprocal",
        "Sum_4": "Sum", "outputs/y": "Output",
    }  # fmt: skip
    assert list(nodes["enc/fc/MatMul"].input) == ["inputs/x", "enc/fc/w"]
    assert list(nodes["outputs/y"].input) == ["Sum_4"]
    (shape,) = nodes["enc/fc/MatMul"].attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [-1, 2]
    assert nodes["enc/fc/MatMul"].attr["onnx_name"].s == b"/enc/fc/MatMul"
    assert not any(node.device for node in nodes.values())


def test_histograms(board):
    found = json.loads(ask(board, "histograms/histograms", "activations/enc/fc/MatMul"))
    assert [step for _, step, _ in found] == [3, 4]
    for (_, _, bins), factor in zip(found, (1, 2), strict=True):
        values = factor * X.reshape(-1)
        assert (bins[0][0], bins[-1][1]) == (values.min(), values.max())
        assert sum(count for *_, count in bins) == values.size
        counted = [((values >= low) & (values < high)).sum() for low, high, _ in bins[:-1]]
        assert [count for *_, count in bins[:-1]] == counted
    ((_, _, bins), _) = json.loads(ask(board, "histograms/histograms", "weights/enc/fc/w"))
    assert sum(count for *_, count in bins) == 4


@pytest.mark.parametrize(
    ("node", "counts"),
    [
        ("Sqrt", {"nan": 1, "zero": 5, "positive": 2}),
        ("Log", {"nan": 1, "negative_infinite": 5, "zero": 1, "positive": 1}),
        ("Reciprocal", {"negative": 1, "positive": 2, "positive_infinite": 5}),
    ],
)
def test_health_pills(board, node, counts):
    """As the debugger's: all elements by what kind of number they are."""
    kinds = ("nan", "negative_infinite", "negative", "zero", "positive", "positive_infinite")
    told = {kind: scalar(board, f"health/enc/act/{node}/{kind}")[3] for kind in kinds}
    assert told == dict.fromkeys(kinds, 0) | counts
    table = json.loads(ask(board, "text/text", "health"))[0]["text"]
    cells = "".join(f"<td>{told[kind]:.0f}</td>\n" for kind in kinds)
    assert f"<td><code>enc/act/{node}</code></td>\n{cells}" in table


def test_scalars_over_steps(board, reports):
    assert scalar(board, "scale/enc/fc/MatMul") == {3: 1.5, 4: 3.0}
    for severity in ("error", "warning", "info"):
        found = [sum(one["severity"] == severity for one in each["findings"]) for each in reports]
        assert scalar(board, f"findings/{severity}") == dict(zip((3, 4), found, strict=True))
    rule = "{code}-{name}".format_map(reports[0]["findings"][0])
    assert scalar(board, f"rules/{rule}")[3] >= 1
    assert scalar(board, "model/parameters") == {3: 4.0, 4: 4.0}


def test_findings_as_text(board, reports):
    text = json.loads(ask(board, "text/text", "findings"))[0]["text"]
    assert reports[0]["findings"]
    for found in reports[0]["findings"]:
        assert f"<td>{found['code']} {found['name']}</td>" in text
    assert "<code>enc/act/Sqrt</code>" in text


def test_hostile_names_stay_text(board):
    text = json.loads(ask(board, "text/text", "findings"))[1]["text"]
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;`*.onnx" in text


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
def test_in_a_browser(board, tmp_path):
    """The cards of the time series are there, and those in sight are drawn."""
    shown = subprocess.run(
        [str(BROWSER), *QUIETLY, f"--user-data-dir={tmp_path}",
         "--virtual-time-budget=15000", "--dump-dom", f"{board}#timeseries"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    text = re.sub(r"\s|<[^>]*>", "", shown.stdout)
    assert "activations/Sum_4" in text
    assert "activations6cards" in text
    assert "health36cards" in text


# Files


def test_the_same_model_gives_the_same_bytes_and_a_step_takes_its_own_place(folder, tmp_path):
    model = write(tmp_path, "one.onnx", 1)
    for step in (0, 7, 7):
        assert run("inspect", model, "--static-only", "--tensorboard", tmp_path / "a",
                   "--step", step).exit_code == 0  # fmt: skip
    assert run("inspect", model, "--static-only", "--tensorboard", tmp_path / "b").exit_code == 0
    assert sorted(each.name for each in (tmp_path / "a").iterdir()) == [
        "events.out.tfevents.0000000000.onnxlint-graph",
        "events.out.tfevents.0000000000.onnxlint-step",
        "events.out.tfevents.0000000007.onnxlint-step",
    ]
    for file in (tmp_path / "b").iterdir():
        assert file.read_bytes() == (tmp_path / "a" / file.name).read_bytes()


def test_bodies_and_functions_are_scopes(write_model):
    text = """<ir_version: 9, opset_import: ["" : 17, "my" : 1]>
    net (float[N, 4] x, bool c, int64 n) => (float[N, 4] y) <float[4] w = {1, 2, 3, 4}> {
        h = If(c) < then_branch = t () => (float[N, 4] p) { p = Mul(x, w) },
                    else_branch = e () => (float[N, 4] q) { q = my.f(x) } >
        y = Loop(n, c, h) < body = b (int64 i, bool d, float[N, 4] s) => (bool f, float[N, 4] u)
            { f = Identity(d) u = Add(s, w) } >
    }
    <domain: "my", opset_import: ["" : 17]> f (a) => (b) { b = Relu(a) }"""
    picture = look(str(write_model(text)), Settings(), static_only=True)
    nodes = {node.name: node for node in graph_def(picture, Paths(picture)).node}
    assert list(nodes["If_0"].input) == [
        "inputs/c", "If_0/then_branch/Mul_0", "If_0/else_branch/my__f_0",
    ]  # fmt: skip
    assert list(nodes["Loop_1/body/inputs/s"].input) == ["If_0"]
    assert list(nodes["Loop_1/body/Add_1"].input) == ["Loop_1/body/inputs/s", "w"]
    assert list(nodes["functions/my__f/Relu_0"].input) == ["functions/my__f/inputs/a"]
    assert {end.partition(":")[0] for node in nodes.values() for end in node.input} <= nodes.keys()


NAMES = st.text(max_size=6) | st.sampled_from(["a", "/a/b", "a_1", "../x", "^a:0", "<b>|`", "é"])


@tries(40)
@given(st.lists(NAMES, min_size=1, max_size=6), st.lists(NAMES, max_size=4))
def test_any_names_become_names_of_their_own(nodes, values):
    layers = tuple(
        Layer(at, at, name.rpartition("/")[0] or None, "Relu", name, None, None, 0)
        for at, name in enumerate(nodes)
    )
    tensors = tuple(
        Tensor(name, 0, ("input", "initializer")[at % 2]) for at, name in enumerate(values)
    )
    picture = Picture(
        Inspected("m", 9, {}, "", len(nodes), layers=layers), tensors,
        tuple(Vertex(name, 0, tuple(range(len(values))), ()) for name in nodes),
        (Room("", outputs=tuple(range(len(values)))),),
    )  # fmt: skip
    paths = Paths(picture)
    named = [*paths.nodes, *paths.tensors, *paths.outputs]
    assert len({*named}) == len(named)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\-/]*", name) for name in named)
    graph_def(picture, paths)


# What cannot be done


def refusal(*arguments: object) -> str:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.splitlines()[-1]


def test_without_the_library_it_says_what_to_install(write_model, tmp_path, monkeypatch):
    monkeypatch.setattr(viewers, "find_spec", lambda name: None)
    for command in ("check", "inspect"):
        told = refusal(command, write_model(), "--tensorboard", tmp_path / "runs")
        assert (
            told
            == "Error: --tensorboard requires tensorboardX: pip install 'onnxlint[tensorboard]'"
        )


def test_a_folder_that_cannot_be_written(write_model, tmp_path):
    (tmp_path / "file").write_text("")
    told = refusal("check", write_model(FLAWED), "--tensorboard", tmp_path / "file")
    assert told.endswith("is not a folder; choose another name")
    told = refusal("check", write_model(FLAWED), "--model-explorer", tmp_path / "file" / "runs")
    assert told.endswith("which is not a folder; choose another name")


def test_what_does_not_go_together(write_model, tmp_path):
    model = write_model(SOUND)
    assert "give it, too" in refusal("inspect", model, "--step", 1)
    told = refusal("inspect", model, "y", "--tensorboard", tmp_path)
    assert told == "Error: --tensorboard writes the whole model; leave out 'y'"
    told = refusal("inspect", model, "--sort", "parameters", "--tensorboard", tmp_path)
    assert told == "Error: --tensorboard writes the whole model; leave out '--sort'"
    told = refusal("inspect", model, "--json", "--tensorboard", tmp_path)
    assert told == "Error: --tensorboard writes the whole model; leave out '--json'"
    told = refusal("check", model, "--diff", "--model-explorer", tmp_path)
    assert told == "Error: --diff only shows changes; leave out --model-explorer"
    assert "give a file instead of '-'" in refusal("check", "-", "--tensorboard", tmp_path)
