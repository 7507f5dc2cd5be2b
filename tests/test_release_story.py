"""A team takes the linter up and ships releases with it: the whole way, by the command itself."""

from __future__ import annotations

import datetime
import json
import re
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5
TODAY = datetime.date.today()
ONE_DAY = datetime.timedelta(days=1)


def export(*, layers: int = 3, gain: float = 1.0, softmaxes: int = 1) -> onnx.ModelProto:
    """A classifier of images of 8 x 8 pixels, as an exporter names it.

    `gain` scales the first convolution; of `softmaxes` all but the first are too many.
    """
    rng = np.random.default_rng(7)
    nodes, weights, value, channels = [], [], "image", 1
    for at in range(layers):
        weight = rng.normal(0, (2 / (9 * channels)) ** 0.5, (4, channels, 3, 3))
        weights += [
            tensor(f"features.{at}.weight", weight * (gain if at == 0 else 1)),
            tensor(f"features.{at}.bias", rng.normal(0, 0.1, 4)),
        ]
        nodes += [
            node("Conv", [value, *(tensor.name for tensor in weights[-2:])], f"features/{at}",
                 pads=[1, 1, 1, 1]),
            node("Relu", [f"/features/{at}/Conv_output"], f"features/{at}"),
        ]  # fmt: skip
        value, channels = f"/features/{at}/Relu_output", 4
    weights += [tensor("head.weight", rng.normal(0, 0.5, (4, CLASSES))),
                tensor("head.bias", np.zeros(CLASSES))]  # fmt: skip
    nodes += [
        node("GlobalAveragePool", [value], "pool"),
        node("Flatten", ["/pool/GlobalAveragePool_output"], "pool"),
        node("Gemm", ["/pool/Flatten_output", "head.weight", "head.bias"], "head"),
    ]
    value = "/head/Gemm_output"
    for at in range(softmaxes):
        nodes.append(node("Softmax", [value], f"softmax{at or ''}", axis=-1))
        value = nodes[-1].output[0]
    nodes.append(node("Identity", [value], "out"))
    nodes[-1].output[0] = "scores"
    graph = helper.make_graph(
        nodes, "classifier",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", CLASSES])],
        weights,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
                             producer_name="trainer", producer_version="1.0")  # fmt: skip


def tensor(name: str, values: np.ndarray) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)


def node(op: str, inputs: list[str], module: str, **attributes: Any) -> onnx.NodeProto:
    name = f"/{module}/{op}"
    return helper.make_node(op, inputs, [f"{name}_output"], name=name, **attributes)


def renamed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model as another exporter names it."""
    outer = {value.name for value in (*model.graph.input, *model.graph.output)}

    def other(name: str) -> str:
        return name if name in outer or not name else "v" + re.sub(r"\W", "_", name)

    for at, each in enumerate(model.graph.node):
        each.name = f"n{at}"
        each.input[:] = map(other, each.input)
        each.output[:] = map(other, each.output)
    for weight in model.graph.initializer:
        weight.name = other(weight.name)
    return model


@pytest.fixture
def team(onnxlint, tmp_path):
    """A repository with a model, its data, and the command; `gate` asserts how the gate ends."""
    images = np.random.default_rng(0).random((32, 1, 8, 8), np.float32)
    np.savez(tmp_path / "images.npz", image=images)
    return Team(onnxlint, tmp_path)


class Team:
    def __init__(self, command, folder: Path) -> None:
        self._command = command
        self.folder = folder

    def ship(self, model: onnx.ModelProto, name: str = "classifier.onnx") -> None:
        (self.folder / name).write_bytes(model.SerializeToString())

    def run(self, *arguments: object, ends: int, **environment: str) -> str:
        """Runs the command, and asserts its exit code."""
        done = self._command(*arguments, **environment)
        assert done.returncode == ends, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def gate(self, *more: object, ends: int) -> str:
        return self.run("classifier.onnx", "--data", "images.npz", *more, ends=ends)

    def codes(self, *more: object, ends: int) -> list[str]:
        """The codes of the errors and warnings that the gate reports."""
        report = json.loads(self.gate("--format", "json", *more, ends=ends))
        findings = report["models"][0]["findings"]
        return sorted({each["code"] for each in findings if each["severity"] != "info"})

    def configure(self, text: str) -> None:
        with (self.folder / "onnxlint.toml").open("a", encoding="utf-8") as file:
            file.write("\n" + textwrap.dedent(text))


FLAWED = {"gain": 40.0, "softmaxes": 2, "layers": 2}
"""What a colleague did: values beyond their range, a softmax too many, a layer left out."""
BROKEN = {"ARC001", "CTR002", "CTR003", "CTR004", "CTR010"}
"""The rules that say so."""


def test_the_way_of_a_team(team, tmp_path):
    # A contract of what is there; the gate is clean
    team.ship(export())
    team.run("init", "classifier.onnx", "--data", "images.npz", ends=0)
    assert team.codes(ends=0) == []

    # A colleague's change; every format says what is wrong
    team.ship(export(**FLAWED))
    team.ship(export(), "old.onnx")
    formats = {"sarif": "out.sarif", "junit": "out.xml", "json": "out.json", "jsonl": "out.jsonl",
               "gitlab": "quality.json", "markdown": "out.md", "concise": "out.txt",
               "github": "commands.txt"}  # fmt: skip
    asked = [word for name, file in formats.items() for word in ("-f", f"{name}={file}")]
    told = {"full": team.gate(*asked, "-f", "full", ends=1)}
    told |= {name: (tmp_path / file).read_text() for name, file in formats.items()}
    for name, text in told.items():
        assert [code for code in BROKEN if code not in text] == [], name
    results = json.loads(told["sarif"])["runs"][0]["results"]
    assert {each["ruleId"] for each in results if each["level"] == "error"} >= BROKEN
    failed = {case.get("name", "") for case in ET.fromstring(told["junit"]).iter("testcase")
              if case.find("failure") is not None}  # fmt: skip
    assert [code for code in BROKEN if not any(code in name for name in failed)] == []

    # Shipped all the same: accepted, also when another exporter names everything anew
    team.run("accept", "classifier.onnx", "--data", "images.npz", ends=0)
    assert team.codes(ends=0) == []
    contract = (tmp_path / "onnxlint.toml").read_text()
    (tmp_path / "onnxlint.toml").write_text("")
    team.ship(renamed(export(**FLAWED)))
    assert "ARC001" not in team.codes(ends=0)

    # Another defect of the same rule is seen
    team.ship(renamed(export(**FLAWED | {"softmaxes": 3})))
    assert "ARC001" in team.codes(ends=1)

    # Suppressed for a reason until a day; after that day the gate fails
    team.configure(f"""
        [[suppress]]
        rule = "repeated-softmax"
        model = "classifier.onnx"
        reason = "the third one is taken out next week"
        until = {TODAY + ONE_DAY}
        """)
    assert "ARC001" not in team.codes(ends=0)
    file = tmp_path / "onnxlint.toml"
    file.write_text(file.read_text().replace(str(TODAY + ONE_DAY), str(TODAY - ONE_DAY)))
    assert {"ARC001", "LNT004"} <= {*team.codes(ends=1)}

    # What changed between the two releases, for a reviewer
    file.write_text(contract)
    team.ship(export(**FLAWED))
    changes = team.run("diff", "old.onnx", "classifier.onnx", "--data", "images.npz", "-f",
                       "markdown", ends=0)  # fmt: skip
    for word in ("features.2", "ARC001", "Softmax"):
        assert word in changes


PATTERN = """
[[rule]]
code = "OURT001"
name = "pooled-and-flattened"
severity = "warning"
message = "{f} follows {p}: use ReduceMean"
pattern = "p = GlobalAveragePool(x)  f = Flatten(p)"
summary = "A global pooling that is flattened."
why = "One operator does both."
fix = "Use ReduceMean."
bad = ["net (float[N, 2, 4, 4] x) => (float[N, 2] y) {p = GlobalAveragePool(x) y = Flatten(p)}"]
good = ["net (float[N, 2, 4, 4] x) => (float[N, 2, 1, 1] y) {y = GlobalAveragePool(x)}"]
"""


def test_rules_of_a_team_from_a_wheel_a_folder_and_toml(team, tmp_path, acme_site):
    team.ship(export())
    (tmp_path / "ours").mkdir()
    team.run("new", "rule", "OURS", "too-many-relus", "--in", "ours", ends=0)
    (tmp_path / "pattern.toml").write_text(PATTERN)
    team.configure("""
        rule-paths = ["ours", "pattern.toml"]
        require-packs = ["acme_rules"]
        select = ["ACME", "OURS", "OURT"]

        [rules.abrupt-downsampling]
        most = 0.5
        """)
    missing = team.run("classifier.onnx", "--static-only", ends=2)
    assert missing == ""
    report = json.loads(team.run("classifier.onnx", "--static-only", "--format", "json", ends=0,
                                 PYTHONPATH=str(acme_site)))  # fmt: skip
    found = {finding["code"] for finding in report["models"][0]["findings"]}
    assert found == {"ACME001", "OURS001", "OURT001"}
    assert report["tool"]["packs"]["acme_rules"] == "0.1.0"
