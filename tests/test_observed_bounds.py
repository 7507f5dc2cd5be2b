"""What was observed lies within its bounds; where it does not, the linter says that it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import Transfer
from onnxlint.analyses.ranges.transfers import TRANSFERS, transfer_of
from onnxlint.cli.main import cli
from onnxlint.pipeline import lint
from onnxlint.testing import model_from_text

FIXTURES = Path(__file__).parent.parent / "fixtures"
NET = """
net (float[N, 4] x) => (float[N, 4] y)
<float one = {1}>
{
    h = Relu(x)
    s = Add(h, one)
    y = Log(s)
}
"""
FAMILIES = [
    "pytorch/cnn_*", "pytorch/transformer_*", "pytorch/lstm_*", "sklearn/*", "lightgbm/*",
    "keras/*", "tensorflow/*", "jax/*", "paddle/*", "onnxscript/*", "quantised/*", "digits/*",
]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_what_real_exports_show_lies_within_their_bounds(family):
    paths = sorted(FIXTURES.glob(f"{family}.onnx"))[:1]
    assert paths
    for path in paths:
        found = inspected(path, "--trace", "full")
        bounds = [layer["bound"] for layer in found["layers"] if layer["bound"] is not None]
        assert bounds
        assert not any(bound["violated"] for bound in bounds)


def inspected(path: Path, *options: str) -> dict[str, object]:
    arguments = ["inspect", str(path), "--bounds", "-f", "json", *options]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_value_outside_of_its_bounds_is_our_mistake(monkeypatch, tmp_path):
    wrong = Transfer(lambda at: Range.of(-3.0, -2.0, varies=True), 1.0)
    assert transfer_of("Relu") is not None  # loads the own one, which would else come after
    monkeypatch.setitem(TRANSFERS, "Relu", wrong)
    path = tmp_path / "net.onnx"
    path.write_bytes(model_from_text(NET).SerializeToString())
    report = lint(path, select=["NUM001", "ACT001"])
    defect = next(each for each in report.findings if each.code == "LNT005")
    assert "'h' was observed from 0 to" in defect.message
    assert "outside of its bounds -3 to -2" in defect.message
    assert defect.place.value == "h"


def test_bounds_stand_beside_what_was_observed(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(model_from_text(NET).SerializeToString())
    config = tmp_path / "onnxlint.toml"
    config.write_text("[inputs.x]\nrange = [-2, 3]\n")
    shown = CliRunner().invoke(cli, ["inspect", str(path), "--bounds", "--config", str(config)])
    assert "0 … 3" in shown.output
    found = inspected(path, "--config", str(config))
    assert [layer["bound"]["basis"] for layer in found["layers"]] == ["exact"] * 3
    assert found["layers"][2]["bound"]["high"] == pytest.approx(1.3862944, rel=1e-5)


def test_operators_without_bounds_are_counted(tmp_path):
    text = "net (float[N, 4] x) => (float[N, 4] y) { h = other.Unheard(x) y = Relu(h) }"
    header = '<ir_version: 10, opset_import: ["" : 21, "other" : 1]>'
    path = tmp_path / "net.onnx"
    path.write_bytes(model_from_text(header + text).SerializeToString())
    assert inspected(path, "--static-only")["unknown_operators"] == {"other::Unheard": 1}
