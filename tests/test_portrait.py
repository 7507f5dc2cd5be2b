"""Portraits: what a page shows of a model beyond findings, made with its report."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from onnxlint.cli.main import cli
from onnxlint.pipeline import lint_model
from onnxlint.planner import Planner
from onnxlint.portrait.comparison import Comparison, Pair
from onnxlint.portrait.interface import Interface, Port
from onnxlint.portrait.parts import PARTS, NotMade, part, plain
from onnxlint.portraying import portray
from onnxlint.report import ModelReport, decode, encode
from onnxlint.reporters.html import printing
from onnxlint.reporters.html.sections import comparison, section
from onnxlint.settings import Settings
from onnxlint.testing import model_from_text

MODEL = """
<ir_version: 8, opset_import: ["" : 17], producer_name: "maker <b>", doc_string: "two & two">
g (float[N, 3] x) => (float[N, 3] y) { y = Relu(x) }
"""
INTERFACE = Interface("maker", 8, {"": 17}, 1, (Port("x", "float32[N, 3]"),), (Port("y"),))


def reported(folder: Path, *options: str) -> str:
    path = folder / "model.onnx"
    path.write_bytes(model_from_text(MODEL).SerializeToString())
    done = CliRunner().invoke(cli, [str(path), "-f", "html", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("options", [(), ("--static-only",)])
def test_the_page_tells_what_a_model_is_from_outside(tmp_path, options):
    text = reported(tmp_path, *options)
    assert 'id="interface-1"' in text
    assert "float[N, 3]" in text
    assert "maker &lt;b&gt;" in text
    assert "two &amp; two" in text


@pytest.mark.parametrize("made", [INTERFACE, NotMade("no <reason>")])
def test_a_portrait_travels_with_its_report(made):
    report = ModelReport("a.onnx", portrait={"interface": plain(made)})
    again = decode(encode(report), ModelReport)
    assert part(again.portrait or {}, "interface") == made
    assert part({}, "interface") is None


def test_a_part_that_fails_costs_no_finding(tmp_path, monkeypatch):
    monkeypatch.setitem(portray.MAKERS, "interface", "interface:missing_maker")
    module = importlib.import_module("onnxlint.portraying.interface")

    def fails(_subject):
        raise KeyError("<lost>")

    monkeypatch.setattr(module, "missing_maker", fails, raising=False)
    text = reported(tmp_path)
    assert "Not shown: KeyError: " in text
    assert "&lt;lost&gt;" in text


def test_every_part_has_a_type_a_maker_a_section_and_a_template():
    assert set(PARTS) == set(portray.MAKERS) == set(section.VIEWS)
    views = {name: view for name, (_, view) in section.VIEWS.items()}
    rooms = {"portrait": PARTS, "portraying": portray.MAKERS, "reporters.html.sections": views}
    for room, names in rooms.items():
        for module, _, name in (each.partition(":") for each in names.values()):
            assert callable(getattr(importlib.import_module(f"onnxlint.{room}.{module}"), name))
    for each in PARTS:
        assert (printing.TEMPLATES / section.Section(each, "", 1).template).is_file()


REFERENCE = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float[2, 2] v = {1, 0, 0, 1}>
{ h = MatMul(x, w) r = Relu(h) y = MatMul(r, v) }
"""


def test_layers_of_a_model_beside_its_reference(tmp_path):
    reference = model_from_text(REFERENCE)
    (tmp_path / "old.onnx").write_bytes(reference.SerializeToString())
    reference.graph.initializer[1].float_data[0] = 1.5
    (tmp_path / "new.onnx").write_bytes(reference.SerializeToString())
    settings = Settings(reference=tmp_path / "old.onnx")
    job = replace(Planner(settings=settings, select=("CMP002",)).job(str(tmp_path / "new.onnx")),
                  portrays=True)  # fmt: skip
    found = part(lint_model(job).portrait or {}, "comparison")
    assert [each.value for each in found.layers] == ["h", "r", "y"]
    assert [each.error for each in found.layers][:2] == [0, 0]
    assert found.first == 2
    assert found.layers[2].error == found.outputs[0].error > 0.1
    text = reported(tmp_path, "--reference", str(tmp_path / "model.onnx"))
    assert "No divergence in 1 layer (limit 0.1%)." in text


def test_the_first_layer_that_diverges_is_shown_of_however_many():
    pairs = tuple(Pair(f"v{at}", "Relu", f"v{at}", "Relu", 0.0 if at < 7_000 else 0.5)
                  for at in range(9_000))  # fmt: skip
    view = comparison.View(
        Comparison("r.onnx", 8, pairs[-1:], pairs, 7_000, 1e-5), ModelReport("m")
    )
    assert [row.pair.value for row in view.layers if row.is_first] == ["v7000"]
    assert len(view.layers) + view.left_out == 9_000
    assert view.verdict == "v7000 is the first of 9,000 layers to diverge: 50.0% (limit 1.0e-05)."
    lost = Pair("y", "Relu", "y", "Relu", note="it has another shape")
    view = comparison.View(Comparison("r.onnx", 8, (lost,), ()), ModelReport("m"))
    assert view.verdict == "The outputs cannot all be compared."
    assert view.outputs[0].error == "it has another shape"


@pytest.mark.parametrize(
    ("error", "bar"), [(0, 0), (1e-9, 0), (1e-4, 50), (1, 100), (math.inf, 100)]
)
def test_bars_are_logarithmic(error, bar):
    pair = Pair("y", "Relu", "y", "Relu", error)
    view = comparison.View(Comparison("r.onnx", 8, (pair,), ()), ModelReport("m"))
    assert view.outputs[0].bar == bar
